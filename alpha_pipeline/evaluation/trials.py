"""Trials: what was ever evaluated, so that luck can be reckoned with. See docs/adr/0020-trials-count-themselves.md."""

import datetime as dt
import hashlib
import json
from typing import Final

import polars as pl

from alpha_pipeline.evaluation.natural import TRIAL
from alpha_pipeline.evaluation.scores import MIN_SESSIONS
from alpha_pipeline.warehouse.tables.proof import TRIALS

HASH_SHOWN: Final = 12


def trial_id(kind: str, name: str, config: str, ticker: str | None, seeds: int) -> str:
    """Hash of what makes a trial one of its own, 20 hexadecimal digits. The date is no part of it."""
    return hashlib.sha256(json.dumps([kind, name, config, ticker, seeds]).encode()).hexdigest()[:20]


def model_trials(natural: pl.DataFrame, now: dt.datetime) -> pl.DataFrame:
    """Rows of ``evaluation.trials`` of models.

    Args:
        natural: what `natural_returns` gives.
        now: the clock's time.
    """
    rows = natural.rename({"model": "name"}).with_columns(kind=pl.lit("model"))
    return _rows(rows, now)


def strategy_trials(ledger: pl.DataFrame, made_by: pl.DataFrame, now: dt.datetime) -> pl.DataFrame:
    """Rows of ``evaluation.trials`` of strategies.

    Args:
        ledger: rows of ``portfolio.ledger``.
        made_by: columns strategy, config and seeds: the models behind each strategy that listens to some.
        now: the clock's time.
    """
    rows = ledger.join(made_by, on="strategy", how="left").select(
        "session",
        "net_return",
        kind=pl.lit("strategy"),
        name="strategy",
        config=pl.col("config").fill_null(""),
        ticker=pl.lit(None, pl.String),
        seeds=pl.col("seeds").fill_null(0),
    )
    return _rows(rows, now)


def merged(held: pl.DataFrame, fresh: pl.DataFrame) -> pl.DataFrame:
    """Held and fresh trials as one table: none is lost, and each keeps when it was first seen.

    A held trial is replaced by one over as many sessions or more: what little is left of an experiment that was
    changed since says less than what is held.
    """
    seen = held.select("trial_id", "first_seen", before="n")
    known = fresh.drop("first_seen").join(seen, on="trial_id").filter(pl.col("n") >= pl.col("before")).drop("before")
    new = fresh.join(held, on="trial_id", how="anti")
    changed = pl.concat([TRIALS.conform(known), TRIALS.conform(new)])
    return TRIALS.conform(pl.concat([held.join(changed, on="trial_id", how="anti"), changed]))


def _rows(rows: pl.DataFrame, now: dt.datetime) -> pl.DataFrame:
    """One row per trial that is long enough to be judged."""
    keys = ["kind", *("name" if column == "model" else column for column in TRIAL)]
    earned = pl.col("net_return")
    figures = rows.group_by(keys, maintain_order=True).agg(
        n=pl.len(),
        moved=(earned.std() > 0).fill_null(value=False),
        sharpe=earned.mean() / earned.std(),
        skew=earned.skew(),
        kurtosis=earned.kurtosis(fisher=False),
    )
    long_enough = figures.filter(pl.col("n") >= MIN_SESSIONS)
    ids = [
        trial_id(row["kind"], row["name"], row["config"], row["ticker"], row["seeds"])
        for row in long_enough.iter_rows(named=True)
    ]
    return TRIALS.conform(
        long_enough.with_columns(
            pl.when("moved").then(pl.col("sharpe", "skew", "kurtosis")),
            trial_id=pl.Series(ids, dtype=pl.String),
            variant=pl.col("config").str.head(HASH_SHOWN),
            first_seen=pl.lit(now).cast(pl.Datetime("us", "UTC")),
        )
    )
