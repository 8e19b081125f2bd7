"""Evidence as large as that of the real bars: nine years of sessions, fourteen experiments, every table filled."""

import datetime as dt
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.evaluation.comparisons import LABELS
from alpha_pipeline.evaluation.records import Record
from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.reports.evidence import Evidence
from alpha_pipeline.reports.figures.palette import STRATEGIES
from alpha_pipeline.reports.signal_card import SignalCard
from alpha_pipeline.universe import MAG7, SECTORS, UNIVERSE, VIX
from alpha_pipeline.warehouse.tables import audit, proof, raw, results, signals

DAYS = calendar.between(dt.date(2016, 1, 4), dt.date(2025, 6, 30))
N = len(DAYS)
MODELS = {name: one.tickers for name, one in load_experiments().items()}


@cache
def full_evidence() -> Evidence:
    """All of it, the same each time."""
    rng = np.random.default_rng(5)
    ledger = _ledger(rng)
    regimes = _regimes(rng)
    return Evidence(
        replace(_card(regimes), record=_record()),
        positions=_sessions(
            signals.QQQ_POSITION, target_weight=rng.choice([0.0, 0.83], N), reason=["strong buy"] * N, inputs=[""] * N
        ),
        votes=_votes(rng),
        ballots=_ballots(rng),
        ranks=_ranks(rng),
        rotation=_sessions(
            signals.SECTOR_ROTATION,
            pick=rng.choice([*SECTORS, None], N),
            is_rebalance=[calendar.is_last_of_week(day) for day in DAYS],
            qqq_allowed=rng.random(N) > 0.5,
            missing=[""] * N,
        ),
        regimes=regimes,
        qqq_bars=pl.DataFrame({"session": DAYS, "adj_close": 100 * np.exp(np.cumsum(rng.normal(7e-4, 0.013, N)))}),
        ledger=ledger,
        scores=_scores(rng),
        reliability=_reliability(rng),
        decay=_decay(rng),
        folds=_folds(rng),
        comparisons=_comparisons(rng),
        records=_records(rng),
        lead_lag=_leads(rng),
        luck=_luck(rng),
        n_trials=421,
        audit=pl.DataFrame(
            {
                "probe": [f"probe_{i}" for i in range(15)],
                "verdict": ["ok"] * 15,
                "words": ["nothing was found " * 5] * 15,
            },
            schema=audit.AUDIT.empty().select("probe", "verdict", "words").schema,
        ),
        held=pl.DataFrame(
            [(t, d) for t in UNIVERSE for d in DAYS if rng.random() > 2e-4], ["ticker", "session"], orient="row"
        ),
        coverage=raw.COVERAGE.empty(),
        survivor_biased=frozenset({"matrix_transformer"}),
    )


def _conformed(table: Any, rows: list[tuple[Any, ...]], columns: list[str]) -> pl.DataFrame:
    return table.conform(pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None))


def _sessions(table: Any, **columns: Any) -> pl.DataFrame:
    return table.conform(pl.DataFrame({"session": DAYS, **{name: list(values) for name, values in columns.items()}}))


def _ledger(rng: np.random.Generator) -> pl.DataFrame:
    frames = []
    market = rng.normal(5e-4, 0.012, N)
    for place, strategy in enumerate(STRATEGIES):
        net = market * rng.choice([0.3, 1.0], N) + rng.normal(0, 0.002, N) + 2e-5 * place
        frames.append(
            pl.DataFrame(
                {"session": DAYS, "gross_return": net, "net_return": net, "equity": np.cumprod(1 + net)}
            ).with_columns(strategy=pl.lit(strategy), weight=pl.lit(1.0), cost=pl.lit(0.0))
        )
    return results.LEDGER.conform(pl.concat(frames))


