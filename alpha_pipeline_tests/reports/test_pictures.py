import io

import numpy as np
import polars as pl
from PIL import Image

from alpha_pipeline.reports import pictures
from alpha_pipeline.reports.figures import palette
from alpha_pipeline_tests.reports.test_daily_report import LEDGER, SCORES
from alpha_pipeline_tests.training.test_artifact import card


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_the_same_values_make_the_same_picture_and_others_another() -> None:
    assert pictures.equity(LEDGER) == pictures.equity(LEDGER)
    changed = LEDGER.with_columns(equity=pl.col("equity") * 1.5)
    assert pictures.equity(changed) != pictures.equity(LEDGER)


def test_loss_curves_show_the_losses() -> None:
    member = card(epochs=2, training_curve=(1.5, 1.2), validation_curve=(1.4, 1.3, 1.35))
    other = member.model_copy(update={"validation_curve": (1.4, 1.35, 1.3)})
    assert pictures.learning([member]) == pictures.learning([member])
    assert len({pictures.learning(cards) for cards in ([member], [other], [member, other])}) == 3


def test_a_model_whose_interval_holds_zero_is_grey_and_one_above_it_is_not() -> None:
    def share_of(colour: tuple[int, ...], scores: pl.DataFrame) -> float:
        return float((pixels(pictures.information_coefficients(scores)) == colour).all(axis=2).mean())

    good = tuple(int(palette.GOOD[place : place + 2], 16) for place in (1, 3, 5))
    no_edge, edge = SCORES, SCORES.with_columns(ci_low=pl.lit(0.001))
    assert share_of(good, no_edge) == 0
    assert share_of(good, edge) > 0
