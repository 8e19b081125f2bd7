"""Who is silent: a worker that trains and says nothing, or a pool of which none ever said anything."""

import os
import time
from collections.abc import Iterator
from multiprocessing import get_context

import pytest

from alpha_pipeline.training import heartbeat
from alpha_pipeline.training.heartbeat import Heartbeats, beat, rest

OTHER = 1


@pytest.fixture
def heartbeats() -> Iterator[Heartbeats]:
    made = Heartbeats(get_context("spawn"), 2)
    made.enlist()
    yield made
    heartbeat._place = None


def test_a_worker_that_trains_and_says_nothing_is_silent(heartbeats: Heartbeats) -> None:
    now, pids = time.monotonic(), [os.getpid(), OTHER]
    beat()
    assert heartbeats.silent(60.0, now, pids) == []
    heartbeats.sign(0, now - 61.0)
    assert heartbeats.silent(60.0, now, pids) == [os.getpid()]
    assert heartbeats.silent(60.0, now, [OTHER]) == []  # gone already
    beat()
    assert heartbeats.silent(60.0, now, pids) == []


def test_a_worker_that_waits_for_a_task_may_be_silent(heartbeats: Heartbeats) -> None:
    rest()
    assert heartbeats.silent(60.0, time.monotonic(), [os.getpid()]) == []


def test_workers_that_never_came_to_their_task_are_silent(heartbeats: Heartbeats) -> None:
    now, pids = time.monotonic(), [os.getpid(), OTHER]
    heartbeats._begun = now - 100.0
    assert heartbeats.silent(60.0, now - 59.0, pids) == []
    assert heartbeats.silent(60.0, now - 61.0, pids) == pids


def test_what_passed_while_the_trainer_was_stopped_too_is_no_silence(heartbeats: Heartbeats) -> None:
    now, pids = time.monotonic(), [os.getpid(), OTHER]
    heartbeats.sign(0, now - 3600.0)
    assert heartbeats.silent(60.0, now, pids, awake=now - 59.0) == []
    assert heartbeats.silent(60.0, now, pids, awake=now - 61.0) == [os.getpid()]
    heartbeats._begun = now - 3600.0
    rest()
    assert heartbeats.silent(60.0, now - 3600.0, pids, awake=now - 59.0) == []


def test_a_worker_that_ended_with_the_lock_in_its_hands_stops_no_trainer(heartbeats: Heartbeats) -> None:
    beat()
    with heartbeats._lock:  # not to be had twice, by the same process either
        assert heartbeats.silent(60.0, time.monotonic(), [os.getpid()]) == []
        rest()


def test_a_process_that_is_no_worker_says_nothing() -> None:
    beat()
    rest()
