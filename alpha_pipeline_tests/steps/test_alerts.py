import datetime as dt
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline.alerts import Alert
from alpha_pipeline.errors import SettingError
from alpha_pipeline.ingestion.coverage import ALL_TAKEN, COVERAGE_SCHEMA
from alpha_pipeline.steps.alerts import KEPT, KEY, Failure, due_alerts, notify
from alpha_pipeline.universe import CORE, HOLDINGS
from alpha_pipeline.warehouse import tickers
from alpha_pipeline.warehouse.market import MarketRecord, claim_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.audit import AUDIT
from alpha_pipeline.warehouse.tables.raw import COVERAGE
from alpha_pipeline.warehouse.tables.signals import VIX_REGIME
from alpha_pipeline_tests.loopback_webhook import LoopbackWebhook

FRIDAY, MONDAY, TUESDAY = dt.date(2025, 6, 27), dt.date(2025, 6, 30), dt.date(2025, 7, 1)
ALERT = Alert("exit_longs 2025-06-30", "leave", "every long", "exit")
LATER = Alert("exit_longs 2025-07-01", "leave again", "every long", "exit")


@pytest.fixture
def webhook() -> Iterator[LoopbackWebhook]:
    with LoopbackWebhook() as made:
        yield made


@pytest.fixture
def other() -> Iterator[LoopbackWebhook]:
    with LoopbackWebhook() as made:
        yield made


def cover(warehouse: Warehouse, names: Sequence[str], last: dt.date | None) -> None:
    """Bars of some tickers up to a session."""
    for name in names:
        row = (name, last and FRIDAY, last, 1 if last else 0, 0, "complete" if last else "failed", "", *ALL_TAKEN)
        warehouse.write(COVERAGE, name, pl.DataFrame([row], schema=COVERAGE_SCHEMA, orient="row"))


def regime(warehouse: Warehouse, session: dt.date, *, exit_longs: bool) -> None:
    """The regime of one session."""
    row = {
        "session": session,
        "expected_change": 0.123,
        "prob_spike": 0.41,
        "spike_threshold": 0.35,
        "regime": "stressed",
        "exit_longs": exit_longs,
        "size_multiplier": 0.5,
        "missing": "",
    }
    warehouse.upsert(VIX_REGIME, str(session.year), VIX_REGIME.conform(pl.DataFrame([row])))


@pytest.fixture
def current(tmp_path: Path) -> Warehouse:
    """A warehouse whose core tickers have Monday, and that says nothing of leaving."""
    warehouse = Warehouse(tmp_path / "warehouse")
    cover(warehouse, CORE, MONDAY)
    regime(warehouse, MONDAY, exit_longs=False)
    return warehouse


def test_a_day_as_it_should_be_alerts_of_nothing(current: Warehouse) -> None:
    assert due_alerts(current, MONDAY) == []


def test_stale_tickers_are_named_with_where_they_end(current: Warehouse) -> None:
    cover(current, ["SPY"], FRIDAY)
    current.objects.delete(current.key(COVERAGE, "QQQ"))
    [alert] = due_alerts(current, MONDAY)
    assert (alert.kind, alert.key) == ("stale", "stale 2025-06-30 QQQ,SPY")
    assert alert.title == "alpha_pipeline: stale data, 2 ticker(s) lack 2025-06-30"
    assert alert.body.startswith("QQQ has no bars, SPY ends on 2025-06-27. ")


def test_an_added_ticker_counts_and_a_holding_or_a_removed_one_does_not(current: Warehouse) -> None:
    tickers.add(current, ["PLTR"])
    tickers.remove(current, ["SPY"])
    cover(current, ["PLTR", "SPY", *HOLDINGS], FRIDAY)
    [alert] = due_alerts(current, MONDAY)
    assert alert.key == "stale 2025-06-30 PLTR"


def test_bars_after_the_session_are_not_stale(current: Warehouse) -> None:
    assert due_alerts(current, FRIDAY) == []


def test_an_exit_says_why_and_that_nothing_is_held(current: Warehouse) -> None:
    regime(current, MONDAY, exit_longs=True)
    [alert] = due_alerts(current, MONDAY)
    assert (alert.kind, alert.key) == ("exit", "exit_longs 2025-06-30")
    assert alert.title == "alpha_pipeline: exit_longs, session 2025-06-30"
    assert alert.body == (
        "Leave every QQQ long: the QQQ weight is 0 from the open of 2025-07-01 on. "
        "Expected change of ^VIX +12.3 %, P(spike) 41.0 % (threshold 35.0 %)."
    )


def test_an_exit_of_another_session_is_no_news(current: Warehouse) -> None:
    regime(current, FRIDAY, exit_longs=True)
    assert due_alerts(current, FRIDAY) == []  # Monday's signal is there and lets longs stay
    regime(current, MONDAY, exit_longs=True)
    cover(current, CORE, TUESDAY)
    assert due_alerts(current, TUESDAY) == []


