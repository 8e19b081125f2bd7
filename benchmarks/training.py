"""How fast the training loop is: against the loop that one would write first, against libraries and the machine.

All train the same sizes on the same planted data: 16 features, windows of 32 and 64 sessions, widths 32 and 64, 4
heads, batches of 256, of one ticker and of 17. The naive loop is `nn.LSTM` and `nn.TransformerEncoder` with dropout 0.1
behind a `DataLoader`, with torch's default threads. Ours is two processes of one thread each, as a training run uses
two cores. Of 17 tickers ours trains a member each, in turn; the others train one model on the windows of all.
The share of the peak is what ours needs in floating-point operations, forward and twice that backward, of what
`torch.matmul` of 2048 x 2048 does on the same machine.
The losses are those of one ticker on its last sessions, after the same number of passes at the same step size: the best
pass of each; mean and standard deviation over seeds, because these differ by more than the loops do. They stand beside
the loss of the planted distribution itself and that of one without inputs.

Run it on an idle machine: ``python -m benchmarks.training [--rivals PYTHON] [--seconds 8]``. The libraries are no
dependencies of the project: ``--rivals`` names the interpreter of an environment that has torch, neuralforecast and
darts, in which `benchmarks/training_rivals.py` measures them and says how. Without it they are left out.
"""

import argparse
import json
import math
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count, product
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.data import ConcatDataset, DataLoader, Dataset

from alpha_pipeline.models.architectures import HybridArchitecture, TrainingSpec
from alpha_pipeline.models.blocks.student_t import StudentTHead
from alpha_pipeline.models.contract import Model, Prediction
from alpha_pipeline.models.hybrid import Hybrid
from alpha_pipeline.training.loop import Rows, Windows, fit, train_epoch
from alpha_pipeline.training.losses import objective, student_t_nll
from alpha_pipeline.training.worker import keep_freed_memory

FEATURES, HEADS, BATCH, HORIZONS, SESSIONS = 16, 4, 256, 2, 4_096
WINDOWS, WIDTHS, TICKERS = (32, 64), (32, 64), (1, 17)
PROCESSES = 2
SEEDS = 4
SECONDS = 8.0
NOISE = 0.5  # standard deviation of the planted targets around what can be known of them
LAST_TRAINED, EMBARGO = 3_600, 5
PASSES, LEARNING_RATE, DROPOUT = 20, 1e-3, 0.1
CONSOLE = Console(width=120)


class NaiveHybrid(Model):
    """The same architecture from torch's ready parts."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(FEATURES, width, batch_first=True)
        layer = nn.TransformerEncoderLayer(width, HEADS, 2 * width, dropout=DROPOUT, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=1)
        self.head = StudentTHead(width, HORIZONS)

    def forward(self, windows: Tensor) -> Prediction:
        """Forecast from windows (B, T, F)."""
        states, _ = self.lstm(windows)
        prediction: Prediction = self.head(self.encoder(states)[:, -1])
        return prediction


class WindowDataset(Dataset[tuple[Tensor, Tensor]]):
    """One window at a time, as a `DataLoader` wants them."""

    def __init__(self, inputs: Tensor, targets: Tensor, window: int) -> None:
        self.inputs, self.targets, self.window = inputs, targets, window

    def __len__(self) -> int:
        return len(self.inputs) - self.window + 1

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.inputs[index : index + self.window], self.targets[index + self.window - 1]


def planted(ticker: int) -> tuple[Tensor, Tensor]:
    """Random inputs (SESSIONS, FEATURES) and targets (SESSIONS, HORIZONS) that depend on them, with normal noise.

    One target is a decaying mean of the first feature. The other needs its product with the second, and the third.
    """
    random = torch.Generator().manual_seed(ticker)
    inputs = torch.randn(SESSIONS, FEATURES, generator=random)
    mean = torch.zeros(SESSIONS)
    for session in range(1, SESSIONS):
        mean[session] = 0.9 * mean[session - 1] + inputs[session, 0]
    mean *= math.sqrt(1 - 0.9**2)  # of variance 1
    known = torch.stack((mean, math.sqrt(0.5) * (mean * inputs[:, 1] + inputs[:, 2])), dim=1)
    return inputs, known + NOISE * torch.randn(SESSIONS, HORIZONS, generator=random)


def hybrid(width: int) -> Hybrid:
    """Ours, with as much dropout as the naive one."""
    architecture = HybridArchitecture(kind="hybrid", width=width, heads=HEADS, input_dropout=0.0, head_dropout=DROPOUT)
    return Hybrid(architecture, FEATURES, HORIZONS)


def naive_pass(model: NaiveHybrid, optimiser: torch.optim.Optimizer, loader: DataLoader[Any]) -> Iterator[int]:
    """One pass of the naive loop: the windows of each step, when it is done."""
    model.train()
    for windows, targets in loader:
        optimiser.zero_grad()
        torch.autograd.backward(student_t_nll(model(windows), targets))
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        yield len(windows)


def naive(window: int, width: int, tickers: int, seconds: float) -> float:
    """Windows a second of the naive loop."""
    torch.manual_seed(0)
    model = NaiveHybrid(width)
    optimiser = torch.optim.AdamW(model.parameters())
    dataset: ConcatDataset[Any] = ConcatDataset([WindowDataset(*planted(ticker), window) for ticker in range(tickers)])
    loader = DataLoader(dataset, batch_size=BATCH, shuffle=True)
    return per_second((done for _ in count() for done in naive_pass(model, optimiser, loader)), seconds)


def our_passes(window: int, width: int, tickers: int) -> Iterator[int]:
    """Passes of the training loop, one of each ticker's member in turn: the windows of each, when it is done."""
    spec = TrainingSpec(batch_size=BATCH)
    members = []
    for ticker in range(tickers):
        inputs, targets = planted(ticker)
        rows = Rows(Windows(inputs, window), targets, torch.arange(window - 1, SESSIONS))
        model, average = hybrid(width), hybrid(width)
        members.append((model, average, torch.optim.AdamW(model.parameters(), fused=True), rows))
    while True:
        for model, average, optimiser, rows in members:
            train_epoch(model, average, optimiser, rows, spec, objective(None))
            yield len(rows.rows)


