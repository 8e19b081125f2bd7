"""What the choices of `bear_headhunter` are worth: where its heads start from, and how far calibration is believed.

Usage, in the checkout: ``python -W ignore -m benchmarks.bear [--bars FILE.parquet]``; without ``--bars`` it takes the
file named by ALPHA_REAL_BARS. Trains ^VIX in the profile `quick`, once for each choice, and prints what its forecasts
for one session ahead scored, beside the rival `har_x`. The scores are those of `evaluation.scores`.
"""

import argparse
import datetime as dt
import os
from collections.abc import Sequence

import polars as pl

from alpha_pipeline.datasets.folds import FIRST_OUT_OF_SAMPLE, walk_forward_folds
from alpha_pipeline.datasets.samples import Samples, build_samples
from alpha_pipeline.datasets.targets import forward
from alpha_pipeline.evaluation.scores import WHOLE, scores, standard_windows
from alpha_pipeline.features.volatility import volatility
from alpha_pipeline.forecasting.walk_forward import forecast
from alpha_pipeline.models.spec import Experiment, load_experiments
from alpha_pipeline.training import calibration
from alpha_pipeline.training.trainer import Chain, train
from alpha_pipeline.universe import VIX
from benchmarks.feature_build import load

BELIEVED = {"much": 0.5, "little": calibration.PRIOR_DEVIATION}
COLUMNS = ("spike_auc", "spike_brier_skill", "r2_naive")


def figures(experiment: Experiment, samples: Samples, targets: pl.DataFrame, last: dt.date) -> Sequence[str]:
    """Train, forecast and score one experiment: a figure and its interval per column, one session ahead."""
    chain = Chain(experiment, samples, 0, walk_forward_folds(last))
    result = train([chain], load=lambda *_: None, save=lambda _: None)  # in this process: it set the prior
    made = forecast(samples, experiment, result.artifacts).filter(pl.col("horizon") == 1)
    rows = scores(made, targets, standard_windows(FIRST_OUT_OF_SAMPLE, last)[:1]).filter(ticker=VIX, window=WHOLE)
    held = {row["metric"]: row for row in rows.iter_rows(named=True)}
    return [f"{held[n]['value']:+.4f} ({held[n]['ci_low']:+.3f} to {held[n]['ci_high']:+.3f})" for n in COLUMNS]


def main() -> None:
    """Measure and print a row of a Markdown table per choice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bars", default=os.environ.get("ALPHA_REAL_BARS"), help="Parquet file of bars")
    given = parser.parse_args()
    if given.bars is None:
        raise SystemExit("name a file of bars with --bars or ALPHA_REAL_BARS")
    bars = load(given.bars)
    own = bars.filter(pl.col("ticker") == VIX)
    last: dt.date = own["session"].max()  # type: ignore[assignment]  # it is not empty
    bear, rival = (load_experiments()[name] for name in ("bear_headhunter", "har_x"))
    features, targets = {"volatility": volatility(own, bars)}, forward(own)
    print("| heads start from | calibration believed | AUC of spikes | Brier skill | R2 against a random walk |")
    print("|---|---|---|---|---|")
    for start, penalty in (("zero", None), ("regressions", bear.architecture.model_dump()["linear_start"])):
        experiment = bear.model_copy(
            update={"architecture": bear.architecture.model_copy(update={"linear_start": penalty})}
        )
        for words, deviation in BELIEVED.items():
            calibration.PRIOR_DEVIATION = deviation  # type: ignore[misc]  # a constant everywhere else
            shown = figures(experiment, build_samples(VIX, experiment, features, own, targets), targets, last)
            print(f"| {start} | {words} ({deviation}) | {' | '.join(shown)} |", flush=True)
    shown = figures(rival, build_samples(VIX, rival, features, own, targets), targets, last)
    print(f"| `har_x` | | {' | '.join(shown)} |")


if __name__ == "__main__":
    main()
