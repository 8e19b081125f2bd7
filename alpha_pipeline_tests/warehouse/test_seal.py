import io
import random
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline.warehouse import seal
from alpha_pipeline_tests.warehouse.conftest import bars

KEY = "tables/raw/bars/QQQ.parquet"


def plain() -> bytes:
    buffer = io.BytesIO()
    bars().write_parquet(buffer)
    return buffer.getvalue()


def test_a_seal_changes_no_value_and_says_whose_it_is(tmp_path: Path) -> None:
    data = seal.sealed(KEY, plain())
    assert pl.read_parquet(io.BytesIO(data)).equals(bars())
    assert seal.verify(KEY, data)
    (tmp_path / "any").write_bytes(data)
    assert seal.owner(tmp_path / "any") == KEY
    assert not seal.verify(KEY, plain())
    assert seal.find(plain()) is None


def test_any_flipped_bit_and_any_missing_byte_is_noticed() -> None:
    data = seal.sealed(KEY, plain())
    dice = random.Random(1)
    for _ in range(300):
        place, bit = dice.randrange(len(data)), 1 << dice.randrange(8)
        flipped = data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]
        try:
            assert not seal.verify(KEY, flipped)  # the mark itself was hit: an object without a seal is refused too
        except seal.SealError:
            continue
        assert seal.find(data) is not None
    for size in range(0, len(data), 97):
        with pytest.raises(seal.SealError):
            seal.verify(KEY, data[:size])


def test_another_name_and_a_newer_version_are_told_apart_from_damage() -> None:
    data = seal.sealed(KEY, plain())
    with pytest.raises(seal.MisnamedError, match=r"it is tables/raw/bars/QQQ\.parquet under another name"):
        seal.verify("tables/raw/bars/SPY.parquet", data)
    with pytest.raises(seal.SealError, match="newer version"):
        seal.verify(KEY, data.replace(b"\0alpha1\0", b"\0alpha2\0"))
