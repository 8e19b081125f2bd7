"""The matrix: the raw bars of several tickers on one grid of sessions, and what a fold's model may learn from it.

A ticker that is not yet listed, or has no bar that session, is absent there: its inputs are NaN. Nothing is filled
in, so a model sees who was there and who was not.

Dimensions: n sessions, N tickers, C channels, H horizons.
"""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from alpha_pipeline import sessions as calendar
from alpha_pipeline.datasets.folds import Fold, SliceRule
from alpha_pipeline.datasets.samples import NEVER, RAW_BAR_COLUMNS, FloatArray, IntArray, Samples, SingleArray
from alpha_pipeline.errors import NotEnoughDataError

BoolArray = npt.NDArray[np.bool_]

# What stands in a ticker's place where a model is that of all of them.
ALL: Final = "*"


@dataclass(frozen=True)
class MatrixSamples:
    """Several tickers' rows on every XNYS session from the first bar of any to the last bar of any.

    Attributes:
        tickers: whose, length N, in the order of the second axis.
        columns: names of the channels, `RAW_BAR_COLUMNS`.
        sessions: the session of each row, length n, ascending, without gaps.
        positions: their places in the XNYS calendar, (n,).
        inputs: float32 (n, N, C); all channels NaN where a ticker is absent.
        present: whether a ticker has a whole bar, (n, N).
        targets: forward log returns (n, N, H), as in `Samples`; NaN where not known or absent.
        known_at: calendar position from which each label is known, (n, N, H); `NEVER` where it is not.
        vol: trailing volatility per session, log return, (n, N); NaN where absent and in a ticker's warm-up.
        horizons: the H horizons, in sessions.
        window: rows in a window.
    """

    tickers: tuple[str, ...]
    columns: tuple[str, ...]
    sessions: tuple[dt.date, ...]
    positions: IntArray
    inputs: SingleArray
    present: BoolArray
    targets: FloatArray
    known_at: IntArray
    vol: FloatArray
    horizons: tuple[int, ...]
    window: int

    @property
    def ticker(self) -> str:
        """Whose models learn from it: `ALL`."""
        return ALL

    @property
    def unit(self) -> FloatArray:
        """The scale of each target, (n, N, H), as in `Samples`; NaN where `vol` is."""
        unit: FloatArray = self.vol[..., None] * np.sqrt(np.array(self.horizons, dtype=np.float64))
        return unit

    @property
    def usable(self) -> BoolArray:
        """Where a ticker can be forecast, (n, N): it is there, past its warm-up, and the window fits on the grid.

        The rest of its window may be missing: a ticker listed within it is absent before its listing.
        """
        usable = self.present & np.isfinite(self.vol)
        usable[: self.window - 1] = False
        return usable

    def only(self, tickers: Sequence[str]) -> "MatrixSamples":
        """Some of the tickers, in the order given, on the same sessions.

        Raises:
            NotEnoughDataError: one of them is not held.
        """
        missing = [ticker for ticker in tickers if ticker not in self.tickers]
        if missing:
            raise NotEnoughDataError(f"The matrix holds no bars of {', '.join(missing)}")
        places = [self.tickers.index(ticker) for ticker in tickers]
        arrays = {name: getattr(self, name)[:, places] for name in ("inputs", "present", "targets", "known_at", "vol")}
        return replace(self, tickers=tuple(tickers), **arrays)

    def of(self, ticker: str) -> Samples:
        """One ticker's rows on the sessions of the matrix: where it is absent, nothing is known."""
        place, usable = self.tickers.index(ticker), self.usable
        return Samples(
            ticker=ticker,
            columns=self.columns,
            sessions=self.sessions,
            positions=self.positions,
            inputs=self.inputs[:, place],
            targets=self.targets[:, place],
            known_at=self.known_at[:, place],
            vol=self.vol[:, place],
            horizons=self.horizons,
            window=self.window,
            first_usable=int(usable[:, place].argmax()) if usable[:, place].any() else len(self.sessions),
        )


