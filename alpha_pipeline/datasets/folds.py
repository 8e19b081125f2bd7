"""Walk-forward folds, and what a model of a fold may learn from.

An expanding window with calendar-anchored boundaries: where the data end changes no boundary, so cutting the
data after a session t changes neither the folds before t nor what their models saw.

Sources: purging and embargo after Lopez de Prado, *Advances in Financial Machine Learning*, 2018, chapter 7.
A label is bound by when it is *known* (`known_at`), not by its session plus its horizon.
"""

import datetime as dt
import hashlib
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from alpha_pipeline import sessions
from alpha_pipeline.datasets.samples import FloatArray, IntArray, Samples, SingleArray
from alpha_pipeline.errors import NotEnoughDataError

FIRST_OUT_OF_SAMPLE = dt.date(2016, 1, 4)


@dataclass(frozen=True)
class Fold:
    """One period of forecasts: its models learn from labels known before `first_session`.

    Attributes:
        index: place in the sequence, from 0.
        first_session: the first session forecast.
        end_session: the first session of the next fold (exclusive), a boundary of the calendar and not of the
            data.
    """

    index: int
    first_session: dt.date
    end_session: dt.date


@dataclass(frozen=True)
class SliceRule:
    """How the labels before a fold are split.

    Attributes:
        validation_sessions: the last labels, kept from training for early stopping, thresholds and penalties.
        embargo_sessions: sessions between the last training label's `known_at` and the first validation
            session.
        minimum_training: fewest training samples; a ticker starts at its first fold that has them.
    """

    validation_sessions: int
    embargo_sessions: int
    minimum_training: int


@dataclass(frozen=True)
class TrainingData:
    """All that training one model of one fold sees. No row after the last usable label is in it.

    Attributes:
        ticker: whose.
        fold: for which fold.
        columns: names of the inputs, length F.
        inputs: float32 (m, F), from the ticker's first row to the last validation row.
        targets: float32 (m, H), in units of `unit`; NaN where no label may be used.
        unit: (m, H), what turns a target into a log return.
        train_rows: rows whose window and label are trained on, ascending.
        validation_rows: likewise for validation, all later than every training label is known.
        window: rows in a window.
        horizons: in sessions.
        trained_through: the last session whose label was used, for training or validation.
    """

    ticker: str
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
    def scaling_rows(self) -> SingleArray:
        """The input rows that training windows cover: the only ones a scaler may see."""
        return self.inputs[self.train_rows[0] - self.window + 1 : self.train_rows[-1] + 1]

    def digest(self) -> str:
        """SHA-256 of every value that training depends on."""
        digest = hashlib.sha256()
        named = (self.ticker, self.columns, self.window, self.horizons, self.fold, self.trained_through)
        digest.update(repr(named).encode())
        for array in (self.inputs, self.targets, self.unit, self.train_rows, self.validation_rows):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def walk_forward_folds(
    last: dt.date, *, first_oos: dt.date = FIRST_OUT_OF_SAMPLE, retrain_months: int = 12
) -> tuple[Fold, ...]:
    """The folds up to the one that holds `last`.

    The first begins at `first_oos`; each later one at the first session of a calendar period of
    `retrain_months` months counted from January.

    Args:
        last: the last session to be forecast.
        first_oos: the first session forecast out of sample.
        retrain_months: months between two folds; divides 12.

    Raises:
        ValueError: `retrain_months` does not divide 12.
        NotEnoughDataError: `last` lies before `first_oos`.
    """
    if retrain_months < 1 or 12 % retrain_months:
        raise ValueError(f"retrain_months must divide 12, was {retrain_months}")
    first = sessions.at_or_after(first_oos)
    if last < first:
        raise NotEnoughDataError(f"The data end on {last}, before the first out-of-sample session {first}")
    starts = [first]
    while starts[-1] <= last:
        starts.append(_next_period(starts[-1], retrain_months))
    return tuple(Fold(index, *bounds) for index, bounds in enumerate(pairwise(starts)))


def _next_period(day: dt.date, months: int) -> dt.date:
    """The first session of the calendar period after the one that holds `day`."""
    start = (day.month - 1) // months * months + months  # months since January of the same year
    return sessions.at_or_after(dt.date(day.year + start // 12, start % 12 + 1, 1))


def training_data(samples: Samples, fold: Fold, rule: SliceRule) -> TrainingData:
    """Cut what a model of this fold may learn from.

    A row is used when its window is whole, past the warm-up, and its label at every horizon is known before
    the fold's first session. The last `validation_sessions` of these are for validation; training keeps those
    whose label is known, plus the embargo, before the first validation session.

    Raises:
        NotEnoughDataError: fewer than `minimum_training` samples are left for training.
    """
    known = samples.known_at.max(axis=1)
    rows = np.arange(len(known))
    usable = rows[(rows >= samples.first_usable) & (known < sessions.position(fold.first_session))]
    # Without at least one training row the split below has nothing to bound.
    validation = usable[-rule.validation_sessions :]
    first_validation = samples.positions[validation[0]] if len(validation) else 0
    train = usable[known[usable] + rule.embargo_sessions < first_validation]
    if len(train) < rule.minimum_training:
        raise NotEnoughDataError(
            f"{samples.ticker}: fold {fold.index} (from {fold.first_session}) has {len(train)} training "
            f"samples, {rule.minimum_training} are needed"
        )
    end = int(validation[-1]) + 1
    used = np.zeros(end, dtype=bool)
    used[train] = used[validation] = True
    unit = samples.unit[:end]
    targets = np.where(used[:, None], samples.targets[:end] / unit, np.nan)
    return TrainingData(
        ticker=samples.ticker,
        fold=fold,
        columns=samples.columns,
        inputs=samples.inputs[:end],
        targets=targets.astype(np.float32),
        unit=unit,
        train_rows=train,
        validation_rows=validation,
        window=samples.window,
        horizons=samples.horizons,
        trained_through=samples.sessions[end - 1],
    )
