"""The hybrid: an LSTM reads the window, a Transformer encoder attends over its states, a head forecasts."""

from typing import cast

import torch
from torch import Tensor, nn

from alpha_pipeline.models.architectures import HybridArchitecture
from alpha_pipeline.models.blocks.attention import EncoderLayer
from alpha_pipeline.models.blocks.event_head import EventHead
from alpha_pipeline.models.blocks.lstm import LSTM
from alpha_pipeline.models.blocks.student_t import StudentTHead
from alpha_pipeline.models.contract import Prediction, TrainedModel, WindowSet
from alpha_pipeline.models.linear import logistic, ridge


class Hybrid(TrainedModel):
    """An embedding per session, an LSTM, encoder layers, and a Student-t head.

    The head also reads the last session's inputs directly: what is plain in them need not pass through the
    recurrence, whose weights take longer to find it.

    Args:
        architecture: the experiment's values.
        inputs: F.
        horizons: H.
        has_event: whether the log odds of an event are forecast too.
    """

    def __init__(
        self, architecture: HybridArchitecture, inputs: int, horizons: int, *, has_event: bool = False
    ) -> None:
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
        self.linear_start = architecture.linear_start
        self.head = StudentTHead(width + inputs, horizons, architecture.head_dropout)
        self.event_head = EventHead(width + inputs, horizons, architecture.head_dropout) if has_event else None

    def prepare(self, training: WindowSet) -> None:
        """Start from the mean and scale of the training targets, and from the base rate of the event.

        Or from regressions on the last session's inputs, where the architecture asks for them: where a linear model is
        hard to beat, the network then has to earn every departure from it.
        """
        self.head.start_from(training.targets)
        if self.event_head is not None and training.happened is not None:
            self.event_head.start_from(training.happened)
        if self.linear_start is not None:
            self._start_from_regressions(training, self.linear_start)

    @torch.no_grad()
    def _start_from_regressions(self, training: WindowSet, penalty: float) -> None:
        x, y = training.windows[:, -1].double(), training.targets.double()  # (N, F), (N, H)
        weight, intercept = ridge(x, y, torch.full(y.shape[1:], penalty, dtype=y.dtype, device=y.device))
        _put(self.head.location, weight, intercept)
        if self.event_head is not None and training.happened is not None:
            happened = training.happened.double()
            rate = happened.mean(dim=0)
            # The log loss is that much flatter than the squared error: the same penalty shrinks both alike.
            _put(self.event_head.log_odds, *logistic(x, happened, penalty * rate * (1 - rate)))

    def forward(self, windows: Tensor) -> Prediction:
        """Forecast from standardised windows (B, T, F)."""
        x = self._with_features_hidden(windows)
        summary = self.last_encoder.last(self._states(x))  # (B, D)
        features = torch.cat((summary, x[:, -1]), dim=-1)  # (B, D + F)
        prediction = cast(Prediction, self.head(features))  # (B, H)
        if self.event_head is None:
            return prediction
        return prediction._replace(event_logits=self.event_head(features))

    def attention(self, windows: Tensor) -> Tensor:
        """How much the last encoder layer attends to each session of windows (B, T, F): (B, heads, T).

        The state of a session holds what the LSTM has read up to it, so weight on a session is weight on the stretch
        that ends there.
        """
        return self.last_encoder.attention(self._states(windows))

    def _states(self, x: Tensor) -> Tensor:
        """What the last encoder layer reads, (B, T, D)."""
        states = self.lstm(self.embedding(x))  # (B, T, D)
        for layer in self.encoder:
            states = layer(states)
        return states

    def _with_features_hidden(self, windows: Tensor) -> Tensor:
        if not self.training:
            return windows
        kept: Tensor = self.hide_features(windows.new_ones(windows.shape[0], windows.shape[2]))  # (B, F)
        return windows * kept[:, None, :]


def _put(layer: nn.Linear, weight: Tensor, intercept: Tensor) -> None:
    """Let a head's layer read the last session's inputs, its last F features, as a regression does."""
    layer.weight[:, -weight.shape[1] :] = weight.to(layer.weight.dtype)
    layer.bias.copy_(intercept)
