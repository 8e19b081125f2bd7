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
from typing import Any, Final

import polars as pl

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
    rows = vote.join(
        rotation.select("session", "qqq_allowed", sectors_missing="missing"), on="session", how="left"
    ).join(regime.rename({"missing": "regime_missing"}), on="session", how="left")
    decisions = [decide(row) for row in rows.iter_rows(named=True)]
    weights, reasons = [weight for weight, _ in decisions], [reason for _, reason in decisions]
    return rows.select(
        "session",
        target_weight=pl.Series(weights, dtype=pl.Float64),
        reason=pl.Series(reasons, dtype=pl.String),
    ).sort("session")


def decide(row: Mapping[str, Any]) -> tuple[float, str]:
    """The weight and the reason of one session.

    Args:
        row: the columns of the three signals; `missing` is the vote's, `sectors_missing` the rotation's and
            `regime_missing` the regime's.
    """
    lacking = _lacking(row)
    if lacking:
        return 0.0, "abstains: " + "; ".join(lacking)
    if row["exit_longs"]:
        return 0.0, f"exit: {_exit_cause(row)}"
    size: float = row["size_multiplier"]
    ballots = f"{row['n_bull']} of {row['n_voting']} bull"
    sized = f"size {size:.2f} in a {row['regime']} regime"
    gate = " and ".join(QQQ_GATE)
    if row["signal"] == "strong_buy":
        return size, f"strong buy: {ballots}; {sized}"
    if row["qqq_allowed"]:
        return NEUTRAL_SHARE * size, f"half size: {ballots}, {gate} both bullish; {sized}"
    return 0.0, f"no position: {ballots}, {gate} not both bullish"


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
