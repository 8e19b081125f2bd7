"""Probes of what was said live: it is never rewritten, and nothing counts as live that was not in time."""

import datetime as dt
import json
from typing import Final

import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.evaluation.audit.finding import Figures, Finding, judged
from alpha_pipeline.evaluation.audit.pipeline import Pipeline
from alpha_pipeline.forecasting.walk_forward import SCHEMA
from alpha_pipeline.warehouse.store import frame_hash
from alpha_pipeline.warehouse.tables.forecasts import DAILY

LIVE: Final = "live_rows"
STORED_LIVE: Final = "stored_live_rows"
# ^VIX prints until a quarter of an hour after the close: a forecast of the session is not made before.
PRINTING: Final = dt.timedelta(minutes=15)

SETTLING: Final = dt.timedelta(days=1)
_OF: Final = pl.concat_str("model", "ticker", separator=" ")

_DAY: Final = dt.date(2024, 1, 17)


def live_rows(pipeline: Pipeline) -> Finding:
    """Forecast a session live, and again after its bars were restated: what was said stays, to the time it was said.

    Args:
        pipeline: its stamp and merge are looked at.
    """
    following = calendar.offset(_DAY, 1)
    evening, late = calendar.close_time(_DAY) + dt.timedelta(hours=1), calendar.open_time(following)
    held = DAILY.conform(pipeline.stamp(_forecast(0.001), evening))
    fresh = DAILY.conform(pipeline.stamp(_forecast(-0.02), late))
    wrong = []
    if not held["is_live"].item():
        wrong.append("a forecast made on the evening before is not counted as live")
    if fresh["is_live"].item():
        wrong.append("a forecast made at the open that it is for counts as live")
    merged = DAILY.conform(pipeline.merge(held, fresh))
    if not merged.equals(held):
        wrong.append(
            f"a live forecast of {held['expected_return'].item():+.1%} made at {evening:%H:%M} is rewritten to "
            f"{merged['expected_return'][0]:+.1%}"
        )
    return judged(LIVE, wrong, "a live forecast stays as it was made when its session is forecast again")


def _forecast(expected_return: float) -> pl.DataFrame:
    """One row of `forecasts.daily` but `made_at` and `is_live`."""
    said = {
        "model": "audit",
        "ticker": "QQQ",
        "session": _DAY,
        "horizon": 1,
        "expected_return": expected_return,
        "forecast_vol": 0.01,
        "prob_up": 0.5,
        "trained_through": calendar.offset(_DAY, -10),
        "model_id": "audit",
        "seeds": 1,
        "seed_spread": 0.0,
    }
    return pl.DataFrame({name: [said.get(name)] for name in SCHEMA}, schema=SCHEMA)


def stored_live_rows(forecasts: pl.DataFrame, before: Figures, now: dt.datetime, clock: dt.datetime) -> Finding:
    """The live rows held at the last audit are held still, and each was made in time.

    Under a clock that was set back, as in a replay, live rows appear that are dated before the last audit. Nothing was
    rewritten by that, and it is said as what it is, once those that were held then are found as they were.

    Args:
        forecasts: rows of `forecasts.daily`.
        before: the figures of the last audit; none at first.
        now: the clock's time, which may be a replayed one. Rows made within a day are left to the next audit: a run
            that began before may still be writing.
        clock: the machine's time. A last audit that was later than this does not bind those that follow.

    Returns:
        The figures to hand to the next audit: `made_through` (ISO time; a replay does not set it back), and `rows`,
        `digest` and `counts` (by model and ticker, JSON) of the live rows made until then.
    """
    live = forecasts.filter("is_live")
    until = now - SETTLING
    wrong, added = [], 0
    if "made_through" in before:
        through = dt.datetime.fromisoformat(str(before["made_through"]))
        then = live.filter(pl.col("made_at") <= through)
        if _digest(then) != before["digest"]:
            added = _added(then, before, now) if now < through + SETTLING else 0
            if not added:
                wrong.append(
                    f"live forecasts made until {before['made_through']} are not what they were: {before['rows']} rows "
                    f"then, {then.height} now, or other values"
                )
        if until < through <= clock:
            until = through
    wrong += _out_of_time(live)
    settled = live.filter(pl.col("made_at") <= until)
    figures: Figures = {
        "made_through": until.isoformat(),
        "rows": settled.height,
        "digest": _digest(settled),
        "counts": _counts(settled),
    }
    if wrong:  # what was found is said again until somebody has looked: the next audit compares with the same rows
        figures |= before
    elif live.is_empty():
        return Finding(STORED_LIVE, "nothing", "no forecast was made live yet", figures)
    elif added:
        return Finding(
            STORED_LIVE,
            "warning",
            f"the clock was set back: it says {now:%Y-%m-%d %H:%M} UTC, and an audit was made when it said "
            f"{through + SETTLING:%Y-%m-%d %H:%M}. {added:,} live forecasts were made since by the earlier time, as in "
            f"a replay by ALPHA_NOW; the {before['rows']:,} held then are as they were",
            {**figures, "wrong": 0, "set_back": added},
        )
    return judged(STORED_LIVE, wrong, f"{live.height:,} live forecasts are as they were made, each in time", figures)


def _added(then: pl.DataFrame, before: Figures, now: dt.datetime) -> int:
    """How many live rows were added by a clock that was set back to now; 0 where others are not as they were.

    What it made of a model and ticker is the newest that is dated until now, for it makes nothing that is held live
    already. Audits of earlier versions counted all together.
    """
    counts: dict[str, int] = json.loads(str(before.get("counts", "null"))) or {"": int(before["rows"])}
    rows = then.sort("made_at").with_columns(of=pl.lit("") if "" in counts else _OF)
    dated = pl.col("made_at") <= now
    n_added = pl.len().over("of").cast(pl.Int64) - pl.col("of").replace_strict(counts, default=0, return_dtype=pl.Int64)
    is_added = dated & (pl.int_range(pl.len()).over("of") >= dated.sum().over("of").cast(pl.Int64) - n_added)
    kept = rows.filter(~is_added).drop("of")
    return then.height - kept.height if _digest(kept) == before["digest"] else 0


def _counts(live: pl.DataFrame) -> str:
    """How many rows there are of each model and ticker, as JSON."""
    counted = live.group_by(of=_OF).len().sort("of")
    return json.dumps(dict(counted.iter_rows()), separators=(",", ":"))


def _digest(live: pl.DataFrame) -> str:
    """A hash of what the rows say. A column that a later version of the table added is empty in them, and left out."""
    names = [name for name in sorted(live.columns) if name not in DAILY.volatile]
    return frame_hash(live.sort(DAILY.key).select(name for name in names if live[name].null_count() < live.height))


def _out_of_time(live: pl.DataFrame) -> list[str]:
    wrong = []
    for session, first, last in (
        live.group_by("session", maintain_order=True)
        .agg(first=pl.col("made_at").min(), last=pl.col("made_at").max())
        .iter_rows()
    ):
        if first < calendar.close_time(session) + PRINTING:
            wrong.append(f"a forecast of {session} was made at {first:%Y-%m-%d %H:%M} UTC, before ^VIX had closed")
        if last >= calendar.open_time(calendar.offset(session, 1)):
            wrong.append(
                f"a forecast of {session} counts as live and was made at {last:%Y-%m-%d %H:%M} UTC, after the open"
            )
    return wrong
