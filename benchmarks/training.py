"""How fast the training loop is, against the loop that one would write first.

Both train the same sizes on the same random data with the same loss: 16 features, width 32, 4 heads, batches of
256. The naive one is `nn.LSTM` and `nn.TransformerEncoder` with dropout 0.1 behind a `DataLoader`, with torch's
default threads. Ours is two processes of one thread each, as a training run uses two cores.

Run it on an idle machine: ``python benchmarks/training.py``.
"""

import time
from collections.abc import Callable
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

FEATURES, WIDTH, HEADS, BATCH, HORIZONS, SESSIONS = 16, 32, 4, 256, 2, 4_096
SECONDS = 8.0
PROCESSES = 2


class NaiveHybrid(nn.Module):
    """The same architecture from torch's ready parts."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(FEATURES, WIDTH, batch_first=True)
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=1)
        self.head = StudentTHead(WIDTH, HORIZONS)

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


def naive(window: int) -> float:
    """Windows a second of the naive loop."""
    torch.manual_seed(0)
    model = NaiveHybrid()
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


def ours(window: int) -> float:
    """Windows a second of the training loop in this process, on one thread."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, average = (
        Hybrid(HybridArchitecture(kind="hybrid", width=WIDTH, heads=HEADS), FEATURES, HORIZONS) for _ in "12"
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


def main() -> None:
    """Measure and print."""
    table = Table("window", "naive", f"ours, {PROCESSES} processes", "ratio", title="windows trained a second")
    for window in (32, 64):
        first = naive(window)
        with get_context("spawn").Pool(PROCESSES) as pool:
            second = sum(pool.map(ours, [window] * PROCESSES, chunksize=1))
        table.add_row(str(window), f"{first:,.0f}", f"{second:,.0f}", f"{second / first:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
