"""Explanations: what is used moves the forecast, what is not does not, and nothing later than the session counts."""

import dataclasses
import datetime as dt
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from alpha_pipeline.datasets.samples import Samples
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.forecasting.ensemble import Reader, groups, learned_from, outcome, readers
from alpha_pipeline.forecasting.explain import Explanation, attention, explain, fold_importance, strongest_edges
from alpha_pipeline.forecasting.importance import PERMUTATIONS, permutation_importance
from alpha_pipeline.forecasting.occlusion import occlude
from alpha_pipeline.models.blocks.kan import ChebyshevKAN
from alpha_pipeline.models.hybrid import Hybrid
from alpha_pipeline.models.v17 import V17
from alpha_pipeline.training.artifact import Artifact
from alpha_pipeline.training.trainer import Chain, train
from alpha_pipeline_tests.forecasting.test_walk_forward import artifacts_of, forecast_of
from alpha_pipeline_tests.learning_world import ARCHITECTURES, LAST, experiment, folds_to, samples_of

SESSION = dt.date(2016, 8, 19)
FEATURES = tuple(f"technical.x{i}" for i in range(4))


def explained(kind: str, *, last: dt.date = LAST, horizon: int = 1, seeds: int = 1) -> Explanation:
    made = experiment(kind)
    members = [one for one in artifacts_of(kind, seeds=seeds) if one.card.fold == 1]
    return explain(samples_of(made, last=last, knowing=0.3), made, members, SESSION, horizon)


def world(kind: str, knowing: float = 0.3) -> tuple[Samples, tuple[Reader, ...], Artifact]:
    """Samples, and the readers of their second fold."""
    made = experiment(kind)
    samples = samples_of(made, knowing=knowing)
    if knowing == 0.3:
        artifacts: Sequence[Artifact] = artifacts_of(kind)
    else:
        artifacts = train(
            [Chain(made, samples, 0, folds_to()[:2])], load=lambda *_: None, save=lambda _: None
        ).artifacts
    members = readers(samples, made, [one for one in artifacts if one.card.fold == 1])
    return samples, members, members[0].artifact


@pytest.mark.parametrize("kind", sorted(ARCHITECTURES))
def test_what_is_explained_is_the_forecast(kind: str) -> None:
    for horizon in (1, 5):
        row = forecast_of(kind).filter(session=SESSION, horizon=horizon).row(0, named=True)
        found = explained(kind, horizon=horizon)
        assert found.expected_return == pytest.approx(row["expected_return"], rel=1e-4, abs=1e-9)
        stored = row["prob_bull"] if kind == "sniper" else row["prob_spike"]
        assert found.prob_event == (pytest.approx(stored, rel=1e-4) if kind in {"sniper", "spotter"} else None)
        assert (found.window[-1], len(found.window)) == (SESSION, experiment(kind).window)


@pytest.mark.parametrize("kind", sorted(ARCHITECTURES))
def test_later_bars_change_no_explanation(kind: str) -> None:
    short, whole = (dataclasses.asdict(explained(kind, last=last)) for last in (SESSION, LAST))
    np.testing.assert_equal(short, whole)


def test_seeds_are_averaged() -> None:
    both = explained("sniper", seeds=2)
    made, samples = experiment("sniper"), samples_of(experiment("sniper"), knowing=0.3)
    alone = [explain(samples, made, [one], SESSION, 1) for one in artifacts_of("sniper", seeds=2) if one.card.fold == 1]
    assert both.expected_return == pytest.approx(np.mean([one.expected_return for one in alone]))
    assert both.groups[0].on_return == pytest.approx(np.mean([one.groups[0].on_return for one in alone]))
    events = [one.groups[0].on_event for one in alone]
    assert both.groups[0].on_event == pytest.approx((events[0] or 0) / 2 + (events[1] or 0) / 2)
    assert both.importance[0].increase == pytest.approx(np.mean([one.importance[0].increase for one in alone]))
    np.testing.assert_allclose(both.attention, np.mean([one.attention for one in alone], axis=0))  # type: ignore[arg-type]


