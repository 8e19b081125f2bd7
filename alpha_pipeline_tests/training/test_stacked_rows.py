"""The rows of a stack: each member's own, each once a pass, in the batches that a loop would make."""

import dataclasses

import pytest
import torch

from alpha_pipeline.training.fitting import Start
from alpha_pipeline.training.stacked_rows import Batch, StackedRows
from alpha_pipeline_tests.stack_world import small, start_of

KEYS = torch.tensor([1, 2, 3])


@pytest.fixture(scope="module")
def starts() -> tuple[Start, Start]:
    """Of different tickers, with different numbers of rows."""
    made = small("sniper")
    return start_of(made, "QQQ"), start_of(made, "SPY", fold=2)


@pytest.fixture
def stacked(starts: tuple[Start, Start]) -> StackedRows:
    """The middle one of three slots is empty."""
    rows = StackedRows(starts[0], 3, "cpu")
    for slot, start in zip((0, 2), starts, strict=True):
        rows.make_room(start)
        rows.put(slot, start)
    return rows


def real(batches: list[Batch], slot: int) -> list[list[int]]:
    """The rows of a slot's batches that count."""
    return [batch.rows[slot, batch.shares[slot] > 0].tolist() for batch in batches if batch.active[slot]]


def test_a_pass_takes_each_row_of_each_member_once(stacked: StackedRows, starts: tuple[Start, Start]) -> None:
    batches = list(stacked.shuffled(KEYS, [True, False, True]))
    for slot, start in zip((0, 2), starts, strict=True):
        taken = real(batches, slot)
        loops = [len(part.targets) for part in start.training.shuffled(start.spec.batch_size)]
        assert [len(rows) for rows in taken] == loops
        assert sorted(sum(taken, [])) == start.training.rows.tolist()  # noqa: RUF017 - a few lists
    assert len(real(batches, 0)) < len(real(batches, 2)) == len(batches)


def test_the_shares_of_a_batch_are_equal_and_sum_to_one(stacked: StackedRows) -> None:
    for batch in stacked.shuffled(KEYS, [True, False, True]):
        for shares in batch.shares[batch.active]:
            assert len(shares[shares > 0].unique()) == 1
            assert float(shares.sum()) == pytest.approx(1)


def test_what_fills_a_batch_up_is_of_the_batch(stacked: StackedRows) -> None:
    for batch in stacked.shuffled(KEYS, [True, False, True]):
        for slot in (0, 2):
            counts = batch.shares[slot] > 0
            assert not batch.active[slot] or set(batch.rows[slot].tolist()) == set(batch.rows[slot, counts].tolist())


def test_an_order_depends_on_its_own_key_only(stacked: StackedRows) -> None:
    together = real(list(stacked.shuffled(KEYS, [True, False, True])), 0)
    assert real(list(stacked.shuffled(torch.tensor([1, 9, 9]), [True, False, False])), 0) == together
    assert real(list(stacked.shuffled(torch.tensor([4, 2, 3]), [True, False, True])), 0) != together


def test_windows_and_labels_are_the_members_own(stacked: StackedRows, starts: tuple[Start, Start]) -> None:
    batch = next(iter(stacked.shuffled(KEYS, [True, False, True])))
    taken = stacked.take(batch.rows, batch.shares)
    for slot, start in zip((0, 2), starts, strict=True):
        own = start.training.take(batch.rows[slot])
        assert taken.happened is not None
        assert own.happened is not None
        assert torch.equal(taken.windows[slot], own.windows)
        assert torch.equal(taken.targets[slot], own.targets)
        assert torch.equal(taken.happened[slot], own.happened)


def test_more_room_moves_nothing(stacked: StackedRows, starts: tuple[Start, Start]) -> None:
    before = stacked.take(*next(iter(stacked.shuffled(KEYS, [True, False, True])))[:2])
    room = stacked.room
    longer = dataclasses.replace(starts[0].training, targets=torch.zeros(room + 1, 2))
    assert stacked.make_room(dataclasses.replace(starts[0], training=longer))
    assert stacked.room > room
    after = stacked.take(*next(iter(stacked.shuffled(KEYS, [True, False, True])))[:2])
    assert torch.equal(before.windows[0], after.windows[0])
    assert torch.equal(before.targets[2], after.targets[2])


def test_every_validation_row_counts_once(stacked: StackedRows, starts: tuple[Start, Start]) -> None:
    for slot, start in zip((0, 2), starts, strict=True):
        mean = sum(
            (part.targets[slot].mean(dim=-1) * part.shares[slot]).sum()
            for part in stacked.validation()
            if part.shares is not None
        )
        assert float(mean) == pytest.approx(float(start.validation.whole().targets.mean()), abs=1e-6)