def ours(window: int, width: int, tickers: int, seconds: float) -> float:
    """Windows a second of the training loop in this process, on one thread, as in a worker of a training run."""
    keep_freed_memory()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return per_second(our_passes(window, width, tickers), seconds)


def per_second(work: Iterator[int], seconds: float) -> float:
    """What is done a second, by pieces of work whose sizes are given, after one of them to warm up."""
    next(work)
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        done += next(work)
    return done / (time.perf_counter() - started)


class Losses(NamedTuple):
    """Of the validation slice, in nats per target."""

    no_inputs: float
    naive: float
    ours: float
    planted: float


def losses(window: int, width: int, seed: int) -> Losses:
    """What the naive loop and ours reach on the same data, in this process, on one thread."""
    torch.set_num_threads(1)
    inputs, targets = planted(0)
    windows = Windows(inputs, window)
    training = Rows(windows, targets, torch.arange(window - 1, LAST_TRAINED))
    validation = Rows(windows, targets, torch.arange(LAST_TRAINED + EMBARGO, SESSIONS))

    torch.manual_seed(seed)
    loop = NaiveHybrid(width)
    loop.head.start_from(training.whole().targets)
    optimiser = torch.optim.AdamW(loop.parameters(), lr=LEARNING_RATE)
    dataset = WindowDataset(inputs[:LAST_TRAINED], targets[:LAST_TRAINED], window)
    loader = DataLoader(dataset, batch_size=BATCH, shuffle=True)
    reached = []
    for _ in range(PASSES):
        for _ in naive_pass(loop, optimiser, loader):
            pass
        reached.append(loss(loop, validation))

    torch.manual_seed(seed)
    model = hybrid(width)
    model.prepare(training.whole())
    spec = TrainingSpec(batch_size=BATCH, learning_rate=LEARNING_RATE, patience=PASSES)
    fit(model, training, validation, spec, objective(None), epochs=PASSES)
    spread = float(validation.whole().targets.std(dim=0).log().mean())
    return Losses(normal_entropy(spread), min(reached), loss(model, validation), normal_entropy(math.log(NOISE)))


@torch.no_grad()
def loss(model: Model, rows: Rows) -> float:
    """Negative log likelihood of the targets, mean."""
    whole = rows.whole()
    return float(student_t_nll(model.eval()(whole.windows), whole.targets))


def normal_entropy(log_deviation: float) -> float:
    """Expected loss of forecasting a normal distribution as it is, in nats."""
    return 0.5 * math.log(2 * math.pi * math.e) + log_deviation


def operations(window: int, width: int) -> float:
    """Floating-point operations that training on one window takes, a multiplication and an addition counted as two."""
    embedding = 2 * FEATURES * width * window
    lstm = 16 * width**2 * window
    attention = 8 * width**2 + 4 * HEADS * window * width
    feed_forward = 8 * width**2
    return 3.0 * (embedding + lstm + attention + feed_forward)