def test_a_feature_that_knows_the_future_gets_the_importance_and_noise_none() -> None:
    samples, members, artifact = world("ridge", knowing=0.6)
    rows = learned_from(samples, experiment("ridge"), artifact).validation_rows
    singly = {name: (place,) for place, name in enumerate(samples.columns)}
    found = {one.group: one for one in permutation_importance(samples, members, rows, singly)}
    assert next(iter(found)) == FEATURES[3], "largest first"
    assert found[FEATURES[3]].increase > 0.2
    assert found[FEATURES[3]].standard_error < 0.1
    for noise in FEATURES[:3]:
        assert abs(found[noise].increase) < 0.02 * found[FEATURES[3]].increase
    effects = occlude(samples, experiment("ridge"), members, int(rows[-1]), 0, singly, rows).effects
    assert max(effects, key=lambda one: abs(one.on_return)).name == FEATURES[3]


def test_importance_is_over_sessions_with_labels() -> None:
    samples, members, _ = world("ridge")
    unknown = np.array([len(samples.sessions) - 1])
    with pytest.raises(ValueError, match="QQQ: permutation importance needs rows whose labels are known"):
        permutation_importance(samples, members, unknown, groups(samples.columns))


def test_a_feature_that_is_not_read_moves_nothing() -> None:
    samples, members, _ = world("hybrid")
    model = members[0].model
    assert isinstance(model, Hybrid)
    with torch.no_grad():
        model.embedding.weight[:, 0] = 0.0
        for layer in (model.head.location, model.head.log_scale):
            layer.weight[:, -len(FEATURES)] = 0.0
    row = samples.sessions.index(SESSION)
    hidden = {"unread": (0,), "read": (3,)}
    unread, read = occlude(samples, experiment("hybrid"), members, row, 0, hidden, np.array([row])).effects
    assert abs(unread.on_return) < 1e-6 * abs(read.on_return)


def test_occlusion_puts_the_training_mean() -> None:
    """Ridge by hand: an effect is the weight times the last standardised value."""
    samples, members, _ = world("ridge")
    row = samples.sessions.index(SESSION)
    singly = {name: (place,) for place, name in enumerate(samples.columns)}
    found = occlude(samples, experiment("ridge"), members, row, 1, singly, np.array([row]))
    x = members[0].windows(samples, np.array([row]))[0, -1]
    expected = members[0].model.state_dict()["weight"][1].numpy() * x * samples.unit[row, 1]
    np.testing.assert_allclose([one.on_return for one in found.effects], expected, rtol=1e-3, atol=1e-7)


def test_raw_bars_are_replaced_by_other_windows_at_the_same_last_value() -> None:
    """Replaced by itself a window is unchanged; all prices and volume replaced, the forecast is the donors' mean."""
    samples, members, artifact = world("v17")
    row = samples.sessions.index(SESSION)
    everything = {"all": tuple(range(5))}
    itself = occlude(samples, experiment("v17"), members, row, 0, everything, np.array([row]))
    assert itself.effects[0].on_return == pytest.approx(0.0, abs=1e-8)
    donors = learned_from(samples, experiment("v17"), artifact).train_rows[-20:]
    found = occlude(samples, experiment("v17"), members, row, 0, everything, donors)
    theirs = outcome(members[0], members[0].windows(samples, donors)).location[:, 0]
    without = found.expected_return - found.effects[0].on_return
    assert without == pytest.approx(theirs.mean() * samples.unit[row, 0], rel=1e-3)


def test_groups_are_tables_or_prices_and_volume() -> None:
    assert groups(samples_of(experiment("hybrid")).columns) == {"technical": (0, 1, 2, 3)}
    assert groups(samples_of(experiment("v17")).columns) == {"prices": (0, 1, 2, 3), "volume": (4,)}