@dataclass(frozen=True)
class MatrixTrainingData:
    """All that training one model of one fold sees. No row after the last usable label is in it.

    Its tickers are those with a label to learn from or to validate on: who is listed later is not known yet.

    Attributes:
        tickers: length N.
        fold: for which fold.
        columns: names of the channels, length C.
        inputs: float32 (m, N, C), up to the last validation row; NaN where absent.
        targets: float32 (m, N, H), in units of `unit`; NaN where no label may be used.
        unit: (m, N, H), what turns a target into a log return; NaN where absent and in a ticker's warm-up.
        train_rows: sessions with a label that is trained on, ascending.
        validation_rows: likewise for validation, all later than every training label is known.
        window: rows in a window.
        horizons: in sessions.
        trained_through: the last session whose label was used, for training or validation.
    """

    tickers: tuple[str, ...]
    fold: Fold
    columns: tuple[str, ...]
    inputs: SingleArray
    targets: SingleArray
    unit: FloatArray
    train_rows: IntArray
    validation_rows: IntArray
    window: int
    horizons: tuple[int, ...]
    trained_through: dt.date

    @property
    def ticker(self) -> str:
        """Whose the model is: `ALL`."""
        return ALL

    @property
    def present(self) -> BoolArray:
        """Whether a ticker has a whole bar, (m, N)."""
        return _whole(self.inputs)

    @property
    def labelled(self) -> BoolArray:
        """Which (row, ticker) have a label that may be used, (m, N)."""
        return _whole(self.targets)

    def digest(self) -> str:
        """SHA-256 of every value that training depends on, the tickers and their order among them."""
        digest = hashlib.sha256()
        named = (self.tickers, self.columns, self.window, self.horizons, self.fold, self.trained_through)
        digest.update(repr(named).encode())
        for array in (self.inputs, self.targets, self.unit, self.train_rows, self.validation_rows):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def build_matrix(samples: Sequence[Samples]) -> MatrixSamples:
    """Lay several tickers' samples of one raw-bar experiment on one grid, in the order given.

    Raises:
        NotEnoughDataError: no samples.
        ValueError: samples of other inputs than raw bars, of different experiments, or a ticker twice.
    """
    if not samples:
        raise NotEnoughDataError("A matrix needs the bars of at least one ticker, none was given")
    _check_alike(samples)
    first = min(int(one.positions[0]) for one in samples)
    last = max(int(one.positions[-1]) for one in samples)
    n, N, H = last - first + 1, len(samples), len(samples[0].horizons)
    inputs = np.full((n, N, len(RAW_BAR_COLUMNS)), np.nan, dtype=np.float32)
    targets, vol = np.full((n, N, H), np.nan), np.full((n, N), np.nan)
    known_at = np.full((n, N, H), NEVER, dtype=np.int64)
    for column, one in enumerate(samples):
        whole = _whole(one.inputs)
        rows = one.positions[whole] - first
        inputs[rows, column] = one.inputs[whole]
        targets[rows, column], vol[rows, column] = one.targets[whole], one.vol[whole]
        known_at[rows, column] = one.known_at[whole]
    return MatrixSamples(
        tickers=tuple(one.ticker for one in samples),
        columns=RAW_BAR_COLUMNS,
        sessions=calendar.all_sessions()[first : last + 1],
        positions=np.arange(first, last + 1, dtype=np.int64),
        inputs=inputs,
        present=_whole(inputs),
        targets=targets,
        known_at=known_at,
        vol=vol,
        horizons=samples[0].horizons,
        window=samples[0].window,
    )


def _whole(values: SingleArray | FloatArray) -> BoolArray:
    """Where all of the last axis is known: (..., C) to (...)."""
    return np.asarray(np.isfinite(values).all(axis=-1))


def _check_alike(samples: Sequence[Samples]) -> None:
    for one in samples:
        if one.columns != RAW_BAR_COLUMNS:
            raise ValueError(f"{one.ticker}: a matrix is made of {RAW_BAR_COLUMNS}, these are {one.columns}")
        if (one.horizons, one.window) != (samples[0].horizons, samples[0].window):
            raise ValueError(f"{one.ticker}: other horizons or another window than {samples[0].ticker}")
    tickers = [one.ticker for one in samples]
    twice = sorted({ticker for ticker in tickers if tickers.count(ticker) > 1})
    if twice:
        raise ValueError(f"A ticker has one column in a matrix, given twice: {', '.join(twice)}")


def matrix_training_data(samples: MatrixSamples, fold: Fold, rule: SliceRule) -> MatrixTrainingData:
    """Cut what a model of this fold may learn from.

    A (row, ticker) is used when the ticker can be forecast there and its label at every horizon is known before the
    fold's first session. The last `validation_sessions` sessions with such a label are for validation; training keeps
    the labels that are known, plus the embargo, before the first of these. A sample is a session, whoever is there.

    Raises:
        NotEnoughDataError: fewer than `minimum_training` sessions are left for training.
    """
    known = samples.known_at.max(axis=2)  # (n, N)
    usable = samples.usable & (known < calendar.position(fold.first_session))
    validation = np.flatnonzero(usable.any(axis=1))[-rule.validation_sessions :]
    # Without a single label the split below has nothing to bound.
    first_validation = samples.positions[validation[0]] if len(validation) else 0
    used = usable & (known + rule.embargo_sessions < first_validation)
    train = np.flatnonzero(used.any(axis=1))
    if len(train) < rule.minimum_training:
        raise NotEnoughDataError(
            f"{len(samples.tickers)} tickers: fold {fold.index} (from {fold.first_session}) has {len(train)} training "
            f"sessions, {rule.minimum_training} are needed"
        )
    used[validation] = usable[validation]
    end, own = int(validation[-1]) + 1, used.any(axis=0)
    unit = samples.unit[:end, own]
    targets = np.where(used[:end, own, None], samples.targets[:end, own] / unit, np.nan)
    return MatrixTrainingData(
        tickers=tuple(ticker for ticker, kept in zip(samples.tickers, own, strict=True) if kept),
        fold=fold,
        columns=samples.columns,
        inputs=samples.inputs[:end, own],
        targets=targets.astype(np.float32),
        unit=unit,
        train_rows=train,
        validation_rows=validation,
        window=samples.window,
        horizons=samples.horizons,
        trained_through=samples.sessions[end - 1],
    )
