"""The registry: settings name the source."""

import datetime as dt
from pathlib import Path

import pytest

from alpha_pipeline.errors import UsageError
from alpha_pipeline.settings import Settings, SourceKind
from alpha_pipeline.sources.registry import make_source


@pytest.mark.parametrize("kind", ["simulated", "files", "yahoo"])
def test_each_kind(kind: SourceKind, tmp_path: Path) -> None:
    source = make_source(Settings(source=kind, source_path=tmp_path))
    assert source.kind == kind


def test_files_without_a_path() -> None:
    with pytest.raises(UsageError, match="--path"):
        make_source(Settings(source="files"))


def test_simulated_markets_of_two_seeds_are_two_markets() -> None:
    first, last = dt.date(2024, 1, 2), dt.date(2024, 1, 31)
    one = make_source(Settings(simulated_seed=1)).fetch("QQQ", first, last)
    two = make_source(Settings(simulated_seed=2)).fetch("QQQ", first, last)
    assert not one.bars.equals(two.bars)