def _regimes(rng: np.random.Generator) -> pl.DataFrame:
    names = np.repeat(rng.choice(["calm", "normal", "stressed"], N // 12 + 1), 12)[:N]
    return _sessions(
        signals.VIX_REGIME,
        regime=names,
        exit_longs=rng.random(N) > 0.98,
        expected_change=rng.normal(0, 0.01, N),
        prob_spike=rng.random(N) / 5,
        spike_threshold=[0.2] * N,
        size_multiplier=rng.random(N),
        missing=[""] * N,
    )


def _card(regimes: pl.DataFrame) -> SignalCard:
    return SignalCard(
        market="files",
        is_simulated=False,
        session=DAYS[-1],
        next_session=calendar.offset(DAYS[-1], 1),
        target_weight=0.83,
        reason="strong buy: 5 of 7 bull; size 0.83 in a normal regime",
        vote={"n_bull": 5, "n_voting": 7, "signal": "strong_buy", "missing": ""},
        ballots={ticker: (0.3 + place / 20, place > 1) for place, ticker in enumerate(MAG7)},
        rotation={"pick": "XLK", "qqq_allowed": True, "missing": ""},
        ranks=tuple((ticker, 0.005 - place / 500) for place, ticker in enumerate(SECTORS)),
        regime=regimes.row(-1, named=True),
        record={},
        record_from=DAYS[0],
        above_luck=dict.fromkeys(STRATEGIES, 0.61),
        luck=("421 trials were made in this warehouse, rivals included.",),
    )


def _record() -> dict[str, Record]:
    return {name: Record(0.9 + place / 10, 0.12, -0.3, 2.9, N) for place, name in enumerate(STRATEGIES)}


def _votes(rng: np.random.Generator) -> pl.DataFrame:
    bull = rng.integers(0, 8, N)
    said = np.where(bull > 4, "strong_buy", np.where(rng.random(N) > 0.95, "abstain", "neutral"))
    return _sessions(signals.MAG7_VOTE, n_bull=bull, n_voting=[7] * N, signal=said, missing=[""] * N)


def _ballots(rng: np.random.Generator) -> pl.DataFrame:
    rows = [(d, t, bool(rng.random() > 0.5), 0.5, 0.0, rng.random(), 0.35) for d in DAYS for t in MAG7]
    columns = ["session", "ticker", "is_bull", "prob_up", "expected_return", "prob_bull", "bull_threshold"]
    return _conformed(signals.MAG7_BALLOTS, rows, columns)


def _ranks(rng: np.random.Generator) -> pl.DataFrame:
    rows = [
        (day, ticker, int(rank), float(rng.normal(0, 0.004)), 0.5)
        for day in DAYS
        for ticker, rank in zip(SECTORS, rng.permutation(len(SECTORS)) + 1, strict=True)
    ]
    return _conformed(signals.SECTOR_RANKS, rows, ["session", "ticker", "rank", "expected_return", "prob_up"])


def _scores(rng: np.random.Generator) -> pl.DataFrame:
    rows = []
    for place, (model, tickers) in enumerate(MODELS.items()):
        for ticker in ("*", *tickers):
            wide = 0.012 if ticker == "*" else 0.04
            for horizon in (1, 5):
                for window in ("whole", *map(str, range(2016, 2026))):
                    ic = float(rng.normal(0.004 * (place % 4) - 0.002, wide))
                    ends = (wide * 1.9,) if window == "whole" else ()
                    for metric, value, base in (
                        ("ic", ic, 0.0),
                        ("rank_ic", ic * 1.1, 0.0),
                        ("direction_accuracy", 0.53 + ic / 3, 0.536),
                        ("log_loss_skill", ic / 8, 0.0),
                        ("coverage_90", 0.9 + ic, 0.9),
                        ("bull_auc", 0.5 + ic, 0.5),
                        ("bull_precision", 0.33, 0.31),
                        ("bull_lift", 1 + ic, 1.0),
                    ):
                        low, high = (value - ends[0], value + ends[0]) if ends else (None, None)
                        rows.append((model, ticker, horizon, window, metric, value, low, high, 35_790, base))
    return _conformed(results.SCORES, rows, list(results.SCORES.columns))


def _reliability(rng: np.random.Generator) -> pl.DataFrame:
    rows = [
        (model, ticker, 1, event, place + 1, p, float(np.clip(p + rng.normal(0, 0.02), 0, 1)), p - 0.04, p + 0.04, 3579)
        for model in MODELS
        for event, ticker in (("up", "*"), ("bull", "*"), ("spike", VIX))
        for place, p in enumerate(np.linspace(0.1, 0.6, 10).tolist())
    ]
    return _conformed(results.RELIABILITY, rows, list(results.RELIABILITY.columns))


def _decay(rng: np.random.Generator) -> pl.DataFrame:
    rows = [
        (model, lag, ic, ic - 0.02, ic + 0.02, 35_000)
        for model in MODELS
        for lag in range(21)
        for ic in [float(rng.normal(0.01 / (1 + lag), 0.006))]
    ]
    return _conformed(results.DECAY, rows, list(results.DECAY.columns))


def _folds(rng: np.random.Generator) -> pl.DataFrame:
    rows = [
        (model, first, last, dt.date(first.year - 1, 12, 30), ic, ic - 0.05, ic + 0.05, 3, abs(ic), 3_700)
        for model in MODELS
        for year in range(2016, 2026)
        for month in (1, 4, 7, 10)
        if (year, month) <= (2025, 4)
        for first, last in [(dt.date(year, month, 4), dt.date(year, month, 28))]
        for ic in [float(rng.normal(0.005, 0.03))]
    ]
    return _conformed(results.FOLDS, rows, list(results.FOLDS.columns))


def _comparisons(rng: np.random.Generator) -> pl.DataFrame:
    asked = [
        ("model", f"Does {model} beat ridge?", model, "ridge", statistic) for model in MODELS for statistic in LABELS
    ]
    asked += [
        ("strategy", f"Does the position beat {other}?", "qqq_position", other, "sharpe")
        for other in ("buy_and_hold", "vol_target_15")
    ]
    asked += [("lead", f"Does {leader} lead QQQ?", leader, "no lead", "lead") for leader in ("NVDA", "TSLA")]
    rows = []
    for kind, name, a, b, statistic in asked:
        value = float(rng.normal(0, {"lead": 2e-4, "sharpe": 0.3}.get(statistic, 0.01)))
        wide = 2 * abs(value) + 1e-5
        rows.append(
            (
                kind,
                name,
                "whole",
                a,
                b,
                statistic,
                value,
                value - wide,
                value + wide,
                0.4,
                wide,
                "undecided",
                f"Undecided whether {a} is better than {b}: {value:+.3f}.",
                35_790,
            )
        )
    return _conformed(proof.COMPARISONS, rows, list(proof.COMPARISONS.columns))


def _records(rng: np.random.Generator) -> pl.DataFrame:
    rows = [
        (strategy, variant, metric, value, value - 0.4, value + 0.4)
        for strategy in STRATEGIES
        for variant in ("net", "gross", "lagged")
        for metric in ("sharpe", "cagr", "turnover", "exposure")
        for value in [float(rng.normal(0.8, 0.1))]
    ]
    return _conformed(proof.RECORDS, rows, list(proof.RECORDS.columns))


def _leads(rng: np.random.Generator) -> pl.DataFrame:
    rows = [
        (leader, follower, lag, "return", beta, beta / 2e-4, 0.2, 1.0, N, "undecided")
        for leader, follower in (("NVDA", "QQQ"), ("TSLA", "QQQ"), ("QQQ", "NVDA"), ("QQQ", "TSLA"))
        for lag in range(1, 6)
        for beta in [float(rng.normal(0, 2e-4))]
    ]
    return _conformed(
        proof.LEAD_LAG,
        rows,
        ["leader", "follower", "lag", "kind", "beta", "t_stat", "p_value", "p_value_adjusted", "n", "verdict"],
    )


def _luck(rng: np.random.Generator) -> pl.DataFrame:
    rows = [
        (strategy, metric, float(rng.random()), "words")
        for strategy in STRATEGIES
        for metric in ("sharpe", "sr0", "psr", "dsr", "dsr_effective")
    ]
    return _conformed(proof.LUCK, rows, ["name", "metric", "value", "words"])
