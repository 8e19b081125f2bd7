"""Numbers that are functions of a key: those of the source, even, and nobody else's."""

import torch

from alpha_pipeline.training.counter import BATCHES, DROPOUT, draw, permutations, uniform


def test_the_draws_are_those_of_splitmix64() -> None:
    """The first outputs of Vigna's splitmix64.c from 1234567."""
    drawn = draw(torch.tensor(1234567), torch.arange(3))
    assert [int(bits) % 2**64 for bits in drawn] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]
    assert [int(draw(torch.tensor(1234567), place)) for place in range(3)] == drawn.tolist()


def test_uniform_numbers_are_even_and_uncorrelated() -> None:
    keys = draw(torch.arange(8), DROPOUT)
    numbers = uniform(keys, 20_000).double()  # (8, 20,000)
    assert 0 <= numbers.min() < numbers.max() < 1
    counts = torch.histc(numbers, bins=50, min=0, max=1)
    expected = numbers.numel() / 50
    assert float(((counts - expected) ** 2 / expected).sum()) < 86  # chi-square of 49 degrees, p = 0.001
    apart = torch.corrcoef(numbers) - torch.eye(8)  # between keys
    following = torch.corrcoef(torch.stack((numbers[:, 1:].flatten(), numbers[:, :-1].flatten())))[0, 1]
    assert float(apart.abs().max()) < 0.03
    assert abs(float(following)) < 0.01


def test_keys_do_not_notice_each_other() -> None:
    keys = torch.tensor([5, 6, 7])
    assert torch.equal(uniform(keys, 9)[1], uniform(torch.tensor(6), 9))
    assert torch.equal(uniform(keys, 9)[:, :4], uniform(keys, 4))
    orders = permutations(keys, torch.tensor([4, 10, 0]), 12)
    assert torch.equal(orders[1, :10], permutations(keys[1:2], torch.tensor([10]), 10)[0])


def test_seeds_streams_and_steps_have_keys_of_their_own() -> None:
    streams = torch.stack([draw(torch.arange(500), stream) for stream in (BATCHES, DROPOUT)])  # (2, 500)
    steps = draw(streams[..., None], torch.arange(100))  # (2, 500, 100)
    assert len(steps.unique()) == steps.numel()


def test_an_order_holds_each_row_once_and_any_row_first() -> None:
    counts = torch.tensor([7, 3] * 2_000)
    orders = permutations(draw(torch.arange(4_000), BATCHES), counts, 8)
    assert torch.equal(orders.sort(dim=1).values, torch.arange(8).expand(4_000, 8))
    assert int(orders[1::2, :3].max()) == 2
    firsts = torch.bincount(orders[::2, 0], minlength=7)
    assert float(((firsts - 2_000 / 7) ** 2 / (2_000 / 7)).sum()) < 22.5  # chi-square of 6 degrees, p = 0.001