def test_attention_sums_to_one_over_the_window_and_only_hybrids_have_it() -> None:
    weights = explained("hybrid", seeds=2).attention
    assert weights is not None
    assert weights.shape == (experiment("hybrid").window,)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1.0, abs=1e-6)
    assert explained("v17").attention is None
    assert explained("ridge").attention is None


def test_attention_is_the_one_that_the_forecast_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, members, _ = world("hybrid")
    model, row = members[0].model, samples.sessions.index(SESSION)
    assert isinstance(model, Hybrid)
    used: list[torch.Tensor] = []
    weigh = model.last_encoder.attention
    monkeypatch.setattr(model.last_encoder, "attention", lambda x: (used.append(weigh(x)), used[-1])[1])
    members[0].read(members[0].windows(samples, np.array([row])))
    [forward] = used
    np.testing.assert_array_equal(attention(samples, members, row), forward[0].double().mean(dim=0).numpy())


def test_edges_are_the_functions_whose_sum_the_layer_is() -> None:
    samples, members, artifact = world("v17")
    data, model = learned_from(samples, experiment("v17"), artifact), members[0].model
    assert isinstance(model, V17)
    assert isinstance(model.kan, ChebyshevKAN)
    n_edges = 5 * len(model.look_backs)
    edges = strongest_edges(samples, members, data, count=n_edges * 4)
    assert len({(edge.input, edge.unit) for edge in edges}) == n_edges * 4
    names = model.change_names(("open", "high", "low", "close", "volume"))
    assert {edge.input for edge in edges} == set(names)
    assert "close change over 5 sessions" in names
    assert "volume change over 1 session" in names
    for at in (0, 20, -1):
        points = {(edge.input, edge.unit): edge for edge in edges}
        x = torch.tensor([points[name, 0].x[at] for name in names], dtype=torch.float32)
        sums = [sum(points[name, unit].y[at] for name in names) for unit in range(4)]
        said = (model.kan(x) - model.kan.bias).detach().numpy()
        np.testing.assert_allclose(sums, said, atol=1e-6)
    spreads = [edge.spread for edge in edges]
    assert spreads == sorted(spreads, reverse=True)
    assert explained("v17").edges[0].spread == spreads[0]
    assert explained("hybrid").edges == explained("v17_no_kan").edges == ()


def test_what_a_change_is_called_is_what_it_is() -> None:
    model = world("v17_no_revin")[1][0].model
    assert isinstance(model, V17)
    model.change_std.fill_(10.0)
    ramp = torch.zeros(1, 8, 5)
    ramp[0, :, 3] = torch.arange(8.0)  # the close rises by 1 a session
    changes = dict(zip(model.change_names(tuple("ohlcv")), model.changes(ramp)[0].tolist(), strict=True))
    for n in (2, 3, 5):
        assert changes[f"c change over {n} sessions"] == pytest.approx(n / 10)
        assert changes[f"o change over {n} sessions"] == 0


def test_the_importance_of_a_fold_is_that_of_its_forecasts() -> None:
    made, samples = experiment("hybrid"), samples_of(experiment("hybrid"), knowing=0.3)
    members = [one for one in artifacts_of("hybrid") if one.card.fold == 1]
    assert fold_importance(samples, made, members, PERMUTATIONS) == explained("hybrid").importance


def test_what_cannot_be_explained_is_named() -> None:
    made, samples = experiment("ridge"), samples_of(experiment("ridge"), knowing=0.3)
    fold = [one for one in artifacts_of("ridge") if one.card.fold == 1]
    with pytest.raises(NotEnoughDataError, match="QQQ: no whole window of 8 sessions ends on 2016-08-20"):
        explain(samples, made, fold, dt.date(2016, 8, 20), 1)
    with pytest.raises(NotEnoughDataError, match="no whole window"):
        explain(samples, made, fold, samples.sessions[5], 1)
    with pytest.raises(NotEnoughDataError, match="QQQ: small_ridge has no trained model to explain"):
        explain(samples, made, [], SESSION, 1)
    with pytest.raises(ValueError, match="several folds"):
        explain(samples, made, artifacts_of("ridge"), SESSION, 1)
