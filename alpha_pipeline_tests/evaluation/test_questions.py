import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from alpha_pipeline.evaluation.lead_lag import RETURN, Pair, lead_lag
from alpha_pipeline.evaluation.questions import against_random, leads, spikes_called
from alpha_pipeline.warehouse.tables.results import SCORES


def scores(metric: str, value: float, half: float) -> pl.DataFrame:
    row = ("bear", "^VIX", 1, "whole", metric, value, value - half, value + half, 500, 0.5)
    return pl.DataFrame([row], schema=SCORES.empty().schema, orient="row")


def test_spikes_are_called_where_the_interval_is_above_what_no_skill_gets() -> None:
    [one] = spikes_called(scores("spike_auc", 0.60, 0.05), "bear", "^VIX")
    assert (one.found.verdict, one.name) == ("better", "Can spikes of ^VIX be called?")
    assert one.found.value == pytest.approx(0.10)
    assert one.found.p_value == pytest.approx(2 * norm.sf(0.10 / (0.05 / 1.96)), rel=0.01)
    assert one.found.minimum_detectable == pytest.approx(2.80 * 0.05 / 1.96, rel=0.01)
    assert spikes_called(scores("spike_auc", 0.53, 0.05), "bear", "^VIX")[0].found.verdict == "undecided"
    assert spikes_called(scores("spike_brier_skill", -0.05, 0.02), "bear", "^VIX")[0].found.verdict == "worse"
    assert spikes_called(scores("ic", 0.05, 0.02), "bear", "^VIX") == []


def pairs(edge: float) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    known, earned = rng.normal(size=(2, 1000))
    earned[1:] += edge * known[:-1]
    return lead_lag([Pair("NVDA", "QQQ", RETURN, known, 0.01 * earned), Pair("QQQ", "NVDA", RETURN, earned, known)])


@pytest.mark.parametrize(("edge", "verdict"), [(0.3, "better"), (-0.3, "worse"), (0.0, "undecided")])
def test_the_verdict_on_a_lead_is_that_of_the_adjusted_test(edge: float, verdict: str) -> None:
    found = pairs(edge)
    [one] = leads(found, "NVDA", "QQQ")
    assert one.found.verdict == verdict
    strongest = found.filter(leader="NVDA", kind="return").sort("p_value").row(0, named=True)
    assert one.found.p_value == strongest["p_value_adjusted"]
    assert (one.found.verdict != "undecided") == (strongest["verdict"] == "leads")
    assert ("leads QQQ" in one.words) == (edge != 0)
    assert f"{strongest['lag']} session" in one.words
    assert leads(found, "TSLA", "QQQ") == []


def test_a_ratio_stands_out_where_fewer_than_one_in_forty_random_ones_reach_it() -> None:
    draws = np.linspace(0, 1, 101)
    [best] = against_random("?", "rotation", 1.2, draws, 500)
    assert (best.found.verdict, best.found.value) == ("better", pytest.approx(0.7))
    assert best.found.p_value == pytest.approx(2 / 102)
    [usual] = against_random("?", "rotation", 0.9, draws, 500)
    assert usual.found.verdict == "undecided"
    assert "101 random picks have 0.50 on average and 0.95 at the 95th percentile" in usual.words
    assert against_random("?", "rotation", -0.2, draws, 500)[0].found.verdict == "worse"
