"""Why a shared model's forecast is what it is: what moved it, whom it looked at, what the model relies on.

As in `explain`, from the members of the session's fold, the session's window and what the fold learned from. A ticker
is hidden by being absent, which the model knows how to read; prices and volume, as there, by the windows of ordinary
sessions moved to the same last value.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
import torch

from alpha_pipeline.datasets.folds import Fold
from alpha_pipeline.datasets.matrix import MatrixSamples, MatrixTrainingData, matrix_training_data
from alpha_pipeline.datasets.samples import FloatArray, IntArray, SingleArray
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.forecasting.ensemble import groups
from alpha_pipeline.forecasting.explain import STRONGEST_FEATURES, Explanation
from alpha_pipeline.forecasting.importance import PERMUTATIONS, Importance
from alpha_pipeline.forecasting.occlusion import Effect, spread
from alpha_pipeline.forecasting.walk_forward import one_thread
from alpha_pipeline.models.contract import Prediction
from alpha_pipeline.models.matrix import MatrixTransformer
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.training.artifact import Artifact
from alpha_pipeline.training.losses import student_t_nll
from alpha_pipeline.training.weights import restore

OTHERS: Final = "the other tickers"
_CHUNK: Final = 32  # windows of all tickers read at once

# From windows (K, T, N, C) and those of other sessions, to windows without what is hidden or permuted.
Change = Callable[[SingleArray, SingleArray], SingleArray]


@dataclass(frozen=True)
class _Shared:
    """The members of one fold, and the ticker that is explained."""

    samples: MatrixSamples
    models: tuple[MatrixTransformer, ...]
    place: int

    def windows(self, rows: IntArray) -> SingleArray:
        """The windows of all tickers that end in some rows, a copy (K, T, N, C)."""
        views = np.lib.stride_tricks.sliding_window_view(self.samples.inputs, self.samples.window, axis=0)
        return np.ascontiguousarray(views[rows - self.samples.window + 1].transpose(0, 3, 1, 2))

    def read(self, model: MatrixTransformer, windows: SingleArray) -> Prediction:
        """What a member says of the ticker, for windows (K, T, N, C): distributions (K, H)."""
        with torch.inference_mode(), one_thread():
            parts = [model(chunk) for chunk in torch.split(torch.from_numpy(windows), _CHUNK)]
        return Prediction(
            torch.cat([part.location[:, self.place] for part in parts]),
            torch.cat([part.log_scale[:, self.place] for part in parts]),
            parts[0].degrees_of_freedom,
        )

    def expected(self, windows: SingleArray) -> FloatArray:
        """The expected return in units of volatility, mean over members, (K, H)."""
        said: FloatArray = np.mean(
            [self.read(model, windows).location.double().numpy() for model in self.models], axis=0
        )
        return said


def explain_matrix(
    samples: MatrixSamples,
    experiment: Experiment,
    artifacts: Iterable[Artifact],
    ticker: str,
    session: dt.date,
    horizon: int,
) -> Explanation:
    """Explain one ticker's forecast by a shared model.

    Args:
        samples: of all tickers that the members learned from.
        experiment: what the artifacts were trained as.
        artifacts: the members that made the forecast, one per seed.
        ticker: whose forecast.
        session: at whose close it was made.
        horizon: in sessions, one of the experiment's.

    Returns:
        Its groups are the prices, the volume and `OTHERS`; its features the other tickers, one hidden at a time; and
        `looked_at` the attention over tickers.

    Raises:
        NotEnoughDataError: there is no artifact, a ticker that one learned from is not held, or the ticker cannot be
            forecast at the session.
        ArtifactError: the weights do not fit the experiment.
    """
    members = sorted(artifacts, key=lambda artifact: artifact.card.seed)
    if not members:
        raise NotEnoughDataError(f"{ticker}: {experiment.name} has no trained model to explain")
    own = samples.only(members[0].card.tickers)
    row = own.sessions.index(session) if session in own.sessions else -1
    place = own.tickers.index(ticker)
    if row < 0 or not own.usable[row, place]:
        raise NotEnoughDataError(f"{ticker}: no window that can be forecast ends on {session}")
    models = tuple(cast(MatrixTransformer, restore(experiment, one, len(own.columns))[0]) for one in members)
    shared = _Shared(own, models, place)
    data = _learned_from(own, experiment, members[0])
    at = own.horizons.index(horizon)
    window = shared.windows(np.array([row]))  # (1, T, N, C)
    donors = shared.windows(spread(data.train_rows))
    unit = float(own.unit[row, place, at])
    expected = float(shared.expected(window)[0, at]) * unit

    def effect(name: str, hidden: SingleArray) -> Effect:
        return Effect(name, expected - float(shared.expected(hidden)[:, at].mean()) * unit, None)

    by_group = [effect(name, change(window, donors)) for name, change in _hidden(own, place).items()]
    alone = [effect(name, _without(window, [other])) for other, name in enumerate(own.tickers) if other != place]
    return Explanation(
        session=session,
        horizon=horizon,
        window=own.sessions[row - own.window + 1 : row + 1],
        expected_return=expected,
        prob_event=None,
        groups=tuple(sorted(by_group, key=lambda one: -abs(one.on_return))),
        features=tuple(sorted(alone, key=lambda one: -abs(one.on_return)))[:STRONGEST_FEATURES],
        importance=_importance(shared, data),
        attention=None,
        edges=(),
        looked_at=_looked_at(shared, window),
    )


def _learned_from(samples: MatrixSamples, experiment: Experiment, artifact: Artifact) -> MatrixTrainingData:
    card = artifact.card
    fold = Fold(card.fold, card.first_session, card.end_session)
    return matrix_training_data(samples, fold, experiment.training.slice_rule)


def _hidden(samples: MatrixSamples, place: int) -> Mapping[str, Change]:
    """Group -> the window without it: channels of ordinary sessions at the same last value, or absent tickers."""
    others = [at for at in range(len(samples.tickers)) if at != place]
    return {
        **{name: _ordinary(places) for name, places in groups(samples.columns).items()},
        OTHERS: lambda window, _: _without(window, others),
    }


def _ordinary(places: Sequence[int]) -> Change:
    def change(window: SingleArray, donors: SingleArray) -> SingleArray:
        moved = donors - donors[:, -1:] + window[:, -1:]
        changed = np.repeat(window, len(donors), axis=0)
        chosen = np.isin(np.arange(window.shape[-1]), places) & np.isfinite(moved) & np.isfinite(changed)
        return np.where(chosen, moved, changed)  # who is there and who is not stays

    return change


def _without(window: SingleArray, tickers: Sequence[int]) -> SingleArray:
    """The window with some tickers absent."""
    changed = window.copy()
    changed[:, :, tickers] = np.nan
    return changed


def _permuted(samples: MatrixSamples, place: int) -> Mapping[str, Change]:
    """Group -> the windows with that group taken from others, session by session."""

    def channels(places: Sequence[int]) -> Change:
        def change(windows: SingleArray, others: SingleArray) -> SingleArray:
            chosen = np.isin(np.arange(windows.shape[-1]), places) & np.isfinite(others) & np.isfinite(windows)
            return np.where(chosen, others, windows)

        return change

    def tickers(windows: SingleArray, others: SingleArray) -> SingleArray:
        is_own = np.arange(len(samples.tickers))[:, None] == place
        return np.where(is_own, windows, others)

    return {**{name: channels(places) for name, places in groups(samples.columns).items()}, OTHERS: tickers}


def _importance(shared: _Shared, data: MatrixTrainingData) -> tuple[Importance, ...]:
    """What the members lose on the ticker's validation labels when a group is that of another session."""
    place = data.tickers.index(shared.samples.tickers[shared.place])
    rows = data.validation_rows[data.labelled[data.validation_rows, place]]
    targets = torch.from_numpy(data.targets[rows, place])
    windows = shared.windows(rows)
    orders = [np.random.default_rng(number).permutation(len(rows)) for number in range(PERMUTATIONS)]
    changes = _permuted(shared.samples, shared.place)

    def loss(model: MatrixTransformer, changed: SingleArray) -> float:
        return float(student_t_nll(shared.read(model, changed), targets))

    whole = [loss(model, windows) for model in shared.models]
    found = []
    for name, change in changes.items():
        increases = np.array(
            [
                np.mean(
                    [loss(m, change(windows, windows[order])) - w for m, w in zip(shared.models, whole, strict=True)]
                )
                for order in orders
            ]
        )
        error = float(increases.std(ddof=1)) / np.sqrt(len(orders))
        found.append(Importance(name, float(increases.mean()), float(error)))
    return tuple(sorted(found, key=lambda one: -one.increase))


def _looked_at(shared: _Shared, window: SingleArray) -> tuple[tuple[str, float], ...]:
    """The tickers that the ticker looked at, itself among them, mean over members, largest first."""
    with torch.inference_mode(), one_thread():
        maps = [model.ticker_attention(torch.from_numpy(window))[0, shared.place] for model in shared.models]
    weights = torch.stack(maps).double().mean(dim=0).numpy()
    pairs = zip(shared.samples.tickers, weights.tolist(), strict=True)
    return tuple(sorted(((name, weight) for name, weight in pairs if weight > 0), key=lambda pair: -pair[1]))
