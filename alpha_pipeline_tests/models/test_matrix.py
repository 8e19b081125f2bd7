"""The matrix Transformer: what it may depend on, who is absent, and a lead that it has to find."""

import numpy as np
import pytest
import torch
from torch import Tensor

from alpha_pipeline.models.architectures import MatrixArchitecture
from alpha_pipeline.models.contract import Prediction, WindowSet
from alpha_pipeline.models.matrix import MatrixTransformer, normalise
from alpha_pipeline.training.losses import student_t_nll

T, N, C, H = 14, 6, 5, 2
HEAD_WEIGHTS = 0.1  # far from where they start, so that the forecasts tell windows apart


def model_of(*, spread: float = HEAD_WEIGHTS) -> MatrixTransformer:
    torch.manual_seed(0)
    architecture = MatrixArchitecture(kind="matrix", width=8, heads=2, patch=4, head_dropout=0.1)
    model = MatrixTransformer(architecture, T, H)
    torch.nn.init.normal_(model.head.location.weight, std=spread)
    torch.nn.init.normal_(model.head.log_scale.weight, std=spread)
    return model.eval()


def bars(rows: int, tickers: int = N, *, level: float = 300.0, seed: int = 0) -> Tensor:
    """Log OHLC and log volume of random walks, (rows, N, C)."""
    rng = np.random.default_rng(seed)
    close = np.log(level) + rng.normal(0, 0.01, (rows, tickers)).cumsum(axis=0)
    made = close[..., None] + rng.normal(0, 0.003, (rows, tickers, C))
    made[..., 3], made[..., 4] = close, rng.normal(10, 0.3, (rows, tickers))
    return torch.tensor(made, dtype=torch.float32)


def windows_of(rows: Tensor) -> Tensor:
    """(rows, N, C) to (rows - T + 1, T, N, C)."""
    return rows.unfold(0, T, 1).permute(0, 3, 1, 2).contiguous()


def absent(windows: Tensor, ticker: int, sessions: slice) -> Tensor:
    changed = windows.clone()
    changed[:, sessions, ticker] = torch.nan
    return changed


def labels(n: int) -> Tensor:
    torch.manual_seed(1)
    targets = 0.3 + 2 * torch.randn(n, N, H)
    targets[::3, 2] = torch.nan
    return targets


def test_shapes() -> None:
    windows = windows_of(bars(40))
    model = model_of()
    prediction, weights = model(windows), model.ticker_attention(windows)
    assert prediction.location.shape == prediction.log_scale.shape == (27, N, H)
    assert prediction.degrees_of_freedom.shape == (H,)
    assert weights.shape == (27, N, N)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(27, N))


@pytest.mark.parametrize("sessions", [slice(0, T), slice(T - 1, T)], ids=["never listed", "no bar at the last session"])
def test_who_is_absent_influences_nobody(sessions: slice) -> None:
    """Not a bit, whatever it did before; and leaving it out altogether forecasts the same."""
    model, windows = model_of(), windows_of(bars(40))
    missing = absent(windows, 4, sessions)
    other = missing.clone()
    other[:, :, 4] = missing[:, :, 4] + torch.randn(27, T, C)
    others = [0, 1, 2, 3, 5]
    expected = model(missing)
    assert torch.equal(expected.location[:, others], model(other).location[:, others])
    assert torch.equal(expected.log_scale[:, others], model(other).log_scale[:, others])
    assert not torch.equal(expected.location[:, others], model(windows).location[:, others])
    left_out = model(missing[:, :, others])
    torch.testing.assert_close(left_out.location, expected.location[:, others], rtol=0, atol=1e-5)
    weights = model.ticker_attention(missing)
    assert (weights[:, 4] == 0).all()
    assert (weights[:, :, 4] == 0).all()


def test_what_was_before_a_listing_within_the_window_is_not_read() -> None:
    """The listed part of a window is the window: as if it had begun later."""
    windows = absent(windows_of(bars(40)), 1, slice(0, 6))
    seen = normalise(windows)
    assert (seen.channels[:, 1, :, :5] == 0).all()
    assert seen.present[:, 1].sum(dim=-1).unique().tolist() == [T - 6]
    later = normalise(windows[:, 6:])
    torch.testing.assert_close(seen.channels[:, 1, :, 6:], later.channels[:, 1])
    torch.testing.assert_close(seen.log_vol[:, 1], later.log_vol[:, 1])
    assert torch.isfinite(model_of()(windows).location).all()


def test_a_batch_without_anyone_stays_finite() -> None:
    nobody = torch.full((2, T, N, C), torch.nan)
    assert torch.isfinite(model_of()(nobody).location).all()


def test_forecasts_follow_the_tickers_when_they_are_reordered() -> None:
    model, windows = model_of(), absent(windows_of(bars(40)), 3, slice(0, 5))
    order = torch.randperm(N)
    expected, reordered = model(windows), model(windows[:, :, order])
    torch.testing.assert_close(reordered.location, expected.location[:, order], rtol=0, atol=1e-5)
    torch.testing.assert_close(reordered.log_scale, expected.log_scale[:, order], rtol=0, atol=1e-5)
    weights = model.ticker_attention(windows)[:, order][:, :, order]
    torch.testing.assert_close(model.ticker_attention(windows[:, :, order]), weights, rtol=0, atol=1e-5)


def test_the_same_weights_forecast_more_and_fewer_tickers() -> None:
    model = model_of()
    for tickers in (1, 3, 20):
        assert model(windows_of(bars(20, tickers))).location.shape == (7, tickers, H)


