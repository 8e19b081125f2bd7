import datetime as dt

import numpy as np
import polars as pl
import pytest
from scipy.stats import kurtosis, skew

from alpha_pipeline import sessions as calendar
from alpha_pipeline.evaluation.trials import merged, model_trials, strategy_trials
from alpha_pipeline.warehouse.tables.proof import TRIALS

DAYS = calendar.between(dt.date(2024, 1, 2), dt.date(2024, 3, 28))
NOW = dt.datetime(2024, 4, 1, tzinfo=dt.UTC)
LATER = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)


def natural(
    days: tuple[dt.date, ...] = DAYS, config: str = "c", ticker: str = "QQQ", seeds: int = 1, seed: int = 1
) -> pl.DataFrame:
    returns = np.random.default_rng(seed).normal(0.001, 0.01, len(days))
    return pl.DataFrame(
        {"model": "m", "config": config, "ticker": ticker, "seeds": seeds, "session": days}
    ).with_columns(net_return=pl.Series(returns))


def test_the_moments_are_those_of_scipy() -> None:
    rows = natural()
    (row,) = model_trials(rows, NOW).iter_rows(named=True)
    returns = rows["net_return"].to_numpy()
    assert row["n"] == len(DAYS)
    assert row["sharpe"] == pytest.approx(returns.mean() / returns.std(ddof=1))
    assert row["skew"] == pytest.approx(skew(returns))
    assert row["kurtosis"] == pytest.approx(kurtosis(returns, fisher=False))
    TRIALS.validate(model_trials(rows, NOW), "model")


def test_a_configuration_a_ticker_and_a_number_of_seeds_make_a_trial_and_the_date_does_not() -> None:
    own = model_trials(natural(), NOW)["trial_id"].item()
    assert model_trials(natural(DAYS[:-5]), LATER)["trial_id"].item() == own
    others = [natural(config="d"), natural(ticker="NVDA"), natural(seeds=3)]
    found = model_trials(pl.concat([natural(), *others]), NOW)
    assert found["trial_id"].n_unique() == 4
    assert own in found["trial_id"]


def test_what_never_moved_or_cannot_be_held_is_counted_without_a_ratio() -> None:
    still = natural().with_columns(net_return=pl.lit(0.0))
    index = natural(ticker="^VIX").with_columns(net_return=pl.lit(None, pl.Float64))
    found = model_trials(pl.concat([still, index]), NOW)
    assert found.height == 2
    assert found["sharpe"].null_count() == found["kurtosis"].null_count() == 2


def test_a_few_sessions_are_no_trial() -> None:
    assert model_trials(natural(DAYS[:19]), NOW).is_empty()
    assert model_trials(natural(DAYS[:20]), NOW).height == 1


def test_a_strategy_is_another_trial_when_the_models_behind_it_are_others() -> None:
    ledger = pl.DataFrame({"strategy": "s", "session": DAYS, "net_return": np.linspace(-0.01, 0.01, len(DAYS))})
    columns = {"strategy": pl.String, "config": pl.String, "seeds": pl.Int64}
    alone = strategy_trials(ledger, pl.DataFrame(schema=columns), NOW)
    behind = [
        strategy_trials(ledger, pl.DataFrame([("s", config, 1)], schema=columns, orient="row"), NOW) for config in "ab"
    ]
    assert len({frame["trial_id"].item() for frame in (alone, *behind)}) == 3
    assert (alone["seeds"].item(), alone["variant"].item()) == (0, "")


def test_trials_are_never_lost_and_keep_when_they_were_first_seen() -> None:
    held = merged(TRIALS.empty(), model_trials(pl.concat([natural(), natural(config="d")]), NOW))
    assert merged(held, model_trials(natural(), LATER)).equals(held)
    after = merged(held, model_trials(natural(config="e"), LATER))
    assert after.height == 3
    assert after.filter(variant="e")["first_seen"].item() == LATER
    assert after.filter(pl.col("variant") != "e")["first_seen"].unique().to_list() == [NOW]


def test_a_longer_record_replaces_a_shorter_one_and_not_the_other_way_round() -> None:
    whole, part = model_trials(natural(), NOW), model_trials(natural(DAYS[:30], seed=2), LATER)
    assert merged(merged(TRIALS.empty(), part), whole).select("n", "sharpe").equals(whole.select("n", "sharpe"))
    assert merged(whole, part).equals(whole)
