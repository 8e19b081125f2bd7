"""Prices and volumes from text: which mark is the decimal one, decided for a file's prices as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from alpha_pipeline.sources.files.refusal import FileRefusedError

EMPTY: Final = r"(?i)^(|null|none|nan|na|n/a|#n/a|#n/a n/a|#value!|n\.a\.|n\.d\.|nil|-+|–|—|\.)$"  # noqa: RUF001
_CURRENCIES: Final = r"(?:us\$|c\$|a\$|hk\$|[$€£¥₹]|usd|eur|gbp|chf|cad|aud|jpy|inr)"
_CURRENCY: Final = rf"(?i)^([+-]?)\s*{_CURRENCIES}\s*|\s*{_CURRENCIES}$"
_SIGN: Final = rf"(?i)({_CURRENCIES})"
_CODES: Final = {"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR"}
_DOT: Final = r"^[+-]?(?:\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d*)?|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)$"
_COMMA: Final = r"^[+-]?(?:\d{1,3}(?:\.\d{2,3})*\.\d{3}(?:,\d*)?|\d+(?:,\d*)?(?:[eE][+-]?\d+)?|,\d+)$"
_EITHER: Final = r"^[+-]?\d{1,3}[.,]\d{3}$"
_SCALES: Final = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
# In one bar no price is so many times another: a reading that says so has the wrong decimal mark.
LARGEST_RANGE: Final = 20.0
VOLUMES: Final = frozenset({"volume", "adj_volume"})


@dataclass(frozen=True)
class Numbers:
    """A file's numbers.

    Attributes:
        values: by meaning; null where there is none or it cannot be read.
        unreadable: by meaning, whether a value is there and cannot be read.
    """

    values: dict[str, pl.Series]
    unreadable: dict[str, pl.Series]


def read_numbers(columns: Mapping[str, pl.Series], names: Mapping[str, str], delimiter: str) -> Numbers:
    """The numbers of columns, text or typed.

    Args:
        columns: by meaning.
        names: the file's own name of each meaning.
        delimiter: of the text; empty for a Parquet.

    Raises:
        FileRefusedError: the decimal mark cannot be told, prices are in several currencies, or a column holds no
            numbers at all.
    """
    values, unreadable, texts = dict[str, pl.Series](), dict[str, pl.Series](), dict[str, pl.Series]()
    for name, column in columns.items():
        if column.dtype.is_nested() or column.dtype.is_temporal() or column.dtype in {pl.Binary, pl.Object, pl.Boolean}:
            raise FileRefusedError(
                f"has no numbers in its column {names[name]} but {column.dtype}. Write plain numbers"
            )
        if column.dtype.is_numeric() or column.dtype in {pl.Boolean, pl.Null}:
            values[name] = column.cast(pl.Float64, strict=False).fill_nan(None)
            unreadable[name] = pl.repeat(value=False, n=len(column), eager=True)
        else:
            texts[name] = column.cast(pl.String)
    for name, value in _all_plain(texts, delimiter).items():
        values[name], unreadable[name] = value, pl.repeat(value=False, n=len(value), eager=True)
    dressed = {name: _undressed(text) for name, text in texts.items() if name not in values}
    _require_one_currency({name: texts[name] for name in dressed}, names)
    prices = {name: text for name, text in dressed.items() if name not in VOLUMES}
    mark = _mark_of_prices(prices, names, delimiter) if prices else "."
    for name, text in dressed.items():
        own = _mark_of_volume(text, mark, names[name]) if name in VOLUMES else mark
        values[name], unreadable[name] = _read(text, own, is_volume=name in VOLUMES)
    return Numbers(values, unreadable)


def _all_plain(texts: Mapping[str, pl.Series], delimiter: str) -> dict[str, pl.Series]:
    """The columns that need no decision: the prices where none of them has any dress, volumes of whole numbers."""
    # Where ; stands between the fields, 1.234 may be a thousand.
    plain = {name: _plain(text) for name, text in texts.items()} if delimiter != ";" else {}
    prices = {name: value for name, value in plain.items() if name not in VOLUMES and value is not None}
    volumes = {
        name: value
        for name, value in plain.items()
        if name in VOLUMES and value is not None and (value.drop_nulls().round() == value.drop_nulls()).all()
    }
    is_bare = len(prices) == len(texts.keys() - VOLUMES)
    return {**volumes, **(prices if is_bare else {})}


def _plain(text: pl.Series) -> pl.Series | None:
    """The numbers of a column without any dress, by far the usual one; None where a value has some."""
    value = text.cast(pl.Float64, strict=False)
    if value.null_count() == text.null_count() and not value.is_nan().any():
        return value
    stripped = text.str.strip_chars()
    empty = stripped.str.contains(EMPTY).fill_null(value=True)
    value = stripped.cast(pl.Float64, strict=False).fill_nan(None)
    return value if (value.is_null() == empty).all() else None


def _undressed(text: pl.Series) -> pl.Series:
    """The text without spaces, currency signs and apostrophes; null where it says that there is no value."""
    bare = text.str.replace_all("\u2212", "-").str.replace_all("[\\s\u00a0\u202f\u2009]+", " ").str.strip_chars()
    bare = bare.str.replace_all(_CURRENCY, "${1}").str.replace_all(r"(\d)[ '’](\d)", "${1}${2}")  # noqa: RUF001
    bare = bare.str.replace_all(r"(\d)[ '’](\d)", "${1}${2}")  # noqa: RUF001 - every other one of 1 2 3
    return pl.select(pl.when(~bare.str.contains(EMPTY)).then(bare)).to_series()


def _require_one_currency(texts: Mapping[str, pl.Series], names: Mapping[str, str]) -> None:
    signs = {
        str(sign).upper(): names[name]
        for name, text in texts.items()
        for sign in text.str.extract(_SIGN).drop_nulls().unique().sort()
    }
    if len({_CODES.get(sign, sign) for sign in signs}) > 1:
        listed = ", ".join(f"{sign} in {name}" for sign, name in signs.items())
        raise FileRefusedError(f"has prices in several currencies ({listed}). Write them in one")


def _without_scale(text: pl.Series) -> pl.Series:
    return text.str.replace(r"(?i)\s*[kmbt]$", "")


def _fits(values: pl.Series) -> tuple[int, int, bool]:
    """How many values a decimal point fits, how many a decimal comma, and whether it makes a difference."""
    dot, comma = values.str.contains(_DOT), values.str.contains(_COMMA)
    return int(dot.sum()), int(comma.sum()), values.str.contains(_EITHER).any()


def _mark_of_prices(prices: Mapping[str, pl.Series], names: Mapping[str, str], delimiter: str) -> str:
    """``.`` or ``,``: the decimal mark of all of a file's prices together."""
    together = pl.concat(list(prices.values())).drop_nulls()
    n_dot, n_comma, differs = _fits(together)
    if n_dot != n_comma:
        return "." if n_dot > n_comma else ","
    sane = [mark for mark in (".", ",") if _is_sane({n: _read(t, mark)[0] for n, t in prices.items()})]
    if not differs or len(sane) == 1:
        return sane[0] if len(sane) == 1 else "."
    separators = {mark for mark in ".," if together.str.contains(mark, literal=True).any()}
    # Three digits after a point, as programs write them: nobody groups thousands with points between commas.
    if separators == {"."} and delimiter != ";":
        return "."
    name, value = next((names[n], v) for n, t in prices.items() for v in t.drop_nulls() if separators & set(v))
    readings = " or ".join(f"{_read(pl.Series([value]), mark)[0][0]:.12g}" for mark in (".", ","))
    raise FileRefusedError(
        f"cannot be read: column {name}: {value!r} may be {readings}, and no price of the file tells which. Write "
        "prices with a decimal point and without thousands marks"
    )


