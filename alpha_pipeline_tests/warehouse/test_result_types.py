"""Every type of DuckDB comes out as what it is, in each format."""

import csv
import io
import json
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline.reports.frames import table, write_frames
from alpha_pipeline.warehouse import sql
from alpha_pipeline.warehouse.store import Warehouse

HUGE = 2**127 - 1
# A value as SQL, as JSON, and as the text of a table or CSV; a nested one is no CSV.
TYPES = [
    (f"{HUGE}::HUGEINT", str(HUGE), str(HUGE)),
    ("sum(x)", "0", "0"),
    (f"{2**128 - 1}::UHUGEINT", str(2**128 - 1), str(2**128 - 1)),
    (f"{10**44 + 7}::BIGNUM", str(10**44 + 7), str(10**44 + 7)),
    (f"{2**64 - 1}::UBIGINT", str(2**64 - 1), str(2**64 - 1)),
    ("-1.10::DECIMAL(38, 20)", "-1.10000000000000000000", "-1.10000000000000000000"),
    ("0.1", "0.1", "0.1"),
    ("interval '1 month 2 days 3 hours'", '"1 month 2 days 03:00:00"', "1 month 2 days 03:00:00"),
    ("timestamp '2024-01-03' - timestamp '2024-01-01 01:00'", '"1 day 23:00:00"', "1 day 23:00:00"),
    ("'12:34:56+02'::TIMETZ", '"12:34:56+02"', "12:34:56+02"),
    ("'0101'::BIT", '"0101"', "0101"),
    ("'\\xAA\\x00b'::BLOB", r'"\\xAA\\x00b"', r"\xAA\x00b"),
    ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID", '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"', None),
    ("'{\"a\": [1]}'::JSON", '{"a":[1]}', '{"a": [1]}'),
    ("union_value(num := 2)", '{"num":2}', "2"),
    ("'POINT(1 2)'::GEOMETRY", '"POINT (1 2)"', "POINT (1 2)"),
    ("42::VARIANT", "42", "42"),
    ("'infinity'::DATE", '"infinity"', "infinity"),
    ("'-infinity'::TIMESTAMP", '"-infinity"', "-infinity"),
    ("'20000-02-03'::DATE", '"20000-02-03"', "20000-02-03"),
    ("'0044-03-15 (BC)'::DATE", '"0044-03-15 (BC)"', "0044-03-15 (BC)"),
    ("date '2024-01-02'", '"2024-01-02"', "2024-01-02"),
    ("'nan'::DOUBLE", "null", "NaN"),
    ("null", "null", ""),
    ("null::HUGEINT", "null", ""),
    ("null::INTERVAL", "null", ""),
    ("[1.5, 2]", "[1.5,2.0]", None),
    ("{'a': 1::HUGEINT, 'b': interval '1 day'}", '{"a":1,"b":"1 day"}', None),
    ("map {1: {'x': 1.5}}", '{"1":{"x":1.5}}', None),
    ("['x'::BLOB]", '["x"]', None),
    ("{'a': 1::HUGEINT, 'b': 'inf'::DOUBLE, 'c': 'NaN \"x'}", r'{"a":1,"b":null,"c":"NaN \"x"}', None),
    ("'one' || chr(8232) || 'line'", '"one\u2028line"', "one\u2028line"),
]


@pytest.mark.parametrize(("value", "as_json", "as_text"), TYPES)
def test_a_value_is_itself_in_every_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], value: str, as_json: str, as_text: str | None
) -> None:
    warehouse = Warehouse(tmp_path)
    query = f"select 1 as before, {value} as v, 'x' as after from range(1) t(x)"

    found = sql.answers(warehouse, (), query, purpose="json")
    write_frames(list(zip(found.frames, found.json_columns, strict=True)), "json", None)
    line = capsys.readouterr().out
    assert line == f'[{{"before":1,"v":{as_json},"after":"x"}}]\n'
    json.loads(line)

    [frame] = sql.answers(warehouse, (), query, purpose="text").frames
    assert as_text is None or as_text in table(frame, 200)
    if as_text is not None:
        write_frames([(frame, frozenset())], "csv", None)
        [_, row] = csv.reader(io.StringIO(capsys.readouterr().out))
        assert row == ["1", as_text, "x"]

    [frame] = sql.answers(warehouse, (), query).frames
    write_frames([(frame, frozenset())], "parquet", tmp_path / "rows.parquet")
    assert pl.read_parquet(tmp_path / "rows.parquet").equals(frame)


def test_columns_may_share_a_name_and_rows_keep_their_order(tmp_path: Path) -> None:
    query = "select x::hugeint as a, interval (x) day as a from range(5) t(x) order by x desc"
    frame = sql.query(Warehouse(tmp_path), (), query)
    assert frame.rows()[0] == (4, "4 days")
    assert frame.get_column(frame.columns[0]).to_list() == [4, 3, 2, 1, 0]


def test_several_results_follow_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = sql.answers(Warehouse(tmp_path), (), "select 1 as a; select 2::hugeint as b", purpose="json")
    results = list(zip(found.frames, found.json_columns, strict=True))
    write_frames(results, "json", None)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [[{"a": 1}], [{"b": 2}]]
    write_frames(results, "csv", None)
    assert capsys.readouterr().out == "a\n1\n\nb\n2\n"
