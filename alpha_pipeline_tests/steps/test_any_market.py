"""Any market that a person has: whenever it begins and ends, and whichever of the universe's tickers are in it.

Each ends in a card and a report whose figures are finite and stated, or is refused before anything is trained.
"""

import datetime as dt
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl
import polars.selectors as cs
import pytest
from rich.console import Console

from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.evaluation import metrics
from alpha_pipeline.features.tables import TECHNICAL
from alpha_pipeline.models.architectures import TrainingSpec
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.reports.figures.sheet import WIDE
from alpha_pipeline.reports.signal_card import SignalCard, render
from alpha_pipeline.sources.simulated import simulate
from alpha_pipeline.steps import luck, proof, records, results, trials
from alpha_pipeline.steps.audit import audit
from alpha_pipeline.steps.card import signal_card
from alpha_pipeline.steps.forecasting import forecast_tickers
from alpha_pipeline.steps.report import LATEST, write_report
from alpha_pipeline.steps.signals import BALLOT_MODEL, SECTOR_MODEL, VIX_MODEL, sessions_to_signal
from alpha_pipeline.steps.training import train_experiment
from alpha_pipeline.universe import CORE, MAG7, SECTORS, VIX
from alpha_pipeline.warehouse.market import MarketRecord, claim_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.proof import RECORDS
from alpha_pipeline_tests import matrix_world as small_matrix
from alpha_pipeline_tests.pipeline_world import QUICK, FrameSource, after_close, build_features, ingest_all, signal_all

END: Final = dt.date(2022, 6, 30)
# First session and last one.
STARTS: Final[Mapping[str, tuple[dt.date, dt.date]]] = {
    "2010": (dt.date(2010, 1, 4), dt.date(2016, 3, 31)),
    "2015": (dt.date(2015, 1, 2), dt.date(2016, 12, 30)),
    "2016-06": (dt.date(2016, 6, 1), dt.date(2017, 9, 29)),
    "2018": (dt.date(2018, 1, 2), dt.date(2019, 3, 29)),
    "2021": (dt.date(2021, 1, 4), dt.date(2022, 3, 31)),
    "a month": (dt.date(2022, 5, 31), END),
    "a week": (dt.date(2022, 6, 24), END),
    "two sessions": (dt.date(2022, 6, 29), END),
    "ended in 2015": (dt.date(2012, 1, 3), dt.date(2015, 6, 30)),
}
SMALL: Final = ("QQQ", "SPY", *MAG7, *SECTORS, VIX)
SUBSETS: Final[Mapping[str, tuple[str, ...]]] = {
    "the core": CORE,
    "no ^VIX": tuple(t for t in SMALL if t != VIX),
    "no QQQ": tuple(t for t in SMALL if t != "QQQ"),
    "only QQQ": ("QQQ",),
    "only ^VIX": (VIX,),
    "only the Magnificent Seven": MAG7,
    "only sectors": SECTORS,
    "one after the other": ("QQQ", "NVDA", *SECTORS, VIX),
    "no fund": (*MAG7, VIX),
}


def experiment(name: str, kind: str, tickers: Sequence[str], sets: Sequence[str] = ()) -> Experiment:
    inputs = {"kind": "features", "sets": list(sets)} if sets else {"kind": "raw_bars"}
    return Experiment.model_validate(
        {
            "name": name,
            "description": "",
            "architecture": {"kind": kind},
            "inputs": inputs,
            "window": 2,
            "tickers": list(tickers),
            "training": {"minimum_samples": 50, "validation_sessions": 20},
        }
    )


# By the names that the signals read, in closed form: a market's gaps are the same whatever is trained on it.
EXPERIMENTS: Final = (
    experiment("expanding_mean", "expanding_mean", CORE),
    experiment("ridge", "ridge", ("QQQ", "NVDA"), ["technical", "price_action", "market_context"]),
    experiment(BALLOT_MODEL, "last_value", ("QQQ", *MAG7)),
    experiment(SECTOR_MODEL, "ridge", ("QQQ", *SECTORS), ["technical", "sector_context"]),
    experiment(VIX_MODEL, "last_value", (VIX,)),
)


