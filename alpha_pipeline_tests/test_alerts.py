import io
import logging
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from alpha_pipeline.alerts import Alert, check, send
from alpha_pipeline.cli.app import app
from alpha_pipeline.errors import AlphaError, SettingError
from alpha_pipeline_tests.loopback_webhook import LoopbackWebhook

ALERT = Alert("exit_longs 2025-06-30", "exit_longs, session 2025-06-30", "P(spike) 41.0 % & more <now>", "exit")
SECRET = "hunter2hunter2"


@pytest.fixture
def webhook() -> Iterator[LoopbackWebhook]:
    with LoopbackWebhook() as made:
        yield made


@pytest.fixture
def other() -> Iterator[LoopbackWebhook]:
    with LoopbackWebhook() as made:
        yield made


def test_a_webhook_gets_the_words_as_they_are(webhook: LoopbackWebhook) -> None:
    assert send(ALERT, [f"{webhook.url}/hooks/alpha"]) == []
    [body] = webhook.taken
    assert (body["title"], body["message"], body["type"]) == (ALERT.title, ALERT.body, "warning")
    assert webhook.paths == ["/hooks/alpha"]


@pytest.mark.parametrize(("kind", "shown"), [("failure", "failure"), ("stale", "warning"), ("test", "info")])
def test_the_kind_is_told_too(webhook: LoopbackWebhook, kind: str, shown: str) -> None:
    send(Alert("k", "t", "b", kind), [webhook.url])  # type: ignore[arg-type]
    assert webhook.taken[0]["type"] == shown


def test_the_log_has_every_alert_with_and_without_services(
    webhook: LoopbackWebhook, caplog: pytest.LogCaptureFixture
) -> None:
    assert send(ALERT, []) == []
    send(ALERT, [webhook.url])
    said = [(r.name, r.levelno, r.getMessage()) for r in caplog.records if r.name == "alpha_pipeline.alerts"]
    assert said == [("alpha_pipeline.alerts", logging.WARNING, f"{ALERT.title}: {ALERT.body}")] * 2


def test_a_service_that_refuses_is_named_and_the_others_get_it(
    webhook: LoopbackWebhook, other: LoopbackWebhook, caplog: pytest.LogCaptureFixture
) -> None:
    webhook.status = 500
    assert send(ALERT, [webhook.url, other.url]) == [webhook.url]
    assert other.titles() == [ALERT.title]
    assert f"{webhook.url} did not take the alert 'exit_longs 2025-06-30'" in caplog.text
    assert "error=500" in caplog.text


def test_a_server_that_is_gone_is_named() -> None:
    with LoopbackWebhook() as webhook:
        url = webhook.url
    assert send(ALERT, [url]) == [url]


def test_only_the_services_asked_for_get_it(webhook: LoopbackWebhook, other: LoopbackWebhook) -> None:
    assert send(ALERT, [webhook.url, other.url], only=[other.url]) == []
    assert (webhook.asked, other.asked) == (0, 1)


def test_services_are_named_by_scheme_and_host() -> None:
    urls = [
        f"jsons://user:{SECRET}@hooks.example.org/{SECRET}?+Authorization={SECRET}",
        f"jsons://hooks.example.org/{SECRET}",
        f"jsons://hooks.example.org:8443/{SECRET}",
        f"slack://T1JJ3T3L2/A1BRTD4JD/{SECRET}{SECRET}",
        f"mailto://user:{SECRET}@example.org",
    ]
    names = check(urls)
    assert names[:3] == [
        "jsons://hooks.example.org",
        "jsons://hooks.example.org (2)",
        "jsons://hooks.example.org:8443",
    ]
    assert names[3] == "slack://…"
    assert names[4] == "mailto://example.org"
    assert SECRET not in " ".join(names)


@pytest.fixture
def root_log() -> Iterator[io.StringIO]:
    """What a log that a person keeps would hold; pytest's own looks into loggers that tell nobody, too."""
    kept = io.StringIO()
    handler = logging.StreamHandler(kept)
    logging.getLogger().addHandler(handler)
    yield kept
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"jsonx://user:{SECRET}@host/", "'jsonx://…'"),
        (f"slack://{SECRET}", "'slack://…'"),
        ("json://", "'json://…'"),
        (SECRET, "'…'"),
    ],
)
def test_a_malformed_url_is_named_by_its_place_and_scheme(
    webhook: LoopbackWebhook, root_log: io.StringIO, url: str, shown: str
) -> None:
    for use in (lambda: check([webhook.url, url]), lambda: send(ALERT, [webhook.url, url])):
        with pytest.raises(SettingError, match=r"ALPHA_ALERTS=.*in place 2") as refused:
            use()
        assert shown in str(refused.value)
        assert SECRET not in str(refused.value)
    assert root_log.getvalue() == f"{ALERT.title}: {ALERT.body}\n"
    assert webhook.asked == 0


def command(*arguments: str, alerts: str) -> tuple[int, str, BaseException | None]:
    """Exit code, words and error of `alpha alerts`."""
    done = CliRunner().invoke(app, ["alerts", *arguments], env={"ALPHA_ALERTS": alerts})
    return done.exit_code, done.output, done.exception


def test_the_command_lists_where_alerts_go_and_sends_nothing(webhook: LoopbackWebhook) -> None:
    code, said, _ = command(alerts=f"{webhook.url}/{SECRET} mailto://user:{SECRET}@example.org")
    assert code == 0
    assert said == f"Alerts go to the log, {webhook.url}, mailto://example.org.\n"
    assert webhook.asked == 0


def test_the_command_sends_a_test(webhook: LoopbackWebhook, other: LoopbackWebhook) -> None:
    code, said, _ = command("--test", alerts=f"{webhook.url} {other.url}")
    assert (code, webhook.titles(), other.titles()) == (0, ["alpha_pipeline: test"], ["alpha_pipeline: test"])
    assert "taken by all" in said


def test_the_command_fails_and_names_the_service_that_failed(webhook: LoopbackWebhook, other: LoopbackWebhook) -> None:
    webhook.status = 404
    code, _, error = command("--test", alerts=f"{webhook.url}/{SECRET} {other.url}")
    assert code == 1
    assert isinstance(error, AlphaError)
    assert f"Not delivered to {webhook.url}. " in str(error)
    assert other.asked == 1
