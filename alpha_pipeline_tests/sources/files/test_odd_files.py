"""Files that are no tables of bars: each is left out by name with its reason, the others are read, and nobody waits."""

import datetime as dt
import gzip
import os
import random
import socket
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline.errors import SourceError
from alpha_pipeline.sources import regular
from alpha_pipeline.sources.cboe import CboeVix
from alpha_pipeline.sources.files import found, table
from alpha_pipeline.sources.files.source import FilesSource
from alpha_pipeline_tests.sources.files.known_bars import known

BARS = known()
HEADER = "date,open,high,low,close,volume\n"


def parquet(name: str, values: object) -> Callable[[Path], None]:
    """A Parquet with odd values in one column."""

    def write(file: Path) -> None:
        days = [dt.date(2024, 1, day) for day in (2, 3, 4)]
        columns = {"ticker": ["AAA"] * 3, "date": days, **dict.fromkeys(("open", "high", "low", "close"), [1.0] * 3)}
        pl.DataFrame({**columns, "volume": [1] * 3, name: [values] * 3}).write_parquet(file)

    return write


def sparse(file: Path) -> None:
    with file.open("wb") as opened:
        opened.truncate(20 * 2**30)


def bound(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(file))


ODD: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "a FIFO": ("AAA.csv", os.mkfifo, "is no regular file"),
    "a packed FIFO": ("AAA.csv.gz", os.mkfifo, "is no regular file"),
    "a socket": ("AAA.csv", bound, "is no regular file"),
    "a device": ("AAA.csv", lambda file: file.symlink_to("/dev/zero"), "is no regular file"),
    "a loop": ("AAA.csv", lambda file: file.symlink_to(file), "cannot be read: Too many levels of symbolic links"),
    "20 GB of nothing": ("AAA.csv", sparse, "it holds 20.0 GB or more, which no table of daily bars does"),
    "lists": ("AAA.parquet", parquet("open", [1.0]), "has no numbers in its column open but List"),
    "bytes": ("AAA.parquet", parquet("volume", b"\xff"), "has no numbers in its column volume but Binary"),
    "truths": ("AAA.parquet", parquet("close", True), "has no numbers in its column close but Boolean"),
    "tickers in lists": ("AAA.parquet", parquet("ticker", ["AAA"]), "has no texts in its column ticker but List"),
    "tickers in bytes": ("AAA.parquet", parquet("ticker", b"\xff"), "has no texts in its column ticker but Binary"),
    "tickers that are truths": ("A.parquet", parquet("ticker", True), "has no texts in its column ticker but Boolean"),
    "dates in bytes": ("AAA.parquet", parquet("date", b"x"), "has no dates in its column date but Binary"),
    "a long field": (
        "AAA.csv",
        lambda file: file.write_text(f'{HEADER}"{"x" * 200_000}",1,2,3,4,5\n'),
        "field larger than field limit",
    ),
}


@pytest.mark.parametrize(("name", "make", "reason"), ODD.values(), ids=ODD)
def test_an_odd_file_is_left_out_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, make: Callable[[Path], object], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / name)
    with pytest.raises(SourceError) as alone:
        FilesSource(tmp_path / name).tickers()
    assert str(tmp_path / name) in str(alone.value)
    BARS.with_columns(pl.lit("QQQ").alias("ticker")).write_parquet(tmp_path / "QQQ.parquet")
    source = FilesSource(tmp_path)
    assert source.tickers() == {"QQQ"}
    [left_out] = [read for read in source.readings() if read.refused]
    assert left_out.file == str(tmp_path / name)
    assert reason in left_out.refused
    assert source.fetch("QQQ", dt.date.min, dt.date.max).bars.height == BARS.height


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regular, "SMALL", 2**20)
    (tmp_path / "AAA.csv.gz").write_bytes(gzip.compress(b"0" * 2**23))
    with pytest.raises(SourceError, match=r"it unpacks to 0\.0 GB or more, which no table of daily bars does"):
        FilesSource(tmp_path).tickers()


def test_a_parquet_of_many_cells_in_few_bytes_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MANY_CELLS", 10**5)
    pl.select(close=pl.repeat(1.0, 10**6)).write_parquet(tmp_path / "AAA.parquet")
    with pytest.raises(SourceError, match=r"has 1,000,000 cells in [\d,]+ bytes"):
        FilesSource(tmp_path).tickers()


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    BARS.with_columns(pl.lit("QQQ").alias("ticker")).write_parquet(tmp_path / "QQQ.parquet")
    (tmp_path / "closed").mkdir()
    listed = os.scandir

    def scandir(path: str) -> object:
        if Path(path).name == "closed":  # root may list what is closed to others
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(found.os, "scandir", scandir)
    [left_out] = [read for read in FilesSource(tmp_path).readings() if read.refused]
    assert left_out.file == str(tmp_path / "closed")
    assert left_out.refused.startswith("cannot be listed: Permission denied. Give your user the right to it")
    with pytest.raises(SourceError, match="closed cannot be listed: Permission denied"):
        FilesSource(tmp_path / "closed").tickers()


@pytest.mark.parametrize("make", [os.mkfifo, sparse, lambda file: file.symlink_to("/dev/zero")])
def test_a_second_opinion_in_an_odd_file_is_refused(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "VIX.csv")
    opinion = CboeVix(str(tmp_path / "VIX.csv"), lambda: dt.datetime(2024, 3, 15, 22, tzinfo=dt.UTC))
    with pytest.raises(SourceError, match=r"VIX\.csv cannot be read: it (is no regular file|holds 20\.0 GB)"):
        opinion.fetch(dt.date(2024, 1, 2), dt.date(2024, 3, 15))


def test_words_of_files_are_printable(tmp_path: Path) -> None:
    (tmp_path / "\x1b[31mA\u202e.csv").write_text("nothing")
    (tmp_path / "QQQ.csv").write_text(
        f"{HEADER[:-1]},\x1b[2Jx\u202e\n" + "".join(f"2024-01-0{n},1,2,0.5,1\x1b[31m,100,1\n" for n in range(2, 6))
    )
    readings = FilesSource(tmp_path).readings()
    texts = [text for read in readings for text in (read.file, read.refused, *read.ignored, *sum(read.columns, ()))]
    assert [text for text in texts if not text.isprintable()] == []
    assert all(note.isprintable() for note in FilesSource(tmp_path).fetch("QQQ", dt.date.min, dt.date.max).notes)


def test_no_mutation_of_a_file_raises_anything_else(tmp_path: Path) -> None:
    """Seeded: bytes of a CSV, of a packed one and of a Parquet are changed, cut and put twice."""
    chance = random.Random(16)
    BARS.with_columns(pl.lit("QQQ").alias("ticker")).write_parquet(tmp_path / "x.parquet")
    BARS.write_csv(tmp_path / "x.csv")
    forms = {
        "QQQ.parquet": (tmp_path / "x.parquet").read_bytes(),
        "QQQ.csv": (tmp_path / "x.csv").read_bytes(),
        "QQQ.csv.gz": gzip.compress((tmp_path / "x.csv").read_bytes()),
    }
    for number in range(45):
        name = list(forms)[number % 3]
        data = bytearray(forms[name])
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.2:
            del data[chance.randrange(len(data)) :]
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / name).write_bytes(bytes(data))
        try:
            FilesSource(folder).fetch("QQQ", dt.date.min, dt.date.max)
        except SourceError as error:
            assert str(error).isprintable()  # noqa: PT017