def market(start: str, subset: str) -> dict[str, pl.DataFrame]:
    """Bars by ticker."""
    first, last = STARTS[start]
    bars = dict(simulate(7, 0.0, first, last, SUBSETS[subset]).bars)
    if subset == "one after the other":
        for place, ticker in enumerate(bars):
            bars[ticker] = bars[ticker][place * bars[ticker].height // 40 :]
    return bars


# The probes that look at the bars held, and not at markets made for them.
OF_HELD: Final = (
    *("truncation", "warm_up", "normalisation", "folds", "purge", "thresholds", "seeds", "universe", "fill"),
    *("vix_clock", "holidays", "shuffled_labels"),
)


@dataclass(frozen=True)
class Ended:
    """What a market ended in."""

    warehouse: Warehouse
    card: SignalCard
    terminal: str
    page: str


def run(root: Path, bars: Mapping[str, pl.DataFrame], experiments: Sequence[Experiment] = EXPERIMENTS) -> Ended:
    """From bars to the report, as a day does it: nothing is trained where no session can be signalled."""
    warehouse, source, tickers = Warehouse(root), FrameSource(bars), list(bars)
    claim_market(warehouse, MarketRecord("files", "files"))
    through = max(rows["session"].to_list()[-1] for rows in bars.values())
    ingest_all(warehouse, source, tickers, through)
    build_features(warehouse, tickers)
    days = sessions_to_signal(warehouse)
    for one in experiments:
        own = [ticker for ticker in tickers if ticker in one.tickers]
        result = train_experiment(warehouse, one, own, QUICK, device="cpu", progress=lambda _: None)
        assert result.lacking.issuperset(dict(result.failures))
    forecast_tickers(warehouse, experiments, tickers, QUICK, after_close(through))
    signal_all(warehouse, days)
    for write in (
        results.write_ledger,
        results.write_scores,
        results.write_reliability,
        results.write_decay,
        results.write_folds,
        proof.write_lead_lag,
        proof.write_comparisons,
        records.write_records,
    ):
        write(warehouse)
    trials.write_trials(warehouse, after_close(through))
    luck.write_luck(warehouse)
    write_report(warehouse, None)
    card = signal_card(warehouse)
    terminal = Console(width=400, record=True, file=io.StringIO())
    terminal.print(render(card))
    return Ended(warehouse, card, terminal.export_text(), (warehouse.objects.get(LATEST) or b"").decode())


def assert_finite_and_stated(ended: Ended) -> None:
    """No figure is undefined or a year's where there is no year, and what is missing has its cause."""
    for table in TABLES:
        rows = ended.warehouse.read(table)
        wrong = [name for name in rows.select(cs.float()).columns if not rows[name].drop_nulls().is_finite().all()]
        assert not wrong, (table.name, wrong)
    assert not re.search(r"(?<![a-z])(nan|inf|None)(?![a-z])", f"{ended.terminal} {ended.page}")
    yearly = set(
        ended.warehouse.read(RECORDS).filter(pl.col("metric").is_in(["sharpe", "cagr", "turnover"]))["strategy"]
    )
    short = {name for name, record in ended.card.record.items() if record.sessions < metrics.FEWEST_OF_A_YEAR}
    assert not yearly & short
    assert not {name for name in short if ended.card.record[name].cagr is not None}
    assert ("figures a year (Sharpe, CAGR) are of" in ended.terminal) == bool(short)
    assert ("figures a year (Sharpe, CAGR) are of" in ended.page) == bool(short)
    assert "missing: " not in ended.terminal + ended.page, "that is a consequence"
    if ended.card.reason.startswith("abstains"):
        assert ended.card.causes


@pytest.fixture
def little_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer random draws, and figures that are laid out but not written."""
    monkeypatch.setattr(proof.strategies, "DRAWS", 3)
    monkeypatch.setattr("alpha_pipeline.evaluation.bootstrap.N_RESAMPLES", 50)
    monkeypatch.setattr("alpha_pipeline.evaluation.luck.N_RESAMPLES", 50)
    monkeypatch.setattr("alpha_pipeline.reports.daily_report.fragment", lambda drawn, label: f"{drawn(WIDE)} {label}")


@pytest.mark.parametrize(
    ("start", "subset"),
    [
        ("2010", "only QQQ"),
        ("2015", "only ^VIX"),
        ("2021", "only the Magnificent Seven"),
        ("a week", "no fund"),
        ("two sessions", "the core"),
        ("two sessions", "only QQQ"),
    ],
)
@pytest.mark.usefixtures("little_drawn")
def test_any_start_and_any_tickers_end_in_a_card_and_a_report(tmp_path: Path, start: str, subset: str) -> None:
    assert_finite_and_stated(run(tmp_path, market(start, subset)))


@pytest.mark.parametrize("start", ["a month", "a week", "two sessions"])
def test_the_audit_of_a_short_market_finds_no_leak_and_looks_at_what_it_can(tmp_path: Path, start: str) -> None:
    bars, through = market(start, "the core"), STARTS[start][1]
    warehouse = Warehouse(tmp_path)
    ingest_all(warehouse, FrameSource(bars), ["QQQ", "SPY", VIX], through)
    found = {one.probe: one.verdict for one in audit(warehouse, after_close(through), probed=OF_HELD)}
    assert set(found) == set(OF_HELD)
    assert set(found.values()) <= {"ok", "nothing"}


@pytest.mark.slow
@pytest.mark.minutes(0.4)
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.usefixtures("little_drawn")
def test_every_start_and_every_other_subset_ends_in_a_report_or_is_refused_before_the_training(
    tmp_path: Path, start: str
) -> None:
    """Every subset of the starts, every second one of each: their neighbours have the others."""
    shared = small_matrix.experiment().model_copy(update={"tickers": ("QQQ", *SECTORS)})
    network = experiment("v11_hybrid", "hybrid", ("QQQ", "XLK"), ["technical"]).model_copy(
        update={"training": TrainingSpec(minimum_samples=50, validation_sessions=20, epochs=1)}
    )
    for subset in list(SUBSETS)[list(STARTS).index(start) % 2 :: 2]:
        bars = market(start, subset)
        if start == "ended in 2015":
            with pytest.raises(NotEnoughDataError, match="The bars end on 2015-06-30, before the first"):
                run(tmp_path / subset, bars)
            assert not (tmp_path / subset / "models").exists()
            continue
        # A network learns from a market of any shape alike.
        networks = (shared, network) if subset in {"the core", "one after the other"} else ()
        assert_finite_and_stated(run(tmp_path / subset, bars, (*EXPERIMENTS, *networks)))


def test_a_market_that_ended_before_anything_is_forecast_is_refused_before_the_training(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughDataError, match="The bars end on 2015-06-30, before the first out-of-sample session"):
        run(tmp_path, market("ended in 2015", "only QQQ"))
    assert not (tmp_path / "models").exists()
    assert Warehouse(tmp_path).height(TECHNICAL, "QQQ"), "what was made can be read"


def test_a_market_without_any_core_ticker_is_refused_before_the_training(tmp_path: Path) -> None:
    rows = market("a month", "only QQQ")["QQQ"].with_columns(ticker=pl.lit("SHOP.TO"))
    with pytest.raises(NotEnoughDataError, match=r"None of the core tickers \(QQQ, .*alpha train"):
        run(tmp_path, {"SHOP.TO": rows})


def test_a_ticker_that_ended_in_2015_stops_no_other(tmp_path: Path) -> None:
    last = STARTS["2018"][1]
    old, young = (dict(simulate(7, 0.0, dt.date(2014, 1, 2), last, ("QQQ", "NVDA")).bars)[t] for t in ("NVDA", "QQQ"))
    warehouse = Warehouse(tmp_path)
    bars = {"NVDA": old.filter(pl.col("session") < dt.date(2015, 6, 30)), "QQQ": young}
    ingest_all(warehouse, FrameSource(bars), ["NVDA", "QQQ"], last)
    build_features(warehouse, ["NVDA", "QQQ"])
    result = train_experiment(warehouse, EXPERIMENTS[0], ["NVDA", "QQQ"], QUICK, device="cpu", progress=lambda _: None)
    assert dict(result.failures) == {
        "NVDA": "expanding_mean: its bars end on 2015-06-29, and 2016-01-04 is forecast first"
    }
    assert result.lacking == {"NVDA"}
    assert {artifact.card.ticker for artifact in result.artifacts} == {"QQQ"}
