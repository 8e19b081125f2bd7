import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest

from alpha_pipeline.signals import mag7_vote, qqq_position, sector_rotation, vix_regime
from alpha_pipeline.universe import MAG7, SECTORS, VIX
from alpha_pipeline.warehouse.tables.signals import MAG7_VOTE, QQQ_POSITION, SECTOR_ROTATION, VIX_REGIME

Frame = Callable[..., pl.DataFrame]

SESSION = dt.date(2024, 3, 28)
VOTE = {"session": SESSION, "n_bull": 6, "n_voting": 7, "signal": "strong_buy", "missing": ""}
ROTATION = {"session": SESSION, "pick": "XLK", "qqq_allowed": True, "is_rebalance": True, "missing": ""}
REGIME = {
    "session": SESSION,
    "expected_change": 0.01,
    "prob_spike": 0.05,
    "spike_threshold": 0.11,
    "regime": "normal",
    "exit_longs": False,
    "size_multiplier": 0.82,
    "missing": "",
}
NEUTRAL = {"n_bull": 4, "signal": "neutral"}
ABSTAINS = {"n_bull": 4, "n_voting": 4, "signal": "abstain", "missing": "NVDA, META, TSLA"}
SPIKE = {"prob_spike": 0.14, "exit_longs": True}
NO_VIX = {"expected_change": None, "prob_spike": None, "regime": None, "missing": "^VIX forecast"}
NO_SIZE = {"size_multiplier": None, "missing": "QQQ bars"}


def decided(
    vote: dict[str, Any] | None = None,
    rotation: dict[str, Any] | None = None,
    regime: dict[str, Any] | None = None,
) -> tuple[float, str]:
    frames = [
        table.conform(pl.DataFrame([base | (change or {})], infer_schema_length=None))
        for table, base, change in (
            (MAG7_VOTE, VOTE, vote),
            (SECTOR_ROTATION, ROTATION, rotation),
            (VIX_REGIME, REGIME, regime),
        )
    ]
    position = qqq_position.position(*frames)
    QQQ_POSITION.validate(position.with_columns(inputs=pl.lit("digest")), "2024")
    return position.rows()[0][1:]


@pytest.mark.parametrize(
    ("vote", "rotation", "regime", "weight", "reason"),
    [
        ({}, {}, {}, 0.82, "strong buy: 6 of 7 bull; size 0.82 in a normal regime"),
        ({}, {"qqq_allowed": False}, {"regime": "stressed"}, 0.82, "strong buy: 6 of 7 bull; size 0.82 in a"),
        (NEUTRAL, {}, {}, 0.41, "half size: 4 of 7 bull, XLK and XLY both bullish; size 0.82"),
        (NEUTRAL, {"qqq_allowed": False}, {}, 0.0, "no position: 4 of 7 bull, XLK and XLY not both bullish"),
        ({}, {}, SPIKE, 0.0, "exit: P(VIX spike) 14.0 % >= threshold 11.0 %"),
        (NEUTRAL, {}, SPIKE, 0.0, "exit: P(VIX spike)"),
        ({}, {}, {"expected_change": 0.123, "exit_longs": True}, 0.0, "exit: expected VIX change +12.3 % >"),
        (ABSTAINS, {}, {}, 0.0, "abstains: no fresh ballot from NVDA, META, TSLA"),
        (ABSTAINS, {}, SPIKE, 0.0, "abstains: no fresh ballot from NVDA, META, TSLA"),
        ({}, {}, NO_VIX, 0.0, "abstains: no ^VIX forecast"),
        ({}, {}, NO_SIZE, 0.0, "abstains: no QQQ bars"),
        (ABSTAINS, {}, NO_SIZE, 0.0, "abstains: no fresh ballot from NVDA, META, TSLA; no QQQ bars"),
        (NEUTRAL, {"qqq_allowed": False, "missing": "XLK, XLU"}, {}, 0, "abstains: no fresh forecast from X"),
        ({}, {"qqq_allowed": False, "missing": "XLK"}, {}, 0.82, "strong buy"),  # The vote does not need it.
        (NEUTRAL, {"missing": "XLU"}, {}, 0.41, "half size"),
    ],
)  # fmt: skip
def test_precedence(
    vote: dict[str, Any], rotation: dict[str, Any], regime: dict[str, Any], weight: float, reason: str
) -> None:
    actual_weight, actual_reason = decided(vote, rotation, regime)
    assert actual_weight == pytest.approx(weight)
    assert actual_reason.startswith(reason)


