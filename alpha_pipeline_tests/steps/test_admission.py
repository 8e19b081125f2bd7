"""Which names come in: as the source knows them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline.errors import SourceError, UnknownTickerError, UsageError
from alpha_pipeline.settings import Settings, SourceKind
from alpha_pipeline.sources.base import ACTION_SCHEMA, ANSWER_SCHEMA, Answer
from alpha_pipeline.sources.files.source import FilesSource
from alpha_pipeline.steps.admission import require_files, require_known

LAST = dt.date(2024, 6, 28)


@dataclass(frozen=True)
class Asked:
    """A source that cannot list what it holds: bars that it has of a ticker, by name."""

    holds: Mapping[str, int]
    asked: list[str] = field(default_factory=list)
    kind: SourceKind = "yahoo"
    market: str = "yahoo"
    overlap: int | None = 15
    concurrency: int = 1
    waits: None = None

    def tickers(self) -> None:
        """It cannot say."""

    def fetch(self, ticker: str, first: dt.date, last: dt.date) -> Answer:
        """As many bars as it has."""
        assert first < last
        self.asked.append(ticker)
        if ticker == "DOWN":
            raise SourceError("no answer")
        if ticker not in self.holds:
            raise UnknownTickerError(ticker, "Yahoo", "No data found")
        bars = pl.DataFrame({"ticker": [ticker] * self.holds[ticker]}, schema={"ticker": pl.String})
        others = {name: dtype for name, dtype in ANSWER_SCHEMA.items() if name != "ticker"}
        bars = bars.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in others.items())
        return Answer(ticker, bars.select(*ANSWER_SCHEMA), pl.DataFrame(schema=ACTION_SCHEMA), "yahoo")


@pytest.mark.parametrize(
    ("holds", "given", "name", "asked"),
    [
        ({"VOD.L": 5, "VOD-L": 5}, "VOD.L", "VOD.L", ["VOD.L"]),
        ({"7203.T": 5}, "7203.T", "7203.T", ["7203.T"]),
        ({"BRK-B": 5}, "BRK.B", "BRK-B", ["BRK.B", "BRK-B"]),
        ({"BF-A": 5, "BF.A": 0}, "BF.A", "BF-A", ["BF.A", "BF-A"]),
        ({"BRK-B": 5}, "BRK-B", "BRK-B", ["BRK-B"]),
        ({"SHOP.TO": 5}, "SHOP.TO", "SHOP.TO", ["SHOP.TO"]),
        ({"M&M.NS": 5}, "M&M.NS", "M&M.NS", ["M&M.NS"]),
    ],
)
def test_a_source_is_asked_for_a_name_as_it_is_written_first(
    holds: dict[str, int], given: str, name: str, asked: list[str]
) -> None:
    source = Asked(holds)
    assert require_known(source, [given], LAST) == [name]
    assert source.asked == asked


@pytest.mark.parametrize(
    ("given", "asked", "words"),
    [
        ("ABC.D", ["ABC.D", "ABC-D"], r"'ABC\.D' \(No data found\)"),
        ("ABC-D", ["ABC-D"], "'ABC-D'"),
        ("GONE", ["GONE"], "'GONE' .no bar in the ten sessions to 2024-06-28"),
    ],
)
def test_a_name_that_no_spelling_makes_known_is_refused_as_it_was_written(
    given: str, asked: list[str], words: str
) -> None:
    source = Asked({"GONE": 0})
    with pytest.raises(UnknownTickerError, match=words):
        require_known(source, [given], LAST)
    assert source.asked == asked


def test_a_source_that_does_not_answer_says_nothing_about_a_name() -> None:
    with pytest.raises(SourceError):
        require_known(Asked({}), ["DOWN"], LAST)


@pytest.fixture
def files(tmp_path: Path) -> FilesSource:
    """Files that end long ago, with share classes in both spellings."""
    lines = [
        f"{ticker},2015-06-{day},10,11,9,10,100" for ticker in ("IWM", "BRK.B", "BF-A", "VOD.L") for day in (29, 30)
    ]
    (tmp_path / "bars.csv").write_text("\n".join(["ticker,date,open,high,low,close,volume", *lines]) + "\n")
    return FilesSource(tmp_path / "bars.csv")


@pytest.mark.parametrize(
    ("given", "followed", "name"),
    [
        ("IWM", [], "IWM"),
        ("BRK.B", [], "BRK.B"),
        ("BRK-B", [], "BRK.B"),
        ("BRK.B", ["BRK-B"], "BRK-B"),
        ("BF.A", [], "BF-A"),
        ("VOD.L", [], "VOD.L"),
    ],
)
def test_what_files_hold_is_known_however_long_ago_it_ends(
    files: FilesSource, given: str, followed: list[str], name: str
) -> None:
    assert require_known(files, [given], dt.date(2026, 11, 27), followed) == [name]


@pytest.mark.parametrize("ticker", ["BRK.B", "BRK-B"])
def test_both_spellings_are_answered_with_the_rows_of_the_file(files: FilesSource, ticker: str) -> None:
    answer = files.fetch(ticker, dt.date(2015, 1, 2), LAST)
    assert answer.bars["ticker"].to_list() == [ticker] * 2


def test_what_files_do_not_hold_is_refused_in_words_of_files(files: FilesSource) -> None:
    with pytest.raises(
        UnknownTickerError, match=r"bars\.csv has no ticker 'IWN' \(it holds 4 tickers; nearest: IWM"
    ) as no:
        require_known(files, ["IWN"], LAST)
    assert "Yahoo" not in str(no.value)


def test_files_that_cannot_be_found_are_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "bars.parquet"
    settings = Settings(warehouse=tmp_path / "w", source="files")
    with pytest.raises(
        UsageError, match=r"come from files, and nothing says which: name their file or folder with --p"
    ):
        require_files(settings)
    with pytest.raises(
        UsageError, match=r"bars\.parquet is not there: name their file or folder with --path \(or ALPHA_"
    ):
        require_files(replace(settings, source_path=file))
    file.touch()
    require_files(replace(settings, source_path=file))
    require_files(Settings(warehouse=tmp_path / "w", source="yahoo"))