def _is_sane(prices: Mapping[str, pl.Series]) -> bool:
    """Whether the prices of each row are of one size, as those of a bar are."""
    ohlc = [prices[name] for name in ("open", "high", "low", "close") if name in prices]
    rows = pl.DataFrame([one.alias(str(i)) for i, one in enumerate(ohlc)])
    if not ohlc:
        return True
    ratio = rows.select(pl.max_horizontal(pl.all()) / pl.min_horizontal(pl.all())).to_series().drop_nulls()
    level = pl.concat(ohlc).drop_nulls()
    steps = (rows.to_series(0).drop_nulls().log().diff().abs() > 4).sum()
    return level.is_empty() or ((ratio <= LARGEST_RANGE).all() and steps == 0)


def _mark_of_volume(text: pl.Series, mark_of_prices: str, name: str) -> str:
    """The decimal mark of a volume: its own where it tells, else the prices' one."""
    n_dot, n_comma, _ = _fits(_without_scale(text).drop_nulls())
    if n_dot != n_comma:
        return "." if n_dot > n_comma else ","
    either = text.drop_nulls().filter(text.drop_nulls().str.contains(_EITHER))  # with K, M or B it is a fraction
    either = either.filter(either.str.contains(mark_of_prices, literal=True))
    if either.is_empty():
        return mark_of_prices
    value = either[0]
    raise FileRefusedError(
        f"cannot be read: column {name}: {value!r} may be a whole number with a thousands mark or a fraction. Write "
        "volumes without marks"
    )


def _read(text: pl.Series, mark: str, *, is_volume: bool = False) -> tuple[pl.Series, pl.Series]:
    """(the numbers, whether a value is there and is none)."""
    bare = _without_scale(text) if is_volume else text
    fits = bare.str.contains(_DOT if mark == "." else _COMMA)
    point = bare.str.replace_all(",", "") if mark == "." else bare.str.replace_all(".", "", literal=True)
    number = point.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
    value = pl.select(pl.when(fits).then(number)).to_series()
    if is_volume:
        scale = text.str.extract(r"(?i)([kmbt])$").str.to_lowercase().replace_strict(_SCALES, default=1.0)
        # 45.55 million are 45,549,999.99 to a computer.
        value = pl.select(pl.when(scale > 1).then((value * scale).round()).otherwise(value)).to_series()
    return value, (value.is_null() & text.is_not_null()).fill_null(value=False)