def test_a_leak_is_told_with_the_words_of_its_probe(current: Warehouse) -> None:
    for probe, verdict, words in (("lag", "bad", "fills at the same close"), ("holidays", "warning", "two sessions")):
        row = {"probe": probe, "passed": verdict != "bad", "verdict": verdict, "words": words, "figures": "{}"}
        checked = pl.lit(dt.datetime(2025, 6, 30, 21, tzinfo=dt.UTC)).cast(pl.Datetime("us", "UTC"))
        current.write(AUDIT, probe, AUDIT.conform(pl.DataFrame([row]).with_columns(checked_at=checked)))
    [alert] = due_alerts(current, MONDAY)
    assert (alert.kind, alert.key) == ("leak", "leak 2025-06-30 lag")
    assert alert.title == "alpha_pipeline: the audit found 1 leak(s), session 2025-06-30"
    assert alert.body.endswith("`alpha audit` looks again. lag: fills at the same close")


def test_a_failure_is_told_in_a_line(current: Warehouse) -> None:
    error = "bars: 1 ticker(s) failed,\n  the others were kept. " + "long " * 200
    [alert] = due_alerts(current, MONDAY, [Failure("refresh_bars", "1a2b", error)])
    assert (alert.kind, alert.key, alert.title) == ("failure", "failure 1a2b", "alpha_pipeline: refresh_bars failed")
    assert alert.body.startswith("Run 1a2b: bars: 1 ticker(s) failed, the others were kept. long")
    assert len(alert.body) < 520
    assert alert.body.endswith("…")


def test_an_alert_of_a_simulated_market_is_marked(current: Warehouse) -> None:
    claim_market(current, MarketRecord("simulated", "simulated seed 7"))
    regime(current, MONDAY, exit_longs=True)
    cover(current, ["SPY"], FRIDAY)
    found = due_alerts(current, MONDAY, [Failure("learn", "1a2b", "no")])
    assert [alert.kind for alert in found] == ["failure", "stale", "exit"]
    assert all(alert.title.startswith("SIMULATED alpha_pipeline: ") for alert in found)


def test_an_alert_arrives_once(current: Warehouse, webhook: LoopbackWebhook) -> None:
    assert notify(current, [ALERT, ALERT], [webhook.url]) == []
    assert notify(current, [ALERT], [webhook.url]) == []
    assert [(body["title"], body["message"]) for body in webhook.taken] == [("leave", "every long")]
    notify(current, [ALERT, LATER], [webhook.url])
    assert webhook.titles() == ["leave", "leave again"]


def test_two_at_once_send_it_once(current: Warehouse, webhook: LoopbackWebhook) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: notify(current, [ALERT, LATER], [webhook.url]), range(4)))
    assert webhook.titles() == ["leave", "leave again"]


def test_without_services_an_alert_is_logged_once_and_counts_as_sent(
    current: Warehouse, webhook: LoopbackWebhook, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        assert notify(current, [ALERT], []) == []
    assert [record.getMessage() for record in caplog.records] == ["leave: every long"]
    notify(current, [ALERT], [webhook.url])
    assert webhook.asked == 0


def test_a_dead_service_is_tried_again_and_the_others_are_not(
    current: Warehouse, webhook: LoopbackWebhook, other: LoopbackWebhook
) -> None:
    urls = [webhook.url, other.url]
    webhook.status = 503
    assert notify(current, [ALERT], urls) == [webhook.url]
    assert notify(current, [ALERT], urls) == [webhook.url]
    webhook.status = 200
    assert notify(current, [], urls) == []  # whatever is due then
    assert notify(current, [ALERT], urls) == []
    assert webhook.titles() == other.titles() == ["leave"]
    assert (webhook.asked, other.asked) == (3, 1)


def test_a_dead_service_is_asked_once_a_time_and_misses_nothing(
    current: Warehouse, webhook: LoopbackWebhook, other: LoopbackWebhook
) -> None:
    urls = [webhook.url, other.url]
    webhook.status = 503
    assert notify(current, [ALERT, LATER], urls) == [webhook.url]
    assert webhook.asked == 1
    webhook.status = 200
    notify(current, [], urls)
    assert webhook.titles() == other.titles() == ["leave", "leave again"]


def test_a_service_taken_out_of_the_settings_is_owed_nothing(current: Warehouse, webhook: LoopbackWebhook) -> None:
    webhook.status = 503
    notify(current, [ALERT], [webhook.url])
    assert notify(current, [], []) == []
    webhook.status = 200
    assert notify(current, [], [webhook.url]) == []
    assert webhook.taken == []


def test_the_newest_keys_are_kept(current: Warehouse) -> None:
    many = [Alert(f"failure {i}", "t", "b", "failure") for i in range(KEPT + 20)]
    notify(current, many, [])
    held = json.loads(current.objects.get(KEY) or b"")
    assert held == {"sent": [alert.key for alert in many[20:]], "waiting": []}


def test_what_is_kept_holds_no_secret(current: Warehouse, webhook: LoopbackWebhook) -> None:
    webhook.status = 503
    notify(current, [ALERT], [f"{webhook.url}/hunter2".replace("://", "://user:hunter2@")])
    kept = (current.objects.get(KEY) or b"").decode()
    assert webhook.url in kept
    assert "hunter2" not in kept


def test_nothing_to_tell_leaves_no_trace(current: Warehouse) -> None:
    assert notify(current, [], []) == []
    assert current.objects.get(KEY) is None


def test_a_malformed_url_sends_nothing_and_forgets_nothing(current: Warehouse, webhook: LoopbackWebhook) -> None:
    with pytest.raises(SettingError, match="ALPHA_ALERTS"):
        notify(current, [ALERT], [webhook.url, "jsonx://host"])
    assert notify(current, [ALERT], [webhook.url]) == []
    assert webhook.titles() == ["leave"]
