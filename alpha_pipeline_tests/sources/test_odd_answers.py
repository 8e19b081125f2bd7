"""Whatever one ticker's answer is, the others go on, and this one is taken rightly or has failed with a reason."""

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from alpha_pipeline import sessions
from alpha_pipeline.errors import AlphaError
from alpha_pipeline.sources.yahoo_chart import OddChartError, check_chart
from alpha_pipeline.steps.rounds import ingest_tickers
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline_tests.loopback.chart import chart
from alpha_pipeline_tests.loopback.mutations import some
from alpha_pipeline_tests.loopback.world import SAID, World, yahoo_world
from alpha_pipeline_tests.loopback_yahoo import Listing, trades
from alpha_pipeline_tests.pipeline_world import after_close

START, LAST = dt.date(2024, 1, 2), dt.date(2024, 3, 15)
SOUND = ["AAA", "BBB", "CCC"]
LONGEST_REASON = 600


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "machine"))
    with yahoo_world(tmp_path, START, after_close(LAST)) as world:
        yield world


def listing() -> Listing:
    """Bars with two dividends and a split."""
    days = sessions.between(START, LAST)
    traded = trades(START, LAST)
    for day in days[:20]:  # as they were traded before it
        one = traded[day]
        prices = {name: 2 * (getattr(one, name) or 0.0) for name in ("open", "high", "low", "close")}
        traded[day] = replace(one, **prices, volume=one.volume // 2)
    return Listing(traded, splits={days[20]: 2.0}, dividends={days[10]: 0.5, days[30]: 0.5})


@cache
def answered(ticker: str) -> str:
    """The right answer about the whole history, as text."""
    told = chart(ticker, listing(), {}, after_close(LAST), set())
    return json.dumps(told)


def refusal(body: str) -> str:
    """What is odd about an answer; empty where nothing is."""
    try:
        check_chart(body.encode(), "AAA")
    except OddChartError as error:
        return str(error)
    return ""


def refreshed(world: World, folder: str, odd: Sequence[tuple[str, str]]) -> tuple[Warehouse, dict[str, AlphaError]]:
    """A warehouse after a refresh in which some tickers' answers are odd, the sound ones last; who failed."""
    names = [f"ODD{n}" for n in range(len(odd))]
    for name, (_, body) in zip(names, odd, strict=True):
        world.server.say(body.replace('"AAA"', f'"{name}"'), name)
    for name in SOUND:
        world.server.listings[name] = listing()
    warehouse = Warehouse(world.folder / folder)
    outcomes = dict(
        ingest_tickers(warehouse, world.source, [*names, *SOUND], since=START, through=LAST, now=world.server.now)
    )
    return warehouse, {name: one for name, one in outcomes.items() if isinstance(one, AlphaError)}


def assert_true_or_failed(world: World, odd: Sequence[tuple[str, str]]) -> int:
    """How many of the odd ones failed."""
    warehouse, failed = refreshed(world, "odd", odd)
    assert not set(failed) & set(SOUND)
    truth = {row[1]: row[2:] for row in warehouse.read(raw.BARS, ["AAA"]).select(SAID).iter_rows()}
    assert len(truth) == len(sessions.between(START, LAST))
    assert all(warehouse.height(raw.BARS, name) == len(truth) for name in SOUND)
    for n, (what, _) in enumerate(odd):
        name = f"ODD{n}"
        if name in failed:
            words = str(failed[name])
            assert words.isprintable(), (what, words)
            assert name in words or "not asked" in words, (what, words)
            assert len(words) < LONGEST_REASON, (what, words)
            continue
        held = warehouse.read(raw.BARS, [name]).select(SAID)
        assert {row[1]: row[2:] for row in held.iter_rows()}.items() <= truth.items(), what
    return len(failed)


def test_a_few_odd_answers_among_sound_ones(world: World) -> None:
    odd = some(answered("AAA"), 8)
    assert assert_true_or_failed(world, odd) > len(odd) / 3


@pytest.mark.slow
@pytest.mark.minutes(0.5)
def test_odd_answers_at_every_place(world: World) -> None:
    odd = some(answered("AAA"), 120, seed=1)
    assert_true_or_failed(world, odd)


def test_the_shape_of_an_answer_is_checked_at_every_place() -> None:
    """No mutation makes the check itself fail, and what it says of one is short and printable."""
    body = answered("AAA")
    check_chart(body.encode(), "AAA")
    reasons = {what: words for what, odd in some(body, 400) if (words := refusal(odd))}
    for what, words in reasons.items():
        assert words.isprintable(), what
        assert len(words) < LONGEST_REASON, what
    assert len(reasons) > 150


@pytest.mark.parametrize(
    ("of", "odd", "reason"),
    [
        ('"timestamp": [1704205800', '"timestamp": [null', "timestamp[0] is null, expected seconds since 1970"),
        ('"volume": [', '"volume": [1e30, ', "volume has 53 values for 52 timestamps"),
        ('"splits": {', '"splits": [], "x": {', "events.splits is a list, expected an object"),
        ('"symbol": "AAA"', '"symbol": "BBB"', "it is of 'BBB' and not of AAA"),
        ('"dataGranularity": "1d"', '"dataGranularity": "1wk"', "its bars are of '1wk' and not of days"),
    ],
)
def test_the_reason_names_the_place(of: str, odd: str, reason: str) -> None:
    body = answered("AAA")
    assert of in body
    with pytest.raises(OddChartError) as raised:
        check_chart(body.replace(of, odd).encode(), "AAA")
    assert reason in str(raised.value)
