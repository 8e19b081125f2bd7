"""Where forecasts came from: who looked at which bars, and a hash that anyone can compute."""

import datetime as dt
import struct

import polars as pl

from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.steps.provenance import features, readers, values_hash
from alpha_pipeline.training.artifact import sha256
from alpha_pipeline.universe import MAG7, SECTORS, VIX


def used(model: str, ticker: str) -> pl.DataFrame:
    return pl.DataFrame({"model": [model], "ticker": [ticker]})


def test_a_model_looked_at_its_ticker_and_at_those_around_its_tables() -> None:
    known = load_experiments()
    assert readers(used("v13_bull_sniper", "NVDA"), known) == {"NVDA": {"v13_bull_sniper"}}
    assert set(readers(used("bear_headhunter", VIX), known)) == {"QQQ", "SPY", VIX, "UVXY"}
    assert set(readers(used("v15_sector_context", "XLK"), known)) == {"QQQ", "SPY", VIX, *MAG7, *SECTORS}
    assert set(readers(used("v17_pilot", "QQQ"), known)) == {"QQQ"}
    assert set(readers(used("of a file that is gone", "QQQ"), known)) == {"QQQ"}


def test_a_model_of_raw_bars_reads_no_feature_table() -> None:
    known = load_experiments()
    found = features([known["v17_pilot"], known["v13_bull_sniper"]])
    assert {row["table"]: row["read_by"] for row in found} == {
        "features.price_action": ["v13_bull_sniper"],
        "features.technical": ["v13_bull_sniper"],
        "targets.forward": ["v13_bull_sniper", "v17_pilot"],
    }


def test_a_hash_is_of_values_and_not_of_how_they_are_stored(bars: dict[str, pl.DataFrame]) -> None:
    rows = bars["QQQ"].select("session", "close", pl.col("volume").cast(pl.Int64))
    assert values_hash(rows) == values_hash(rows.with_columns(pl.col("volume").cast(pl.UInt64)).reverse())
    assert values_hash(rows) != values_hash(rows.rename({"volume": "shares"}))
    one = pl.DataFrame({"session": [dt.date(1970, 1, 2)], "close": [1.5]})
    by_hand = b"session\0" + struct.pack("<q", 1) + b"close\0" + struct.pack("<d", 1.5)
    assert values_hash(one) == sha256(by_hand)
