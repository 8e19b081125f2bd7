"""Samples: one ticker's inputs, targets and volatility on one row per session, ready to be cut into windows.

A window is the `window` consecutive rows that end at a session t; nothing after t is in it. Windows are never
stored: they are views of the inputs, taken where they are used.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from alpha_pipeline import sessions
from alpha_pipeline.datasets.inputs import FeatureInputs, SampleRequest
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.universe import is_index

FloatArray = npt.NDArray[np.float64]
SingleArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

VOL_LOOK_BACK = 20  # sessions before the first volatility
VOL_DECAY = 0.94  # RiskMetrics' daily decay
VOL_FLOOR = 1e-3  # log return a session: keeps the targets of a halted stock finite
RAW_BAR_COLUMNS = ("log_open", "log_high", "log_low", "log_close", "log1p_volume")
# A label that no held bar completes is known at no session of the calendar.
NEVER = np.int64(2**62)


@dataclass(frozen=True)
class Samples:
    """One ticker's rows, ascending by session.

    Attributes:
        ticker: whose.
        columns: names of the inputs, length F.
        sessions: the session of each row, length n.
        positions: their places in the XNYS calendar, (n,).
        inputs: float32 (n, F); NaN where a feature is not known.
        targets: forward log returns (n, H): open to open, or close to close for an index. NaN where not yet
            known.
        known_at: calendar position from which each label is known, (n, H); `NEVER` where not yet known.
        vol: trailing volatility per session known at the row's close, log return, (n,). NaN in the warm-up.
        horizons: the H horizons, in sessions.
        window: rows in a window.
        first_usable: the first row whose whole window lies past the warm-up.
    """

    ticker: str
    columns: tuple[str, ...]
    sessions: tuple[dt.date, ...]
    positions: IntArray
    inputs: SingleArray
    targets: FloatArray
    known_at: IntArray
    vol: FloatArray
    horizons: tuple[int, ...]
    window: int
    first_usable: int

    @property
    def unit(self) -> FloatArray:
        """The scale of each target, (n, H): volatility times the root of the horizon, as a random walk's."""
        unit: FloatArray = self.vol[:, None] * np.sqrt(np.array(self.horizons, dtype=np.float64))
        return unit


def build_samples(
    ticker: str,
    experiment: SampleRequest,
    features: Mapping[str, pl.DataFrame],
    bars: pl.DataFrame,
    targets: pl.DataFrame,
) -> Samples:
    """Bring one ticker's inputs, targets and volatility together.

    Args:
        ticker: whose; rows of other tickers in the frames are left out.
        experiment: which inputs, window and horizons.
        features: frames by feature set, with ticker, session and Float64 columns; unused for raw bars.
        bars: `raw.bars`.
        targets: `targets.forward`.

    Raises:
        NotEnoughDataError: the ticker has no bars, or a feature set or horizon is missing.
    """
    own = bars.filter(pl.col("ticker") == ticker).sort("session")
    if own.is_empty():
        raise NotEnoughDataError(f"{ticker}: no bars, so {experiment.name} has nothing to learn from")
    days = tuple(own["session"].to_list())
    if isinstance(experiment.inputs, FeatureInputs):
        frame = _joined_features(ticker, experiment.inputs.sets, features, own.select("session"))
        columns, inputs = tuple(frame.columns), frame.to_numpy()
    else:
        columns, inputs = RAW_BAR_COLUMNS, _raw_bars(own)
    labels, known_at = _labels(ticker, experiment, targets, days)
    vol = trailing_vol(own["adj_close"].to_numpy())
    return Samples(
        ticker=ticker,
        columns=columns,
        sessions=days,
        positions=np.array([sessions.position(day) for day in days], dtype=np.int64),
        inputs=np.ascontiguousarray(inputs, dtype=np.float32),
        targets=labels,
        known_at=known_at,
        vol=vol,
        horizons=experiment.target.horizons,
        window=experiment.window,
        first_usable=_warm_up(inputs) + experiment.window - 1,
    )


