"""The leak audit of a warehouse: what the probes make of the pipeline and of what is held.

The probes of the pipeline run on a bounded part of the warehouse's own bars and on markets made for them. What they
find is kept while neither the code nor what they look at changes.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import islice, zip_longest
from pathlib import Path
from typing import Final

import polars as pl

from alpha_pipeline.datasets.folds import Fold
from alpha_pipeline.datasets.matrix import ALL
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.evaluation.audit.finding import Figures, Finding
from alpha_pipeline.evaluation.audit.lag import lag
from alpha_pipeline.evaluation.audit.live import stored_live_rows
from alpha_pipeline.evaluation.audit.pipeline import Pipeline
from alpha_pipeline.evaluation.audit.stored import Rebuilt, stored_cards, stored_forecasts, stored_ledger, stored_slices
from alpha_pipeline.evaluation.audit.suite import Bench, Planted, probes
from alpha_pipeline.evaluation.audit.world import World
from alpha_pipeline.portfolio.strategies import SignalRows
from alpha_pipeline.settings import machine_now
from alpha_pipeline.sources.simulated import oracle, simulate
from alpha_pipeline.steps.bars import final_bars
from alpha_pipeline.steps.features import MARKET_TICKERS
from alpha_pipeline.steps.pipeline import PIPELINE
from alpha_pipeline.steps.progress import Plan, Progress, Stage, announce, report
from alpha_pipeline.steps.training import ticker_samples
from alpha_pipeline.training.artifact import Card, card_or_none
from alpha_pipeline.universe import MAG7, SECTORS, VOLATILITY_FUNDS
from alpha_pipeline.warehouse.store import Warehouse, content_hash, frame_hash
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables.audit import AUDIT
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline.warehouse.tables.raw import ACTIONS, BARS, SECOND_OPINION
from alpha_pipeline.warehouse.tables.results import LEDGER
from alpha_pipeline.warehouse.tables.signals import MAG7_VOTE, QQQ_POSITION, SECTOR_ROTATION, VIX_REGIME

STAGE: Final = "leak audit"
INNER_STAGE: Final = f"{STAGE}: truncation"  # the one probe that takes long
# Looked at: what features take for context, what votes, and what is forecast; the last six years of it.
TICKERS: Final = (*MARKET_TICKERS[:3], *MAG7[:5], *SECTORS, *VOLATILITY_FUNDS)
SESSIONS: Final = 1500
FEWEST_SESSIONS: Final = 250  # else all are looked at, the newest too
REBUILT: Final = 8  # members
# What a probe takes on an idle machine, where it is much more than the others.
SECONDS: Final = {
    "truncation": 6.0,
    "warm_up": 0.6,
    "normalisation": 0.7,
    "restatement": 1.0,
    "shuffled_labels": 1.0,
    "noise_market": 0.8,
    "planted_signal": 0.5,
    "lag": 0.8,
    "stored_slices": 1.0,
}
SECONDS_OF_OTHERS: Final = 0.1
SECONDS_FOUND: Final = 0.02
WALKS: Final = 7  # of the probe of truncation: whole, and twice for each of three sessions
PLANTED_IC: Final = 0.10
PLANTED_SEED: Final = 7
PLANTED_TICKERS: Final = ("AAPL", "NVDA", "QQQ", "XLE", "XLF", "XLP")
PLANTED_FIRST: Final = dt.date(2020, 1, 2)
PLANTED_LAST: Final = dt.date(2022, 12, 30)
MADE_FOR: Final = ("restatement", "live_rows", "noise_market", "planted_signal")  # look at no bar that is held
_STORED_TABLES: Final = (BARS, SECOND_OPINION)


def audit(
    warehouse: Warehouse,
    now: dt.datetime,
    pipeline: Pipeline = PIPELINE,
    probed: Iterable[str] | None = None,
    *,
    is_all: bool = False,
) -> Iterator[Finding]:
    """Look for leaks, probe by probe, and fill `evaluation.audit`.

    Args:
        warehouse: what is held; its bars are what the pipeline is probed on.
        now: the clock's time.
        pipeline: the functions to probe.
        probed: names of the probes wanted; all when None.
        is_all: whether this is all the work that a watcher of progress waits for.

    Yields:
        The findings, as they are made; none while no final bar is held.
    """
    held = _Held(warehouse)
    if held.world.bars.is_empty():
        return
    todo = _probes(held, pipeline, now)
    wanted = list(todo) if probed is None else list(probed)
    if is_all:
        current = {name for name in wanted if warehouse.is_current(AUDIT, name, todo[name][0])}
        announce(_plan(wanted, current))
    for number, name in enumerate(wanted):
        report(Progress(STAGE, number, len(wanted), name))
        inputs, look = todo[name]
        if not warehouse.is_current(AUDIT, name, inputs):
            found = look()
            if name == "truncation":
                report(Progress(INNER_STAGE, WALKS, WALKS, is_over=True))
            warehouse.write(AUDIT, name, _as_row(found, now), inputs)
        yield _read(warehouse, name)
    report(Progress(STAGE, len(wanted), len(wanted), is_over=True))


def _plan(probes: Sequence[str], current: Collection[str]) -> Plan:
    """The probes as a stage; those that are current are read alone."""
    each = (SECONDS_FOUND if name in current else SECONDS.get(name, SECONDS_OF_OTHERS) for name in probes)
    return (Stage(STAGE, len(probes), "probes", 0.0, each=tuple(each)),)


def findings(warehouse: Warehouse) -> list[Finding]:
    """What the last audit found; none before the first."""
    return [_read(warehouse, name) for name in warehouse.units(AUDIT)]


@dataclass(frozen=True)
class _Held:
    """What a warehouse holds, read once and when it is asked for."""

    warehouse: Warehouse

    @cached_property
    def tickers(self) -> list[str]:
        """Those looked at that have bars; the first that are held where none of them has."""
        units = self.warehouse.units(BARS)
        return [ticker for ticker in TICKERS if ticker in units] or units[:2]

    @cached_property
    def world(self) -> World:
        """Their bars of some years up to the end of a quarter: the pipeline is not probed anew each day.

        Adjusted closes are counted forward already, so that no dividend moves what was probed.
        """
        whole = World(final_bars(self.warehouse, self.tickers), self.warehouse.read(ACTIONS, self.tickers))
        if whole.bars.is_empty():
            return whole
        newest = whole.sessions[-1]
        ended = [day for day in whole.sessions if day < newest.replace(month=(newest.month - 1) // 3 * 3 + 1, day=1)]
        days = ended if len(ended) >= FEWEST_SESSIONS else whole.sessions
        return whole.since(days[max(0, len(days) - SESSIONS)]).through(days[-1])

    @cached_property
    def forecasts(self) -> pl.DataFrame:
        return self.warehouse.read(DAILY)

    @cached_property
    def cards(self) -> list[Card]:
        """Of every member stored; one that cannot be read is trained again and not judged."""
        keys = [key for key in self.warehouse.objects.list("models") if key.endswith(".json")]
        read = (self.warehouse.objects.get(key) for key in keys)
        return [card for data in read if (card := card_or_none(data)) is not None]

    @cached_property
    def traded(self) -> pl.DataFrame:
        """Bars of what strategies trade."""
        return final_bars(self.warehouse, ["QQQ", *SECTORS])

    def decided(self, pipeline: Pipeline) -> dict[str, pl.DataFrame]:
        """What each strategy whose tickers have bars decides, by its name."""
        position = self.warehouse.read(QQQ_POSITION)
        if position.is_empty():
            return {}
        rest = (self.warehouse.read(table) for table in (MAG7_VOTE, SECTOR_ROTATION, VIX_REGIME))
        made = pipeline.decisions(SignalRows(position, *rest), self.traded)
        known = set(self.traded["ticker"].unique())
        return {name: rows for name, rows in made.items() if rows.height and set(rows["ticker"].unique()) <= known}

    def fingerprint(self, *tables: Table) -> str:
        """A hash of everything held of some tables."""
        units = ((table, unit) for table in tables for unit in self.warehouse.units(table))
        return _hash(f"{table.name} {unit} {self.warehouse.fingerprint(table, unit)}" for table, unit in units)

    @cached_property
    def bars_print(self) -> str:
        """A hash of the bars and actions looked at."""
        return frame_hash(self.world.bars.drop("source", "fetched_at", "is_final")) + frame_hash(self.world.actions)

    @cached_property
    def cards_print(self) -> str:
        """A hash of which members are stored: their names are hashes of what went in."""
        return _hash(key for key in self.warehouse.objects.list("models") if key.endswith(".json"))


def _probes(held: _Held, pipeline: Pipeline, now: dt.datetime) -> dict[str, tuple[str, Callable[[], Finding]]]:
    """By name: a hash of what the probe looks at, and the probe."""
    bench = Bench(pipeline, held.world, planted)
    done = 0

    def stored() -> list[tuple[str, pl.DataFrame]]:
        return [(table.name, held.warehouse.read(table, columns=["ticker", "session"])) for table in _STORED_TABLES]

    def told(words: str) -> None:
        nonlocal done
        report(Progress(INNER_STAGE, done, WALKS, words))
        done += 1

    code = code_hash()
    of_pipeline = probes(bench, stored, told)
    looked = {name: _hash([code, held.bars_print]) for name in of_pipeline}
    looked |= dict.fromkeys(MADE_FOR, _hash([code]))
    looked["holidays"] = _hash([code, held.fingerprint(*_STORED_TABLES)])
    traded = (QQQ_POSITION, SECTOR_ROTATION, LEDGER, BARS, ACTIONS)
    horizons = {name: max(one.target.horizons) for name, one in pipeline.experiments().items()}
    of_held: dict[str, tuple[str, Callable[[], Finding]]] = {
        "lag": (_hash([code, held.fingerprint(*traded)]), lambda: lag(pipeline, held.decided(pipeline), held.traded)),
        "stored_slices": (
            _hash([code, held.cards_print, held.fingerprint(BARS, ACTIONS)]),
            lambda: stored_slices(list(_rebuilt(held, pipeline))),
        ),
        "stored_cards": (_hash([code, held.cards_print]), lambda: stored_cards(held.cards, horizons)),
        "stored_forecasts": (
            _hash([code, held.fingerprint(DAILY), held.cards_print]),
            lambda: stored_forecasts(held.forecasts, held.cards),
        ),
        "stored_ledger": (
            _hash([code, held.fingerprint(*traded)]),
            lambda: stored_ledger(held.warehouse.read(LEDGER), held.decided(pipeline), held.traded),
        ),
        # When a forecast was made is not among the fingerprints, and every day settles more of them.
        "stored_live_rows": (
            _hash([code, str(now.date()), *_live(held.forecasts)]),
            lambda: stored_live_rows(
                held.forecasts, _figures_before(held.warehouse, "stored_live_rows"), now, machine_now()
            ),
        ),
    }
    return {name: (looked[name], probe) for name, probe in of_pipeline.items()} | of_held


def _rebuilt(held: _Held, pipeline: Pipeline) -> Iterator[Rebuilt]:
    """The newest members of one ticker each, as many as are looked at, of the experiments in turn."""
    known = pipeline.experiments()
    newest = {(card.experiment, card.ticker): card for card in sorted(held.cards, key=lambda one: one.first_session)}
    by_experiment: dict[str, list[Card]] = {}
    for (name, ticker), card in sorted(newest.items()):
        if ticker != ALL and name in known:
            by_experiment.setdefault(name, []).append(card)
    turns = (card for cards in zip_longest(*by_experiment.values()) for card in cards if card is not None)
    for card in islice(turns, REBUILT):
        experiment = known[card.experiment]
        rule = experiment.training.slice_rule
        try:
            samples = ticker_samples(held.warehouse, experiment, card.ticker)
            data = pipeline.cut(samples, Fold(card.fold, card.first_session, card.end_session), rule)
        except NotEnoughDataError:
            continue
        yield Rebuilt(card, samples, data, rule)


@cache
def planted() -> Planted:
    """The simulated market with a planted signal."""
    market = simulate(PLANTED_SEED, PLANTED_IC, last=PLANTED_LAST, tickers=PLANTED_TICKERS)
    bars = pl.concat(market.bars[ticker] for ticker in PLANTED_TICKERS)
    actions = pl.concat(market.actions[ticker] for ticker in PLANTED_TICKERS)
    return Planted(World(bars, actions), oracle(market), PLANTED_FIRST)


@cache
def code_hash() -> str:
    """A hash of this package's own source: other code is probed anew."""
    package = Path(__file__).parent.parent
    files = (path for path in sorted(package.rglob("*")) if path.suffix in {".py", ".json"})
    return _hash(f"{path.relative_to(package)} {hashlib.blake2b(path.read_bytes()).hexdigest()}" for path in files)


def _hash(parts: Iterable[str]) -> str:
    return hashlib.blake2b("|".join(parts).encode(), digest_size=16).hexdigest()


def _live(forecasts: pl.DataFrame) -> list[str]:
    live = forecasts.filter("is_live")
    return [content_hash(DAILY, live), str(live["made_at"].max()), str(live["made_at"].min())]


def _as_row(found: Finding, now: dt.datetime) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "probe": [found.probe],
            "passed": [found.passed],
            "verdict": [found.verdict],
            "words": [found.words],
            "figures": [json.dumps(found.figures, sort_keys=True)],
            "checked_at": [now],
        }
    )


def _read(warehouse: Warehouse, name: str) -> Finding:
    row = warehouse.read(AUDIT, [name]).row(0, named=True)
    return Finding(row["probe"], row["verdict"], row["words"], json.loads(row["figures"]))


def _figures_before(warehouse: Warehouse, name: str) -> Figures:
    return _read(warehouse, name).figures if warehouse.height(AUDIT, name) else {}
