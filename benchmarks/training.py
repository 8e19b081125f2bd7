"""How fast the training loop is, against the loop that one would write first and against the machine.

Both train the same sizes on the same random data with the same loss: 16 features, windows of 32 and 64 sessions, widths
32 and 64, 4 heads, batches of 256. The naive one is `nn.LSTM` and `nn.TransformerEncoder` with dropout 0.1 behind a
`DataLoader`, with torch's default threads. Ours is two processes of one thread each, as a training run uses two cores.
The share of the peak is what ours needs in floating-point operations, forward and twice that backward, of what
`torch.matmul` of 2048 x 2048 does on the same machine.

Run it on an idle machine: ``python -m benchmarks.training``.
"""

import time
from collections.abc import Callable
from itertools import product
from multiprocessing import get_context

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from alpha_pipeline.models.architectures import HybridArchitecture, TrainingSpec
from alpha_pipeline.models.blocks.student_t import StudentTHead
from alpha_pipeline.models.contract import Prediction
from alpha_pipeline.models.hybrid import Hybrid
from alpha_pipeline.training.loop import Rows, Windows, train_epoch
from alpha_pipeline.training.losses import objective, student_t_nll

FEATURES, HEADS, BATCH, HORIZONS, SESSIONS = 16, 4, 256, 2, 4_096
WINDOWS, WIDTHS = (32, 64), (32, 64)
SECONDS = 8.0
PROCESSES = 2


class NaiveHybrid(nn.Module):
    """The same architecture from torch's ready parts."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(FEATURES, width, batch_first=True)
        layer = nn.TransformerEncoderLayer(width, HEADS, 2 * width, dropout=0.1, batch_first=True)
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


def data() -> tuple[Tensor, Tensor]:
    """Random inputs and targets."""
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=(SESSIONS, FEATURES)), rng.normal(size=(SESSIONS, HORIZONS))
    return torch.tensor(inputs, dtype=torch.float32), torch.tensor(targets, dtype=torch.float32)


def naive(window: int, width: int) -> float:
    """Windows a second of the naive loop."""
    torch.manual_seed(0)
    model = NaiveHybrid(width)
    optimiser = torch.optim.AdamW(model.parameters())
    loader = DataLoader(WindowDataset(*data(), window), batch_size=BATCH, shuffle=True)

    def epoch() -> int:
        for windows, targets in loader:
            optimiser.zero_grad()
            torch.autograd.backward(student_t_nll(model(windows), targets))
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
        return len(loader.dataset)  # type: ignore[arg-type]

    return per_second(epoch)


def ours(window: int, width: int) -> float:
    """Windows a second of the training loop in this process, on one thread."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, average = (
        Hybrid(HybridArchitecture(kind="hybrid", width=width, heads=HEADS), FEATURES, HORIZONS) for _ in "12"
    )
    inputs, targets = data()
    rows = Rows(Windows(inputs, window), targets, torch.arange(window - 1, SESSIONS))
    spec = TrainingSpec(batch_size=BATCH)
    optimiser = torch.optim.AdamW(model.parameters(), fused=True)

    def epoch() -> int:
        train_epoch(model, average, optimiser, rows, spec, objective(None))
        return len(rows.rows)

    return per_second(epoch)


def per_second(epoch: Callable[[], int]) -> float:
    """Windows a second over `SECONDS`, after one epoch to warm up."""
    epoch()
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        done += epoch()
    return done / (time.perf_counter() - started)


def operations(window: int, width: int) -> float:
    """Floating-point operations that training on one window takes, a multiplication and an addition counted as two."""
    embedding = 2 * FEATURES * width * window
    lstm = 16 * width**2 * window
    attention = 8 * width**2 + 4 * HEADS * window * width
    feed_forward = 8 * width**2
    return 3.0 * (embedding + lstm + attention + feed_forward)


def peak() -> float:
    """Floating-point operations a second of `torch.matmul`, with torch's default threads."""
    a, b = torch.randn(2_048, 2_048), torch.randn(2_048, 2_048)

    def epoch() -> int:
        torch.matmul(a, b)
        return 1

    return per_second(epoch) * 2 * 2_048**3


def main() -> None:
    """Measure and print."""
    most = peak()
    columns = ("window", "width", "naive", f"ours, {PROCESSES} processes", "ratio", "share of the peak")
    table = Table(*columns, title=f"windows trained a second; torch.matmul does {most / 1e9:,.0f} GFLOP/s")
    for window, width in product(WINDOWS, WIDTHS):
        first = naive(window, width)
        with get_context("spawn").Pool(PROCESSES) as pool:
            second = sum(pool.starmap(ours, [(window, width)] * PROCESSES, chunksize=1))
        share = second * operations(window, width) / most
        row = (f"{window}", f"{width}", f"{first:,.0f}", f"{second:,.0f}", f"{second / first:.1f}", f"{share:.0%}")
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
