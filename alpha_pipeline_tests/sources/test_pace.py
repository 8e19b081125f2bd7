"""One limiter and one cooling period for every process of the machine."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from alpha_pipeline.errors import CoolingError
from alpha_pipeline.sources.pace import Pace
from alpha_pipeline_tests.patience import Naps


@pytest.fixture
def naps() -> Naps:
    return Naps()


def pace(folder: Path, naps: Naps, rate: float = 2.0) -> Pace:
    return Pace(folder, rate, naps.clock, naps.sleep)


def test_requests_keep_their_distance(tmp_path: Path, naps: Naps) -> None:
    began = naps.time
    for _ in range(5):
        pace(tmp_path, naps).wait()  # each as if by another process
    assert naps.time - began == pytest.approx(2.0)
    naps.time += 60  # what was not asked for is not saved up
    pace(tmp_path, naps).wait()
    pace(tmp_path, naps).wait()
    assert naps.taken[-1] == pytest.approx(0.5)


def test_a_refusal_cools_everybody_and_the_next_one_twice_as_long(tmp_path: Path, naps: Naps) -> None:
    mine, other = pace(tmp_path, naps), pace(tmp_path, naps)
    lengths = []
    for _ in range(3):
        mine.wait()
        mine.refused()
        other.refused()  # it asked at the same time: one refusal, not two
        lengths.append(other.cooling())
        naps.time += lengths[-1]
    assert [30 <= lengths[0] <= 45, 60 <= lengths[1] <= 90, 120 <= lengths[2] <= 180] == [True] * 3
    mine.wait()
    mine.answered()
    mine.refused()
    assert other.cooling() <= 45


def test_it_waits_for_a_short_cooling_and_not_for_a_long_one(tmp_path: Path, naps: Naps) -> None:
    slow = pace(tmp_path, naps)
    slow.refused()
    due = naps.time + slow.cooling()
    slow.wait()
    assert naps.time == pytest.approx(due)
    for _ in range(3):
        slow.refused()
        naps.time += slow.cooling() + 1
    slow.refused()
    with pytest.raises(CoolingError, match=r"refused requests \(rate limit\).*nothing is asked for another \d+ s"):
        slow.wait()


def test_no_cooling_is_longer_than_a_quarter_of_an_hour_and_half(tmp_path: Path, naps: Naps) -> None:
    rude = pace(tmp_path, naps)
    for _ in range(12):
        rude.refused()
        left = rude.cooling()
        naps.time += left
    assert 900 <= left <= 1350


def test_who_waited_through_a_refusal_waits_on(tmp_path: Path, naps: Naps) -> None:
    first, second = pace(tmp_path, naps), pace(tmp_path, naps)
    first.wait()

    def refused_meanwhile(seconds: float) -> None:
        naps.sleep(seconds)
        if len(naps.taken) == 1:
            first.refused()

    second.sleep = refused_meanwhile
    second.wait()
    assert len(naps.taken) == 2
    assert first.cooling() == 0


def test_a_clock_set_back_and_a_torn_file_stop_nobody(tmp_path: Path, naps: Naps) -> None:
    one = pace(tmp_path, naps)
    one.wait()
    one.refused()
    naps.time -= 1e6
    one.wait()
    (tmp_path / "pace.json").write_text('{"next_at": 17')
    one.wait()
    assert naps.taken == []


def test_a_slower_pace_is_a_more_patient_one(tmp_path: Path, naps: Naps) -> None:
    slow = pace(tmp_path, naps, rate=0.5)
    slow.pause(2)
    assert 4 <= naps.taken[-1] <= 8
    slow.refused()
    assert 120 <= slow.cooling() <= 180
    slow.pause(2)
    assert len(naps.taken) == 1  # waiting for its turn will be pause enough


def test_processes_and_threads_share_it(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from alpha_pipeline.sources.pace import Pace\n"
        "pace = Pace(Path(sys.argv[1]), 50)\n"
        "for _ in range(10): pace.wait(); print(time.time())"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    mine = Pace(tmp_path, 50)

    def asked(_: int) -> float:
        mine.wait()
        return time.time()

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child, ThreadPoolExecutor(4) as pool:
        times = list(pool.map(asked, range(20)))
        output, _ = child.communicate(timeout=60)
    times = sorted([*times, *map(float, output.split())])
    assert len(times) == 30
    # Thirty requests at fifty a second: 29 distances of 20 ms, wherever they were asked from.
    assert times[-1] - times[0] >= 29 / 50 * 0.9
