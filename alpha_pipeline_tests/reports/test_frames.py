import datetime as dt
import io
import json
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline.errors import UsageError
from alpha_pipeline.reports.frames import table, write_frame, write_text

FRAME = pl.DataFrame({"session": [dt.date(2016, 1, 4), None], "ticker": ["^VIX", "BRK-B"], "close": [20.7, 1.0]})


def test_csv_and_json_go_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    write_frame(FRAME, "csv", None)
    assert pl.read_csv(io.StringIO(capsys.readouterr().out), try_parse_dates=True).equals(FRAME)
    write_frame(FRAME, "json", None)
    rows = json.loads(capsys.readouterr().out)
    assert rows == [
        {"session": "2016-01-04", "ticker": "^VIX", "close": 20.7},
        {"session": None, "ticker": "BRK-B", "close": 1.0},
    ]


def test_a_table_shows_every_column_and_sixty_rows(capsys: pytest.CaptureFixture[str]) -> None:
    wide = pl.DataFrame({f"column_{i}": range(60) for i in range(12)})
    write_frame(wide, "table", None)
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert "column_11" in shown
    assert shown.count("\n") > 60


PROSE = "abstains: no fresh ballot from NVDA, AAPL, MSFT, AMZN, GOOGL, META, TSLA; no ^VIX forecast; " * 3


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("n_numbers", [1, 5, 14])
def test_no_value_of_a_table_is_cut_at_any_width(width: int, n_numbers: int) -> None:
    numbers = {f"expected_return_{i}": [1.234567 + i, -0.000123] for i in range(n_numbers)}
    rows = FRAME.with_columns(
        reason=pl.lit(PROSE), words=pl.lit(["QQQ", "SPY"] * 6), **{k: pl.Series(v) for k, v in numbers.items()}
    )
    shown = table(rows, width)
    assert max(map(len, shown.splitlines())) <= width
    assert "…" not in shown
    for value in ("2016-01-04", "^VIX", "BRK-B", "20.7", *numbers):
        assert value in shown
    for number in numbers.values():
        assert str(number[0]) in shown
    # Prose wraps; what it says is all there.
    letters = "".join(shown.translate(str.maketrans("", "", "│┆─┌┐└┘")).split())
    assert all(word in letters for word in ("abstains:", "GOOGL,", "forecast;"))


def test_a_row_too_wide_for_a_table_is_a_record() -> None:
    rows = pl.DataFrame({f"column_{i}": range(70) for i in range(12)})
    shown = table(rows, 80).splitlines()
    assert shown[0].startswith("── row 1 ─")
    assert shown[1] == "column_0   0"
    assert shown[-1] == "10 more rows; --format csv writes them all"


def test_parquet_is_for_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--out"):
        write_frame(FRAME, "parquet", None)
    write_frame(FRAME, "parquet", tmp_path / "rows.parquet")
    assert pl.read_parquet(tmp_path / "rows.parquet").equals(FRAME)


@pytest.mark.parametrize("output_format", ["table", "csv", "json", "parquet"])
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, output_format: str) -> None:
    out = tmp_path / "absent" / "rows"
    with pytest.raises(UsageError, match=r"Cannot write .*absent/rows: No such file.*--out"):
        write_frame(FRAME, output_format, out)
    with pytest.raises(UsageError, match="Is a directory"):
        write_frame(FRAME, output_format, tmp_path)


def test_text_is_written_as_utf8(tmp_path: Path) -> None:
    write_text("SIMULATED · 10 %", tmp_path / "page.html")
    assert (tmp_path / "page.html").read_bytes() == "SIMULATED · 10 %".encode()


def test_a_nested_column_is_no_csv(capsys: pytest.CaptureFixture[str]) -> None:
    nested = pl.DataFrame({"tickers": [["QQQ", "SPY"]]})
    with pytest.raises(UsageError, match=r"tickers.*json or parquet"):
        write_frame(nested, "csv", None)
    write_frame(nested, "json", None)
    assert json.loads(capsys.readouterr().out) == [{"tickers": ["QQQ", "SPY"]}]
