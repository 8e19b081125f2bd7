"""The QQQ position: one weight for the next session, and why, in words.

Missing inputs > exit > vote > regime size. In order:

1. Anything needed is missing (a vote that abstains, the VIX regime, the size, or, for a neutral vote, XLK or
   XLY): no position, and the reason names what is missing.
2. `exit_longs`: no position.
3. Strong buy: the whole size of the volatility target.
4. Neutral, with XLK and XLY both bullish: half of it.
5. Neutral otherwise: no position.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from alpha_pipeline.signals.mag7_vote import STRONG_BUY_ABOVE
from alpha_pipeline.signals.sector_rotation import QQQ_GATE
from alpha_pipeline.signals.vix_regime import EXIT_CHANGE

NEUTRAL_SHARE: Final = 0.5


def position(vote: pl.DataFrame, rotation: pl.DataFrame, regime: pl.DataFrame) -> pl.DataFrame:
    """The weight of QQQ to hold from the open after each session of the vote.

    Args:
        vote: rows of ``signals.mag7_vote``.
        rotation: rows of ``signals.sector_rotation``; a session without a row counts as all sectors missing.
        regime: rows of ``signals.vix_regime``; a session without a row counts as no regime.

    Returns:
        Columns session, target_weight and reason of ``signals.qqq_position``, one row per session of `vote`.
    """
    rows = joined(vote, rotation, regime)
    decisions = [decide(row) for row in rows.iter_rows(named=True)]
    weights, reasons = [weight for weight, _ in decisions], [reason for _, reason in decisions]
    return rows.select(
        "session",
        target_weight=pl.Series(weights, dtype=pl.Float64),
        reason=pl.Series(reasons, dtype=pl.String),
    ).sort("session")


def joined(vote: pl.DataFrame, rotation: pl.DataFrame, regime: pl.DataFrame) -> pl.DataFrame:
    """The three signals side by side, one row per session of the vote, with the columns that `decide` takes."""
    return vote.join(
        rotation.select("session", "qqq_allowed", sectors_missing="missing"), on="session", how="left"
    ).join(regime.rename({"missing": "regime_missing"}), on="session", how="left")


@dataclass(frozen=True)
class Rule:
    """One rule of the position, as it stands at one session.

    Attributes:
        name: ``abstain``, ``exit``, ``strong buy``, ``half size`` or ``no position``.
        is_met: whether it applies. The first that does decides.
        weight: of QQQ that it calls for; None while the size is unknown.
        words: the reason where it is met, else what it lacks.
    """

    name: str
    is_met: bool
    weight: float | None
    words: str


def decide(row: Mapping[str, Any]) -> tuple[float, str]:
    """The weight and the reason of one session: those of the first rule that is met.

    Args:
        row: the columns of the three signals; `missing` is the vote's, `sectors_missing` the rotation's and
            `regime_missing` the regime's.
    """
    rule = next(rule for rule in rules(row) if rule.is_met)
    return rule.weight or 0.0, rule.words  # without a size the first rule is met


def rules(row: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules in their order, at one session.

    Args:
        row: as `decide` takes it.
    """
    size: float | None = row["size_multiplier"]
    lacking, exits = _lacking(row), bool(row["exit_longs"])
    is_strong, is_neutral = row["signal"] == "strong_buy", row["signal"] == "neutral"
    is_half, is_none = is_neutral and bool(row["qqq_allowed"]), is_neutral and not row["qqq_allowed"]
    ballots = f"{row['n_bull']} of {row['n_voting']} bull"
    sized = "size unknown" if size is None else f"size {size:.2f} in a {row['regime']} regime"
    gated = f"{ballots}, {' and '.join(QQQ_GATE)} {'' if row['qqq_allowed'] else 'not '}both bullish"
    otherwise = gated if is_neutral else f"only where the vote is neutral, and it is {row['signal'].replace('_', ' ')}"
    return (
        Rule("abstain", bool(lacking), 0.0, "abstains: " + "; ".join(lacking) if lacking else "nothing is missing"),
        Rule("exit", exits, 0.0, f"exit: {_exit_cause(row)}" if exits else _no_exit_cause(row)),
        Rule(
            "strong buy",
            is_strong,
            size,
            f"strong buy: {ballots}; {sized}" if is_strong else f"{ballots}, more than {STRONG_BUY_ABOVE} needed",
        ),
        Rule(
            "half size",
            is_half,
            None if size is None else NEUTRAL_SHARE * size,
            f"half size: {gated}; {sized}" if is_half else otherwise,
        ),
        Rule("no position", is_none, 0.0, f"no position: {gated}" if is_none else otherwise),
    )


def _lacking(row: Mapping[str, Any]) -> list[str]:
    lacking = []
    if row["signal"] == "abstain":
        lacking.append(f"no fresh ballot from {row['missing']}")
    if row["regime"] is None or row["size_multiplier"] is None:
        lacking.append(f"no {row['regime_missing'] or 'VIX regime'}")
    if row["signal"] == "neutral":
        absent = QQQ_GATE if row["sectors_missing"] is None else row["sectors_missing"].split(", ")
        gate = [sector for sector in QQQ_GATE if sector in absent]
        if gate:
            lacking.append(f"no fresh forecast from {', '.join(gate)}")
    return lacking


def _exit_cause(row: Mapping[str, Any]) -> str:
    probability, threshold = row["prob_spike"], row["spike_threshold"]
    if probability is not None and threshold is not None and probability >= threshold:
        return f"P(VIX spike) {probability:.1%} >= threshold {threshold:.1%}".replace("%", " %")
    return f"expected VIX change {row['expected_change']:+.1%} > {EXIT_CHANGE:+.0%}".replace("%", " %")


def _no_exit_cause(row: Mapping[str, Any]) -> str:
    """Why there is no exit: both measures with what they would have to reach."""

    def share(value: float | None, spec: str) -> str:
        return "unknown" if value is None else format(value, spec).replace("%", " %")

    return (
        f"P(VIX spike) {share(row['prob_spike'], '.1%')} (from {share(row['spike_threshold'], '.1%')}), "
        f"expected VIX change {share(row['expected_change'], '+.1%')} (above {share(EXIT_CHANGE, '+.0%')})"
    )
