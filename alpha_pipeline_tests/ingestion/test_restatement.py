"""What changes held bars, what it is called, and what leaves them alone."""

import datetime as dt

import polars as pl

from alpha_pipeline import sessions
from alpha_pipeline.ingestion.restatement import BARS_SCHEMA, REVISIONS_SCHEMA, Comparison, compare

THEN = dt.datetime(2024, 1, 18, 22, tzinfo=dt.UTC)
NOW = dt.datetime(2024, 1, 19, 22, tzinfo=dt.UTC)
DAYS = sessions.between(dt.date(2024, 1, 2), dt.date(2024, 1, 18))
PRICES = ("open", "high", "low", "close")
NOTHING = pl.DataFrame(schema=BARS_SCHEMA)


def bars(fetched_at: dt.datetime = THEN, days: tuple[dt.date, ...] = DAYS) -> pl.DataFrame:
    place = pl.col("session").replace_strict(DAYS, range(len(DAYS)), return_dtype=pl.Float64)
    frame = pl.DataFrame({"session": days}, schema={"session": pl.Date}).with_columns(
        ticker=pl.lit("QQQ"),
        open=100 + place,
        high=102 + place,
        low=99 + place,
        close=101 + place,
        adj_close=(101 + place) * 0.9,
        volume=pl.lit(1000),
        source=pl.lit("yahoo"),
        fetched_at=pl.lit(fetched_at),
        is_final=pl.lit(value=True),
    )
    return frame.select(pl.col(name).cast(dtype) for name, dtype in BARS_SCHEMA.items())


def compared(held: pl.DataFrame, fresh: pl.DataFrame, withdrawn: pl.DataFrame = NOTHING) -> Comparison:
    result = compare(held, fresh, withdrawn, NOW)
    assert dict(result.bars.schema) == BARS_SCHEMA
    assert dict(result.revisions.schema) == REVISIONS_SCHEMA
    assert result.bars["session"].is_unique().all()
    assert result.bars["session"].is_sorted()
    return result


def on(*days: dt.date) -> pl.Expr:
    return pl.col("session").is_in(days)


def scaled(frame: pl.DataFrame, ratio: float, where: pl.Expr, *names: str) -> pl.DataFrame:
    return frame.with_columns(pl.when(where).then(pl.col(n) * ratio).otherwise(pl.col(n)) for n in names)


def test_the_first_answer_is_all_new() -> None:
    result = compared(NOTHING, bars(NOW))
    assert result.bars.equals(bars(NOW))
    assert result.revisions.is_empty()
    assert not result.needs_full_history


def test_noise_is_no_change() -> None:
    held = bars()
    fresh = scaled(bars(NOW), 1 + 5e-7, pl.lit(value=True), *PRICES, "adj_close")
    result = compared(held, fresh)
    assert result.bars.equals(held)
    assert result.revisions.is_empty()


def test_held_sessions_stay_and_new_ones_are_added() -> None:
    result = compared(bars(days=DAYS[:8]), bars(NOW).filter(on(*DAYS[3:5], *DAYS[8:])))
    assert result.bars["session"].to_list() == list(DAYS)
    assert result.bars["fetched_at"].to_list() == [THEN] * 8 + [NOW] * 4
    assert result.revisions.is_empty()


def test_a_correction_replaces_one_row() -> None:
    fresh = scaled(bars(NOW), 1.001, on(DAYS[4]), "close")
    result = compared(bars(), fresh)
    assert result.revisions.select("session", "cause", "superseded_at", "fetched_at").rows() == [
        (DAYS[4], "correction", NOW, THEN)
    ]
    assert result.revisions["close"].to_list() == [105.0]
    assert result.bars.filter(on(DAYS[4])).equals(fresh.filter(on(DAYS[4])))
    assert result.bars.filter(~on(DAYS[4])).equals(bars().filter(~on(DAYS[4])))
    assert not result.needs_full_history


def test_corrections_by_different_ratios_are_no_split() -> None:
    fresh = bars(NOW)
    for place, ratio in enumerate((1.1, 1.2, 1.3)):
        fresh = scaled(fresh, ratio, on(DAYS[place]), "close")
    assert compared(bars(), fresh).revisions["cause"].to_list() == ["correction"] * 3


def test_a_split_restates_every_row_before_it() -> None:
    fresh = scaled(bars(NOW), 0.1, ~on(*DAYS[10:]), *PRICES, "adj_close")
    fresh = scaled(fresh, 10, ~on(*DAYS[10:]), "volume")
    result = compared(bars(), fresh)
    assert result.revisions["session"].to_list() == list(DAYS[:10])
    assert result.revisions["cause"].unique().to_list() == ["split"]
    assert not result.needs_full_history  # nothing is held from before the answer
    assert compared(result.bars, fresh).revisions.is_empty()