def rules(*changes: dict[str, Any]) -> dict[str, qqq_position.Rule]:
    row = {"sectors_missing": "", "regime_missing": "", **ROTATION, **REGIME, **VOTE}
    for change in changes:
        row |= change
    return {rule.name: rule for rule in qqq_position.rules(row)}


def test_the_rules_say_what_was_overruled_and_what_the_others_lack() -> None:
    found = rules(SPIKE)
    assert [name for name, rule in found.items() if rule.is_met] == ["exit", "strong buy"]
    assert (found["exit"].weight, found["strong buy"].weight) == (0.0, 0.82)
    assert found["abstain"].words == "nothing is missing"
    assert found["strong buy"].words == "strong buy: 6 of 7 bull; size 0.82 in a normal regime"
    assert found["half size"].words == "only where the vote is neutral, and it is strong buy"
    calm = rules(NEUTRAL)
    assert calm["exit"].words == "P(VIX spike) 5.0 % (from 11.0 %), expected VIX change +1.0 % (above +10 %)"
    assert calm["strong buy"].words == "4 of 7 bull, more than 4 needed"
    assert calm["no position"].words == "4 of 7 bull, XLK and XLY both bullish"
    assert [name for name, rule in calm.items() if rule.is_met] == ["half size"]


def test_an_abstention_overrules_a_strong_buy_of_unknown_size() -> None:
    found = rules(NO_SIZE, {"regime_missing": "QQQ bars"})
    assert [name for name, rule in found.items() if rule.is_met] == ["abstain", "strong buy"]
    assert found["abstain"].words == "abstains: no QQQ bars"
    assert found["strong buy"].weight is None


def test_sessions_that_the_other_signals_lack_are_abstentions() -> None:
    vote = MAG7_VOTE.conform(pl.DataFrame([VOTE | NEUTRAL]))
    position = qqq_position.position(vote, SECTOR_ROTATION.empty(), VIX_REGIME.empty())
    assert position.rows() == [
        (SESSION, 0.0, "abstains: no VIX regime; no fresh forecast from XLK, XLY"),
    ]


def test_the_future_changes_no_bit_of_any_position(
    random_forecasts: Frame, random_bars: Frame, year: tuple[dt.date, ...]
) -> None:
    stocks = random_forecasts(year, MAG7, 1, seed=11)
    sectors = random_forecasts(year, SECTORS, 5, seed=12)
    vix = random_forecasts(year, (VIX,), 1, seed=13)
    closes = random_bars(year, 20.0, seed=14).select("session", "close")
    bars = random_bars(year, 100.0, seed=15)

    def positions(until: dt.date, sessions: Sequence[dt.date]) -> pl.DataFrame:
        known = pl.col("session") <= until
        vote = mag7_vote.vote(mag7_vote.ballots(stocks.filter(known)), sessions)
        rotation = sector_rotation.rotation(sector_rotation.ranks(sectors.filter(known)), sessions)
        regime = vix_regime.regime(vix.filter(known), closes.filter(known), bars.filter(known), sessions)
        return qqq_position.position(vote, rotation, regime)

    whole = positions(year[-1], year)
    openings = set(whole["reason"].str.extract(r"^([a-z ]+):"))
    assert openings == {"abstains", "exit", "strong buy", "half size", "no position"}
    for cut in (25, 110, 240):
        assert positions(year[cut], year[: cut + 1]).equals(whole.head(cut + 1))
        assert positions(year[cut], [year[cut]]).equals(whole.slice(cut, 1))
