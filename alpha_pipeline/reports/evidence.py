"""Everything that the brief and the tear sheet show, gathered once."""

from dataclasses import dataclass, field

import polars as pl

from alpha_pipeline.reports.signal_card import SignalCard
from alpha_pipeline.warehouse.tables import audit, proof, raw, results, signals


@dataclass(frozen=True)
class Evidence:
    """One session's card and the tables behind it; a table without rows is said to be empty where it would stand.

    Attributes:
        card: the signal card of the newest session.
        positions: rows of ``signals.qqq_position``.
        votes: rows of ``signals.mag7_vote``.
        ballots: rows of ``signals.mag7_ballots``.
        ranks: rows of ``signals.sector_ranks``.
        rotation: rows of ``signals.sector_rotation``.
        regimes: rows of ``signals.vix_regime``.
        qqq_bars: QQQ's rows of ``raw.bars``.
        ledger: rows of ``portfolio.ledger``.
        scores: rows of ``evaluation.scores``.
        reliability: rows of ``evaluation.reliability``.
        decay: rows of ``evaluation.decay``.
        folds: rows of ``evaluation.folds``.
        comparisons: rows of ``evaluation.comparisons``.
        records: rows of ``evaluation.records``.
        lead_lag: rows of ``evaluation.lead_lag``.
        luck: rows of ``evaluation.luck``.
        n_trials: rows of ``evaluation.trials``.
        audit: rows of ``evaluation.audit``.
        held: columns ticker and session of every final bar.
        coverage: rows of ``raw.coverage``.
        revisions: rows of ``raw.revisions``.
        quarantine: rows of ``raw.quarantine``.
        survivor_biased: experiments on today's holdings, whose past is that of survivors.
    """

    card: SignalCard
    positions: pl.DataFrame = field(default_factory=signals.QQQ_POSITION.empty)
    votes: pl.DataFrame = field(default_factory=signals.MAG7_VOTE.empty)
    ballots: pl.DataFrame = field(default_factory=signals.MAG7_BALLOTS.empty)
    ranks: pl.DataFrame = field(default_factory=signals.SECTOR_RANKS.empty)
    rotation: pl.DataFrame = field(default_factory=signals.SECTOR_ROTATION.empty)
    regimes: pl.DataFrame = field(default_factory=signals.VIX_REGIME.empty)
    qqq_bars: pl.DataFrame = field(default_factory=raw.BARS.empty)
    ledger: pl.DataFrame = field(default_factory=results.LEDGER.empty)
    scores: pl.DataFrame = field(default_factory=results.SCORES.empty)
    reliability: pl.DataFrame = field(default_factory=results.RELIABILITY.empty)
    decay: pl.DataFrame = field(default_factory=results.DECAY.empty)
    folds: pl.DataFrame = field(default_factory=results.FOLDS.empty)
    comparisons: pl.DataFrame = field(default_factory=proof.COMPARISONS.empty)
    records: pl.DataFrame = field(default_factory=proof.RECORDS.empty)
    lead_lag: pl.DataFrame = field(default_factory=proof.LEAD_LAG.empty)
    luck: pl.DataFrame = field(default_factory=proof.LUCK.empty)
    n_trials: int = 0
    audit: pl.DataFrame = field(default_factory=audit.AUDIT.empty)
    held: pl.DataFrame = field(default_factory=lambda: raw.BARS.empty().select("ticker", "session"))
    coverage: pl.DataFrame = field(default_factory=raw.COVERAGE.empty)
    revisions: pl.DataFrame = field(default_factory=raw.REVISIONS.empty)
    quarantine: pl.DataFrame = field(default_factory=raw.QUARANTINE.empty)
    survivor_biased: frozenset[str] = frozenset()