def test_a_split_across_the_seam_asks_for_the_whole_history() -> None:
    before = ~on(*DAYS[10:])
    fresh = scaled(scaled(bars(NOW), 0.1, before, *PRICES, "adj_close"), 10, before, "volume")
    seam = compared(bars(days=DAYS[:9]), fresh.filter(on(*DAYS[5:])))
    assert seam.needs_full_history
    assert seam.revisions["session"].to_list() == list(DAYS[5:9])
    assert not compared(bars(days=DAYS[:9]), fresh).needs_full_history


def test_a_held_bar_that_the_answer_lacks_moves_to_the_new_basis() -> None:
    """Left on the old one it would make two false returns, of -90 % and +900 %."""
    before = ~on(*DAYS[10:])
    fresh = scaled(scaled(bars(NOW), 0.1, before, *PRICES, "adj_close"), 10, before, "volume")
    result = compared(bars(), fresh.filter(~on(DAYS[6])))
    assert result.bars.drop("fetched_at").equals(fresh.drop("fetched_at"))
    assert result.revisions["session"].to_list() == list(DAYS[:10])
    assert result.revisions["cause"].unique().to_list() == ["split"]
    paid = scaled(bars(NOW), 0.995, before, "adj_close")
    assert compared(bars(), paid.filter(~on(DAYS[6]))).bars["adj_close"].equals(paid["adj_close"])
    # Between a bar that moved and one that did not, either basis may be the true one.
    unsure = compared(bars(), fresh.filter(~on(DAYS[10])))
    assert unsure.bars["session"].to_list() == [day for day in DAYS if day != DAYS[10]]
    assert unsure.revisions.filter(on(DAYS[10]))["close"].to_list() == [111.0]


def test_a_dividend_moves_adjusted_closes_only() -> None:
    fresh = scaled(bars(NOW), 0.995, ~on(*DAYS[8:]), "adj_close")
    result = compared(bars(), fresh)
    assert result.revisions["session"].to_list() == list(DAYS[:8])
    assert result.revisions["cause"].unique().to_list() == ["dividend"]
    assert compared(bars(), fresh.filter(on(*DAYS[4:]))).needs_full_history
    # One adjusted close put right in the middle leaves the rows before it as they were.
    one = scaled(bars(NOW), 0.995, on(DAYS[6]), "adj_close").filter(on(*DAYS[4:]))
    assert not compared(bars(), one).needs_full_history


def test_a_dividend_of_a_source_that_adjusts_everything() -> None:
    held = bars().with_columns(adj_close=pl.col("close"))
    fresh = scaled(held.with_columns(fetched_at=pl.lit(NOW)), 0.995, ~on(*DAYS[8:]), *PRICES, "adj_close")
    assert compared(held, fresh).revisions["cause"].unique().to_list() == ["dividend"]
    split = scaled(scaled(fresh, 0.5, ~on(*DAYS[8:]), *PRICES, "adj_close"), 2, ~on(*DAYS[8:]), "volume")
    assert compared(held, split).revisions["cause"].unique().to_list() == ["split"]


def test_a_partial_bar_is_finalised_even_if_it_did_not_move() -> None:
    held = bars().with_columns(is_final=~on(DAYS[-1]))
    result = compared(held, bars(NOW))
    assert result.revisions.select("session", "cause").rows() == [(DAYS[-1], "finalised")]
    assert result.bars["is_final"].all()


def test_a_partial_bar_never_replaces_a_final_one() -> None:
    fresh = scaled(bars(NOW), 0.9, on(DAYS[-1]), "low").with_columns(is_final=~on(DAYS[-1]))
    result = compared(bars(), fresh)
    assert result.bars.equals(bars())
    assert result.revisions.is_empty()


def test_an_answer_that_was_overtaken_replaces_nothing() -> None:
    """Two processes refresh one ticker: the one that asked first may be the one that writes last."""
    newer = scaled(bars(NOW), 1.001, on(DAYS[4]), "close")
    late = compared(newer, bars(THEN))
    assert late.bars.equals(newer)
    assert late.revisions.is_empty()


def test_a_held_print_that_turns_out_bad_is_withdrawn() -> None:
    held = scaled(bars(), 100, on(DAYS[5]), *PRICES, "adj_close")
    fresh = bars(NOW).filter(~on(DAYS[5]))
    result = compared(held, fresh, withdrawn=held.filter(on(DAYS[5])))
    assert result.bars["session"].to_list() == [day for day in DAYS if day != DAYS[5]]
    assert result.revisions.select("session", "cause").rows() == [(DAYS[5], "correction")]
    # A bad print of a session that is held soundly changes nothing.
    assert compared(bars(), fresh, withdrawn=held.filter(on(DAYS[5]))).bars.equals(bars())
