"""Flags that are given more than once, and lists: nothing that a person wrote is lost without a word."""

import inspect
from pathlib import Path

import polars as pl
import pytest
import typer

from alpha_pipeline.cli import app, tickers
from alpha_pipeline.errors import UsageError
from alpha_pipeline.settings import listed, one_of
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tickers import followed
from alpha_pipeline_tests.test_cli import alpha, assert_refused, bars_of, on_disk


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["ridge"], ["ridge"]),
        (["ridge", "lightgbm"], ["ridge", "lightgbm"]),
        (["ridge,lightgbm", "har_x"], ["ridge", "lightgbm", "har_x"]),
        ([" ridge , lightgbm"], ["ridge", "lightgbm"]),
        (["ridge,ridge", "ridge"], ["ridge"]),
        (["ridge,,lightgbm,"], ["ridge", "", "lightgbm"]),
        ([""], [""]),
    ],
)
def test_a_list_takes_commas_and_repeats_and_each_name_once(given: list[str], names: list[str]) -> None:
    assert listed(given) == names


def test_a_value_given_twice_is_one_value_and_two_values_are_refused() -> None:
    assert one_of("--port", None) is None
    assert one_of("--port", []) is None
    assert one_of("--port", [3000, 3000]) == 3000
    with pytest.raises(UsageError, match="--port takes one value, and was given 3000 and 3001"):
        one_of("--port", [3000, 3001])


def test_no_flag_loses_what_is_given_to_it() -> None:
    """Typer keeps the last of a flag that is no list, and says nothing."""
    commands = [*app.app.registered_commands, *tickers.app.registered_commands]
    lost = [
        f"{command.callback.__name__} {name}"
        for command in commands
        if command.callback is not None
        for name, parameter in inspect.signature(command.callback).parameters.items()
        if any(isinstance(part, typer.models.OptionInfo) for part in parameter.annotation.__metadata__)
        and parameter.annotation.__origin__ is not bool
        and "list[" not in str(parameter.annotation.__origin__)
    ]
    assert lost == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("run --source simulated --source yahoo", ["--source takes one value", "simulated and yahoo"]),
        ("run --warehouse elsewhere", ["--warehouse takes one value"]),
        ("run --profile quick --profile full", ["--profile", "quick and full"]),
        ("run --seeds 1 --seeds 2", ["--seeds"]),
        ("run --through 2016-01-29 --through 2016-01-28", ["--through"]),
        ("run --since 2010-01-04 --since 2011-01-03", ["--since"]),
        ("train --seeds 1 --seeds 2", ["--seeds"]),
        ("sql x --format csv --format json", ["--format", "csv and json"]),
        ("sql x --out a.csv --out b.csv", ["--out", "a.csv and b.csv"]),
        ("report --out a.html --out b.html", ["--out"]),
        ("explain --ticker QQQ --ticker NVDA", ["--ticker", "QQQ and NVDA"]),
        ("explain --model ridge --model har_x", ["--model"]),
        ("explain --horizon 1 --horizon 5", ["--horizon", "1 and 5"]),
        ("explain --signal mag7_vote --signal vix_regime", ["--signal", "mag7_vote and vix_regime"]),
        ("compare a b --window whole --window 2024_2025h1", ["--window", "whole and 2024_2025h1"]),
        ("doctor --source files --source yahoo", ["--source"]),
        ("ui --port 3000 --port 3001", ["--port"]),
        ("tickers list --warehouse elsewhere", ["--warehouse"]),
        ("run --experiments ridge --experiments v99", ["No experiment v99"]),
        ("run --experiments ridge,", ["No experiment ''"]),
        ("run --experiments ,", ["No experiment ''"]),
        ("run --tickers QQQ --tickers PLTR", ["Not followed: PLTR"]),
        ("run --tickers QQQ,,NVDA", ["'' cannot be a ticker: it is empty"]),
        ("tickers add QQQ,", ["'' cannot be a ticker: it is empty"]),
        ("tickers remove QQQ, NVDA", ["'' cannot be a ticker: it is empty"]),
    ],
)
def test_what_contradicts_itself_is_wrong_usage_and_leaves_no_trace(
    tmp_path: Path, arguments: str, words: list[str]
) -> None:
    assert_refused(alpha(*arguments.split(), "--warehouse", tmp_path), 2, *words)
    assert on_disk(tmp_path) == {}


def test_tickers_are_added_and_removed_with_commas_blanks_or_both(tmp_path: Path) -> None:
    bars = pl.concat(bars_of("QQQ").tail(30).with_columns(ticker=pl.lit(name)) for name in ("AAA", "BBB", "CCC"))
    bars.write_csv(tmp_path / "bars.csv")
    where = ("--warehouse", tmp_path / "warehouse")
    source = ("--source", "files", "--path", tmp_path / "bars.csv", "--source", "files")
    assert alpha("tickers", "add", "aaa, BBB", "CCC,AAA", *source, *where).code == 0
    assert followed(Warehouse(tmp_path / "warehouse"))[-3:] == ["AAA", "BBB", "CCC"]
    removed = alpha("tickers", "remove", "CCC,aaa", "AAA", *where)
    assert "Removed CCC, AAA;" in removed.out
    assert followed(Warehouse(tmp_path / "warehouse"))[-1] == "BBB"
