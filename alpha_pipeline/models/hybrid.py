"""The hybrid: an LSTM reads the window, a Transformer encoder attends over its states, a head forecasts."""

from typing import cast

import torch
from torch import Tensor, nn

from alpha_pipeline.models.architectures import HybridArchitecture
from alpha_pipeline.models.blocks.attention import EncoderLayer
from alpha_pipeline.models.blocks.lstm import LSTM
from alpha_pipeline.models.blocks.student_t import StudentTHead
from alpha_pipeline.models.contract import Prediction, TrainedModel, WindowSet


class Hybrid(TrainedModel):
    """An embedding per session, an LSTM, encoder layers, and a Student-t head.

    The head also reads the last session's inputs directly: what is plain in them need not pass through the
    recurrence, whose weights take longer to find it.

    Args:
        architecture: the experiment's values.
        inputs: F.
        horizons: H.
    """

    def __init__(self, architecture: HybridArchitecture, inputs: int, horizons: int) -> None:
        super().__init__()
        width = architecture.width
        # Whole features are hidden, for a whole window: hidden for one session only, a feature shows in the
        # next.
        self.hide_features = nn.Dropout(architecture.input_dropout)
        self.embedding = nn.Linear(inputs, width)
        self.lstm = LSTM(width, width, architecture.lstm_layers)
        self.encoder = nn.ModuleList(
            EncoderLayer(width, architecture.heads) for _ in range(architecture.encoder_layers - 1)
        )
        self.last_encoder = EncoderLayer(width, architecture.heads)
        self.head = StudentTHead(width + inputs, horizons, architecture.head_dropout)

    def prepare(self, training: WindowSet) -> None:
        """Start from the mean and scale of the training targets."""
        self.head.start_from(training.targets)

    def forward(self, windows: Tensor) -> Prediction:
        """Forecast from standardised windows (B, T, F)."""
        x = self._with_features_hidden(windows)
        states = self.lstm(self.embedding(x))  # (B, T, D)
        for layer in self.encoder:
            states = layer(states)
        summary = self.last_encoder.last(states)  # (B, D)
        return cast(Prediction, self.head(torch.cat((summary, x[:, -1]), dim=-1)))  # (B, D + F) to (B, H)

    def _with_features_hidden(self, windows: Tensor) -> Tensor:
        if not self.training:
            return windows
        kept: Tensor = self.hide_features(windows.new_ones(windows.shape[0], windows.shape[2]))  # (B, F)
        return windows * kept[:, None, :]