def trailing_vol(adj_close: FloatArray) -> FloatArray:
    """Exponentially weighted volatility per session, (n,), known at each close.

    The RiskMetrics recursion ``v_t = decay v_{t-1} + (1 - decay) r_t^2`` on close-to-close log returns,
    started from the mean of the first `VOL_LOOK_BACK` squares; NaN before. Sequential, so later bars change
    no bit.

    Source: J.P. Morgan/Reuters, RiskMetrics Technical Document, 4th ed., 1996, section 5.2.
    """
    vol = np.full(len(adj_close), np.nan)
    if len(adj_close) <= VOL_LOOK_BACK:
        return vol
    # The log of a ratio, not a difference of logs: a later 2:1 or 4:1 split leaves every bit of it.
    squares = np.log(adj_close[1:] / adj_close[:-1]) ** 2  # squares[i] belongs to row i + 1
    variance = float(squares[:VOL_LOOK_BACK].mean())
    vol[VOL_LOOK_BACK] = variance
    for row in range(VOL_LOOK_BACK + 1, len(adj_close)):
        variance = VOL_DECAY * variance + (1 - VOL_DECAY) * float(squares[row - 1])
        vol[row] = variance
    return np.maximum(np.sqrt(vol), VOL_FLOOR)


def _joined_features(
    ticker: str, sets: Sequence[str], features: Mapping[str, pl.DataFrame], rows: pl.DataFrame
) -> pl.DataFrame:
    """The asked sets side by side, one row per bar, columns named ``set.column``."""
    joined = rows
    for name in sets:
        if name not in features:
            raise NotEnoughDataError(f"{ticker}: the feature set {name} is needed, and was not given")
        own = features[name].filter(pl.col("ticker") == ticker).drop("ticker")
        renamed = own.rename({column: f"{name}.{column}" for column in own.columns if column != "session"})
        joined = joined.join(renamed, on="session", how="left", maintain_order="left")
    return joined.drop("session").fill_null(float("nan"))


def _raw_bars(own: pl.DataFrame) -> FloatArray:
    """Log adjusted OHLC and log volume, (n, 5)."""
    factor = pl.col("adj_close") / pl.col("close")
    prices = [(pl.col(name) * factor).log() for name in ("open", "high", "low", "close")]
    return own.select(*prices, pl.col("volume").cast(pl.Float64).log1p()).to_numpy()


def _labels(
    ticker: str, experiment: SampleRequest, targets: pl.DataFrame, days: tuple[dt.date, ...]
) -> tuple[FloatArray, IntArray]:
    """Forward log returns and the positions from which they are known, both (n, H)."""
    horizons = experiment.target.horizons
    value = "close_log_return" if is_index(ticker) else "open_log_return"
    own = targets.filter(pl.col("ticker") == ticker)
    row_of = {day: row for row, day in enumerate(days)}
    labels = np.full((len(days), len(horizons)), np.nan)
    known_at = np.full((len(days), len(horizons)), NEVER, dtype=np.int64)
    for column, horizon in enumerate(horizons):
        rows = own.filter(pl.col("horizon") == horizon)
        if rows.is_empty() and not own.is_empty():
            raise NotEnoughDataError(f"{ticker}: {experiment.name} needs targets at horizon {horizon}, none is held")
        for day, label, known in rows.select("session", value, "known_at").iter_rows():
            if day in row_of and label is not None:
                labels[row_of[day], column] = label
                known_at[row_of[day], column] = sessions.position(known)
    return labels, known_at


def _warm_up(inputs: npt.NDArray[np.floating]) -> int:
    """Rows before the inputs can be used, seen from the past alone: what comes later never moves it."""
    known = np.isfinite(inputs).mean(axis=1) >= 0.8
    first = int(np.argmax(known)) if known.any() else len(inputs)
    return max(first, VOL_LOOK_BACK)
