"""How many windows a second neuralforecast and darts train: run by `benchmarks.training` in an environment with them.

It needs torch, NumPy, pandas, neuralforecast and darts, and nothing of this project. Its one argument is the JSON of
the sizes; it prints one line of JSON per figure, as each is known.

Of each library it takes the model nearest to the hybrid, with its sizes (one LSTM or encoder layer, the width and the
heads): the LSTM, the encoder, and the Temporal Fusion Transformer, which is an LSTM with attention over its states.
neuralforecast has no encoder that reads other features than the target's own past. The target is the first of the
features, so that as many are read as by the hybrid. Losses are the libraries' own; validation, checkpoints and logs
are off, and neuralforecast scales no window. On several tickers one model learns from the windows of all of them.
What is timed is the steady state, from the end of one step to the end of another, with torch's default threads.
"""

import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from darts import TimeSeries  # type: ignore[import-not-found]
from darts.models import BlockRNNModel, TFTModel, TransformerModel  # type: ignore[import-not-found]
from neuralforecast import NeuralForecast  # type: ignore[import-not-found]
from neuralforecast.models import LSTM, TFT  # type: ignore[import-not-found]
from pytorch_lightning.callbacks import Callback  # type: ignore[import-not-found]

SETTINGS: dict[str, Any] = json.loads(sys.argv[1])
FEATURES, HEADS, BATCH = SETTINGS["features"], SETTINGS["heads"], SETTINGS["batch"]
HORIZONS, SESSIONS, SECONDS = SETTINGS["horizons"], SETTINGS["sessions"], SETTINGS["seconds"]
WARM_UP_STEPS = 3
EVER = 10**9  # more steps than `SECONDS` last


class Clock(Callback):
    """Counts the steps of `SECONDS` after the first few, and then stops the training."""

    def __init__(self) -> None:
        self.steps, self.started, self.ended = -WARM_UP_STEPS, 0.0, 0.0

    def on_train_batch_end(self, trainer: Any, *_: object) -> None:  # noqa: ANN401  # the library is not typed
        """One more step."""
        self.steps += 1
        self.ended = time.perf_counter()
        if self.steps == 0:
            self.started = self.ended
        trainer.should_stop = self.steps > 0 and self.ended - self.started > SECONDS

    @property
    def windows_per_second(self) -> float:
        """Over the steps counted."""
        return self.steps * BATCH / (self.ended - self.started)


def quiet(clock: Clock) -> dict[str, Any]:
    """How Lightning trains with nothing beside it."""
    return {
        "accelerator": "cpu",
        "callbacks": [clock],
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "enable_progress_bar": False,
        "logger": False,
    }


def values(tickers: int) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    """Random (SESSIONS, FEATURES) of each ticker, of which the first feature is the target."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=(SESSIONS, FEATURES)).astype(np.float32) for _ in range(tickers)]


def neuralforecast(model: Callable[..., Any], window: int, tickers: int) -> float:
    """Windows a second of a neuralforecast model, given without what does not differ between them."""
    others = [f"x{i}" for i in range(1, FEATURES)]
    frames = [pd.DataFrame(rows, columns=["y", *others]) for rows in values(tickers)]
    frame = pd.concat([f.assign(unique_id=f"ticker {i}", ds=range(SESSIONS)) for i, f in enumerate(frames)])
    made = model(
        h=HORIZONS,
        input_size=window,
        hist_exog_list=others,
        max_steps=EVER,
        windows_batch_size=BATCH,
        scaler_type="identity",
        **quiet(Clock()),
    )
    fitted = NeuralForecast(models=[made], freq=1)  # it trains a copy, whose clock is a copy too
    fitted.fit(frame)
    clock: Clock = fitted.models[0].trainer_kwargs["callbacks"][0]
    return clock.windows_per_second


def darts(model: Callable[..., Any], window: int, tickers: int) -> float:
    """Windows a second of a darts model, given without what does not differ between them."""
    clock = Clock()
    rows = values(tickers)
    made = model(
        input_chunk_length=window,
        output_chunk_length=HORIZONS,
        batch_size=BATCH,
        n_epochs=EVER,
        pl_trainer_kwargs=quiet(clock),
    )
    made.fit(
        [TimeSeries.from_values(r[:, :1]) for r in rows],
        past_covariates=[TimeSeries.from_values(r[:, 1:]) for r in rows],
    )
    return clock.windows_per_second


def rivals(width: int) -> dict[str, Callable[[int, int], float]]:
    """Windows a second of each rival, given the window and the number of tickers."""
    nf_lstm = partial(LSTM, encoder_n_layers=1, encoder_hidden_size=width, decoder_layers=1, decoder_hidden_size=width)
    nf_tft = partial(TFT, hidden_size=width, n_head=HEADS)
    lstm = partial(BlockRNNModel, model="LSTM", hidden_dim=width, n_rnn_layers=1)
    encoder = partial(
        TransformerModel,
        d_model=width,
        nhead=HEADS,
        num_encoder_layers=1,
        num_decoder_layers=1,
        dim_feedforward=2 * width,
    )
    tft = partial(TFTModel, hidden_size=width, num_attention_heads=HEADS, add_relative_index=True)
    return {
        "neuralforecast LSTM": partial(neuralforecast, nf_lstm),
        "neuralforecast TFT": partial(neuralforecast, nf_tft),
        "darts LSTM": partial(darts, lstm),
        "darts Transformer": partial(darts, encoder),
        "darts TFT": partial(darts, tft),
    }


def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    for name in ("darts", "lightning", "pytorch_lightning", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)
    figures = os.fdopen(os.dup(1), "w")  # what the libraries print goes elsewhere
    os.dup2(2, 1)
    for window, width, tickers in product(SETTINGS["windows"], SETTINGS["widths"], SETTINGS["tickers"]):
        for name, windows_per_second in rivals(width).items():
            figure = {"rival": name, "window": window, "width": width, "tickers": tickers}
            figure["windows_per_second"] = windows_per_second(window, tickers)
            print(json.dumps(figure), file=figures, flush=True)


if __name__ == "__main__":
    main()
