"""What a person who knows Dagster types in a fresh checkout: it works, and git sees nothing of it."""

import os
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from unittest.mock import patch

import dagster as dg
import pytest

from alpha_pipeline.defs.home import open_instance
from alpha_pipeline.settings import Settings
from alpha_pipeline.universe import UNIVERSE
from alpha_pipeline_tests.browser import MARKS, a_reader
from alpha_pipeline_tests.checkout import environment, git, make_checkout, typed
from alpha_pipeline_tests.defs.served import assert_all_gone, serving

pytestmark = pytest.mark.slow

MODULE: Final = ("-m", "alpha_pipeline.definitions")
BARS: Final = dg.AssetKey(["raw", "bars"])


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkout(tmp_path_factory.mktemp("home") / "checkout")


@pytest.fixture(scope="module")
def with_home(checkout: Path) -> Path:
    """After `make`, which names a home for the commands that insist on one."""
    assert typed(checkout, "make", ".env").returncode == 0
    return checkout


@pytest.fixture(autouse=True)
def stays_clean(checkout: Path) -> Iterator[None]:
    yield
    assert git(checkout, "status", "--porcelain") == ""


def runs(checkout: Path) -> list[dg.DagsterRun]:
    """The runs that `alpha` sees."""
    with patch.dict(os.environ), open_instance(Settings(warehouse=checkout / "warehouse")) as instance:
        return list(instance.get_runs())


def bars_held(checkout: Path) -> set[str]:
    """The partitions of the bars, as `alpha` sees them."""
    with patch.dict(os.environ), open_instance(Settings(warehouse=checkout / "warehouse")) as instance:
        return instance.get_materialized_partitions(BARS)


def test_the_definitions_load_in_silence_without_torch_and_make_nothing(checkout: Path) -> None:
    load = "import sys, alpha_pipeline.definitions as d; d.definitions().get_repository_def()"
    loaded = typed(checkout, "python", "-c", f"{load}; print(d.__file__, 'torch' in sys.modules)")
    assert (loaded.stdout, loaded.stderr) == (f"{checkout / 'alpha_pipeline' / 'definitions.py'} False\n", "")
    assert [path.name for path in (checkout / "warehouse").iterdir()] == [".gitignore"]


def test_dg_lists_the_definitions(checkout: Path) -> None:
    listed = typed(checkout, "dg", "list", "defs")
    assert listed.returncode == 0, listed.stderr
    assert "Warning" not in listed.stderr
    for name in ("raw/bars", "models/ridge", "signals/qqq_position", "refresh_bars", "after_close", "new_tickers"):
        assert name in listed.stdout


def test_an_asset_of_a_fresh_checkout_is_materialised_where_alpha_sees_it(checkout: Path) -> None:
    before = len(runs(checkout))
    made = typed(
        checkout, "dagster", "asset", "materialize", *MODULE, "--select", "raw/bars", "--partition", UNIVERSE[0]
    )
    assert made.returncode == 0, made.stderr[-3000:]
    assert "BetaWarning" not in made.stderr
    assert UNIVERSE[0] in bars_held(checkout)
    [run, *_] = after = runs(checkout)
    assert len(after) == before + 1
    assert run.is_success
    assert run.tags["dagster/partition"] == UNIVERSE[0]


def test_what_an_asset_lacks_is_said_in_one_sentence(checkout: Path) -> None:
    refused = typed(checkout, "dg", "launch", "--assets", "features/technical", "--partition", "XLE")
    assert refused.returncode == 1
    assert "NotEnoughDataError: No bars of XLE are held: refresh raw/bars first.\n" in refused.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dagster", "asset", "list", *MODULE), "signals/qqq_position"),
        (("dagster", "definitions", "validate"), "All code locations passed validation"),
        (("dagster", "job", "list"), "Job: refresh_bars"),
        (("dg", "check", "defs"), "All definitions loaded successfully"),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, tuple) else "",
)
def test_a_command_that_looks(checkout: Path, words: tuple[str, ...], said: str) -> None:
    ended = typed(checkout, *words)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert said in ended.stdout + ended.stderr
    assert "BetaWarning" not in ended.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dagster", "schedule", "list"), "Schedule: after_close"),
        (("dagster", "sensor", "list"), "Sensor: new_tickers"),
        (("dagster", "run", "list"), ""),
        (("dagster", "instance", "info"), "$DAGSTER_HOME: {}/warehouse/.dagster"),
        (("dagster", "asset", "wipe-partitions-status-cache", "--all", "--noprompt"), "Cleared"),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, tuple) else "",
)
def test_a_command_that_insists_on_a_home(with_home: Path, words: tuple[str, ...], said: str) -> None:
    ended = typed(with_home, *words)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert said.format(with_home) in ended.stdout + ended.stderr


def test_a_job_is_launched_into_the_queue_that_alpha_sees(with_home: Path) -> None:
    tags = '{"dagster/partition": "SPY"}'
    ended = typed(with_home, "dagster", "job", "launch", "-j", "refresh_bars", "--tags", tags)
    assert ended.returncode == 0, ended.stderr[-3000:]
    [newest, *_] = runs(with_home)
    assert (newest.job_name, newest.tags["dagster/partition"]) == ("refresh_bars", "SPY")
    assert newest.status is dg.DagsterRunStatus.QUEUED


def test_a_job_is_executed_on_next_to_nothing(with_home: Path) -> None:
    ended = typed(with_home, "dagster", "job", "execute", *MODULE, "-j", "results")
    assert ended.returncode == 0, ended.stderr[-3000:]
    [newest, *_] = runs(with_home)
    assert (newest.job_name, newest.is_success) == ("results", True)


class TestInABrowser:
    """The web UI of `dagster dev` without a flag."""

    pytestmark = MARKS

    @pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL], ids=lambda sign: sign.name)
    def test_dagster_dev_shows_what_others_made(self, checkout: Path, tmp_path: Path, sign: signal.Signals) -> None:
        (checkout / ".env").unlink(missing_ok=True)  # also where `make` did not name a home
        made = typed(
            checkout, "dagster", "asset", "materialize", *MODULE, "--select", "raw/bars", "--partition", UNIVERSE[1]
        )
        assert made.returncode == 0, made.stderr[-3000:]
        log = tmp_path / "dev.log"
        with serving(["dagster", "dev"], environment(checkout), log, checkout) as served:
            assert runs(checkout)[0].run_id in {run["runId"] for run in served.runs()}
            foreign = urllib.request.Request(f"{served.url}/server_info", headers={"Host": "rebound.test"})
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(foreign, timeout=30)
            with a_reader(served.url, tmp_path) as reader:
                reader.open("/locations/alpha_pipeline/asset-groups/raw")
                reader.sees("bars")
                reader.open(f"/assets/raw/bars?view=partitions&partition={UNIVERSE[1]}")
                reader.sees("last_session", "n_quarantined")
                reader.open("/runs")
                reader.sees("Success", UNIVERSE[1])
            assert "BetaWarning" not in log.read_text()
            os.killpg(served.session, sign)
            assert_all_gone(served.session)
        left = [path.name for path in checkout.glob(".tmp_dagster_home_*")]
        assert bool(left) == (sign is signal.SIGKILL)