def test_it_does_not_see_the_price_level() -> None:
    model = model_of(spread=0.01)
    at_300 = model(windows_of(bars(40)))
    for level in (500.0, 0.03):
        elsewhere = model(windows_of(bars(40, level=level)))
        torch.testing.assert_close(elsewhere.location, at_300.location, rtol=0, atol=2e-4)
        torch.testing.assert_close(elsewhere.log_scale, at_300.log_scale, rtol=0, atol=2e-4)


def test_it_sees_the_volatility_that_normalising_takes_away() -> None:
    calm = windows_of(bars(60))
    middle = calm.mean(dim=1, keepdim=True)
    middle[..., :4] = middle[..., 3:4]
    wild = middle + 3 * (calm - middle)
    torch.testing.assert_close(normalise(wild).channels, normalise(calm).channels, rtol=0, atol=2e-3)
    torch.testing.assert_close(
        normalise(wild).log_vol - normalise(calm).log_vol, torch.full((47, N), np.log(3.0).item())
    )
    model = model_of()
    model.prepare(WindowSet(torch.cat((calm, wild)), torch.randn(94, N, H)))
    torch.nn.init.ones_(model.head.location.weight)
    # Two standard deviations of the prepared volatilities, weight 1, beside what the layers make of it.
    assert (model(wild).location - model(calm).location).abs().mean() > 1.0


def test_nothing_after_a_window_changes_it() -> None:
    """A window's statistics end with the window: other bars after it, the same bits in it."""
    rows = bars(40)
    perturbed = rows.clone()
    perturbed[30:] += 1.0
    model, last = model_of(), 30 - T  # the window that ends at row 29
    for before, after in zip(normalise(windows_of(rows)), normalise(windows_of(perturbed)), strict=True):
        assert torch.equal(before[: last + 1], after[: last + 1])
    assert torch.equal(model(windows_of(rows)[: last + 1]).location, model(windows_of(perturbed)[: last + 1]).location)
    assert not torch.equal(
        model(windows_of(rows)[last + 1 :]).location, model(windows_of(perturbed)[last + 1 :]).location
    )


def test_a_halted_stock_and_an_index_without_volume_stay_finite() -> None:
    rows = bars(40)
    rows[:, 0] = 5.0
    rows[:, 1, 4] = 0.0
    seen = normalise(windows_of(rows))
    assert (seen.channels[:, 0] == 0).all()
    assert (seen.channels[:, 1, 5] == 0).all()
    assert torch.isfinite(model_of()(windows_of(rows)).location).all()


def test_every_parameter_gets_a_gradient() -> None:
    model = model_of().train()
    windows, targets = absent(windows_of(bars(60)), 2, slice(0, T)), labels(47)
    model.prepare(WindowSet(windows, targets))
    _loss(model, windows, targets).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


def test_training_starts_from_the_expanding_mean() -> None:
    windows, targets = windows_of(bars(200)), labels(187)
    model = model_of()
    model.prepare(WindowSet(windows, targets))
    with torch.no_grad():
        for parameter in (model.head.location.weight, model.head.log_scale.weight):
            parameter.zero_()
        prediction = model(windows)
    torch.testing.assert_close(prediction.location[0, 0], targets.nanmean(dim=(0, 1)))
    assert (prediction.log_scale.flatten(0, 1).std(dim=0) == 0).all()


def _loss(model: MatrixTransformer, windows: Tensor, targets: Tensor) -> Tensor:
    """Over the labels that are known."""
    known = torch.isfinite(targets).all(dim=-1)
    location, log_scale, df, _ = model(windows)
    return student_t_nll(Prediction(location[known], log_scale[known], df), targets[known])


def test_a_planted_lead_is_found() -> None:
    """A quiet ticker's move leads the others by a session: their forecasts find it, wherever it stands."""
    rows, leader, share = 1_500, 2, 0.4
    rng = np.random.default_rng(7)
    moves = rng.normal(size=(rows, N))
    followers = [ticker for ticker in range(N) if ticker != leader]
    moves[1:, followers] = np.sqrt(1 - share**2) * moves[1:, followers] + share * moves[:-1, [leader]]
    vol = np.where(np.arange(N) == leader, 0.004, 0.015)
    made = bars(rows)
    made[..., :4] = torch.tensor((moves * vol).cumsum(axis=0), dtype=torch.float32)[..., None]
    windows = windows_of(made)[:-1]
    targets = torch.tensor(moves[T:], dtype=torch.float32)[..., None].expand(-1, -1, H)  # of the next session
    train, test = slice(0, 1_100), slice(1_120, None)
    model = model_of(spread=1e-3)
    model.prepare(WindowSet(windows[train], targets[train]))
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(8):
        for batch in torch.randperm(1_100).split(32):
            optimiser.zero_grad()
            _loss(model, windows[batch], targets[batch]).backward()
            optimiser.step()
    model.eval()
    order = torch.randperm(N)
    with torch.no_grad():
        found = model(windows[test][:, :, order]).location[..., 0]
        looked_at = model.ticker_attention(windows[test]).mean(dim=0)
    skill = {
        ticker: _correlation(found[:, place], targets[test][:, ticker, 0])
        for place, ticker in enumerate(order.tolist())
    }
    assert np.mean([skill[ticker] for ticker in followers]) > 0.75 * share
    assert abs(skill[leader]) < 0.15
    assert all(int(looked_at[ticker].argmax()) == leader for ticker in followers)


def _correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack((a, b)))[0, 1])