def peak(seconds: float) -> float:
    """Floating-point operations a second of `torch.matmul`, with torch's default threads."""
    a, b = torch.randn(2_048, 2_048), torch.randn(2_048, 2_048)

    def products() -> Iterator[int]:
        while True:
            torch.matmul(a, b)
            yield 2 * 2_048**3

    return per_second(products(), seconds)


def rival_figures(python: str, script: str, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """What a script beside this one prints in another environment, where it may leave files."""
    # -P: else `kan` would be the file of that name beside the script, and not pykan.
    command = [python, "-P", str(Path(__file__).with_name(script)), json.dumps(settings)]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def our_table(seconds: float) -> dict[tuple[int, int, int], float]:
    """Print ours against the naive loop and the peak; windows a second of ours by window, width and tickers."""
    most = peak(seconds)
    columns = ("window", "width", "tickers", "naive", f"ours, {PROCESSES} processes", "ratio", "share of the peak")
    table = Table(*columns, title=f"windows trained a second; torch.matmul does {most / 1e9:,.0f} GFLOP/s")
    held = {}
    for size in product(WINDOWS, WIDTHS, TICKERS):
        first = naive(*size, seconds)
        with get_context("spawn").Pool(PROCESSES) as pool:
            second = sum(pool.starmap(ours, [(*size, seconds)] * PROCESSES, chunksize=1))
        held[size] = second
        share = second * operations(*size[:2]) / most
        figures = (f"{first:,.0f}", f"{second:,.0f}", f"{second / first:.1f}", f"{share:.0%}")
        table.add_row(*map(str, size), *figures)
    CONSOLE.print(table)
    return held


def loss_table() -> None:
    """Print what the naive loop and ours reach."""
    columns = ("window", "width", "without inputs", "naive", "ours", "as planted")
    table = Table(*columns, title=f"validation loss after {PASSES} passes, nats, {SEEDS} seeds")
    sizes = list(product(WINDOWS, WIDTHS))
    with get_context("spawn").Pool(PROCESSES) as pool:
        reached = pool.starmap(losses, [(*size, seed) for size in sizes for seed in range(SEEDS)], chunksize=1)
    for place, size in enumerate(sizes):
        of_seeds = list(zip(*reached[place * SEEDS : (place + 1) * SEEDS], strict=True))
        named = Losses(*(mean(values) for values in of_seeds))
        spread = Losses(*(stdev(values) for values in of_seeds))
        both = (f"{named.naive:.3f} ± {spread.naive:.3f}", f"{named.ours:.3f} ± {spread.ours:.3f}")
        table.add_row(*map(str, size), f"{named.no_inputs:.3f}", *both, f"{named.planted:.3f}")
    CONSOLE.print(table)


def rival_table(python: str, seconds: float, held: dict[tuple[int, int, int], float]) -> None:
    """Print ours, measured before, against the libraries."""
    settings = {
        "features": FEATURES,
        "heads": HEADS,
        "batch": BATCH,
        "horizons": HORIZONS,
        "sessions": SESSIONS,
        "seconds": seconds,
        "windows": WINDOWS,
        "widths": WIDTHS,
        "tickers": TICKERS,
    }
    rates: dict[tuple[int, int, int], dict[str, float]] = {size: {} for size in held}
    for figure in rival_figures(python, "training_rivals.py", settings):
        size = figure["window"], figure["width"], figure["tickers"]
        rates[size][figure["rival"]] = figure["windows_per_second"]
    rivals = list(next(iter(rates.values())))
    table = Table(
        "window", "width", "tickers", "ours", *rivals, title="windows trained a second; how often ours is faster"
    )
    for size, by_rival in rates.items():
        shown = (f"{by_rival[name]:,.0f} ({held[size] / by_rival[name]:.1f})" for name in rivals)
        table.add_row(*map(str, size), f"{held[size]:,.0f}", *shown)
    CONSOLE.print(table)


def interpreter(name: str) -> str:
    """Where an interpreter is, from any folder."""
    found = shutil.which(name)
    if found is None:
        raise argparse.ArgumentTypeError(f"no interpreter: {name}")
    return str(Path(found).absolute())


def arguments(description: str) -> argparse.Namespace:
    """What a benchmark with rivals is told."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument(
        "--rivals", metavar="PYTHON", type=interpreter, help="interpreter of an environment with the libraries"
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help="that each figure is measured for")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__)
    held = our_table(given.seconds)
    loss_table()
    if given.rivals is None:
        CONSOLE.print("Without --rivals the libraries are left out.")
    else:
        rival_table(given.rivals, given.seconds, held)


if __name__ == "__main__":
    main()
