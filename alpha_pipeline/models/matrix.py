"""The matrix Transformer: raw bars of many tickers, attention over time within each, then over the tickers."""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alpha_pipeline.models.architectures import MatrixArchitecture
from alpha_pipeline.models.blocks.masked_attention import MaskedAttention
from alpha_pipeline.models.blocks.student_t import StudentTHead
from alpha_pipeline.models.contract import Prediction, TrainedModel, WindowSet

_PRICES, _CLOSE, _VOLUME = slice(0, 4), 3, 4  # channels: log open, high, low, close, log(1 + volume)
_CHANNELS = 6  # of the normalised window: four prices, volume, the way to the last close
_SMALLEST_VOL = 1e-5  # log return a session: a halted stock stays finite
_SMALLEST_VOLUME_STD = 1e-3  # an index has no volume
_CLIP = 5.0  # standard deviations
_CHUNK = 256  # windows measured at a time


class NormalisedWindow(NamedTuple):
    """Windows on their own scale, S = T - 1 sessions: the first has no session before it to move from."""

    channels: Tensor  # (B, N, 6, S), 0 where absent
    present: Tensor  # (B, N, S), bool
    log_vol: Tensor  # (B, N), natural log of the root mean square close-to-close move
    correlation: Tensor  # (B, N, N), of the close-to-close moves within the window


class MatrixTransformer(TrainedModel):
    """Forecasts every ticker of a matrix from the bars of all that are there.

    A window is normalised by its own present part, ticker by ticker, so no price level and nothing after the window
    counts: prices become moves from the close before in units of the window's volatility, and the way from there to
    the last close in units of volatility times the root of its length; volume is standardised. What that takes away
    and matters, the volatility, is fed back.

    Attention is factorised: over patches of sessions within each ticker, then over the tickers at the last session,
    so the cost is ``N T / P + N^2`` and not ``(N T)^2``. Tickers that moved together in the window start closer: the
    correlation of their moves is added to the scores, with a learned gain. No weight belongs to a ticker or a place,
    so tickers can be added, lost or reordered without another architecture.

    A ticker is absent at a session where any of its channels is NaN. One that is absent at the last session is seen by
    no other, and its own forecast means nothing.

    Sources: patches and weights shared by channels after Nie et al., "A time series is worth 64 words", ICLR 2023;
    time first, then variates, after Zhang and Yan, "Crossformer", ICLR 2023, and Li et al., "MASTER: market-guided
    stock Transformer", AAAI 2024. Departures: one query over time, at the last patch; the correlation in the scores.

    Args:
        architecture: the experiment's values; its width is D, its patch P.
        window: T, at least 2.
        horizons: H.
    """

    log_vol_mean: Tensor
    log_vol_std: Tensor

    def __init__(self, architecture: MatrixArchitecture, window: int, horizons: int) -> None:
        super().__init__()
        width, heads, patch = architecture.width, architecture.heads, architecture.patch
        self.patch = patch
        patches = -(-(window - 1) // patch)  # K
        self.embedding = nn.Linear(_CHANNELS * patch, width)
        self.place = nn.Parameter(0.02 * torch.randn(patches, width))
        self.vol_embedding = nn.Linear(1, width, bias=False)
        self.over_time = MaskedAttention(width, heads)
        self.over_tickers = MaskedAttention(width, heads)
        self.correlation_gain = nn.Parameter(torch.ones(heads))
        self.head = StudentTHead(width + 2 * _CHANNELS + 1, horizons, architecture.head_dropout)
        self.register_buffer("log_vol_mean", torch.zeros(()))
        self.register_buffer("log_vol_std", torch.ones(()))

    def prepare(self, training: WindowSet) -> None:
        """Start from the mean and scale of the labels that are known, and standardise the fed-back volatility.

        Args:
            training: windows (n, T, N, C) and targets (n, N, H), NaN where absent and where there is no label.
        """
        labelled = torch.isfinite(training.targets).all(dim=-1)  # (n, N)
        chunks = zip(torch.split(training.windows, _CHUNK), torch.split(labelled, _CHUNK), strict=True)
        log_vol = torch.cat([normalise(windows).log_vol[known] for windows, known in chunks])
        self.log_vol_mean.copy_(log_vol.mean())
        self.log_vol_std.copy_(log_vol.std().clamp_min(1e-6))
        self.head.start_from(training.targets[labelled])

    def forward(self, windows: Tensor) -> Prediction:
        """Forecast every ticker from raw windows (B, T, N, C): location and log scale are (B, N, H)."""
        return self._forecast(windows)[0]

    def ticker_attention(self, windows: Tensor) -> Tensor:
        """How much each ticker looks at each, mean over heads: (B, T, N, C) to (B, N, N).

        Rows sum to 1, a ticker's own weight included; rows and columns of tickers absent at the last session are 0.
        """
        return self._forecast(windows)[1]

    def _forecast(self, windows: Tensor) -> tuple[Prediction, Tensor]:
        seen = normalise(windows)
        context = ((seen.log_vol - self.log_vol_mean) / self.log_vol_std).clamp(-_CLIP, _CLIP)[..., None]  # (B, N, 1)
        states = self._over_time(seen, context)  # (B, N, D)
        here = seen.present[..., -1]  # (B, N)
        # Who is absent sees itself, so that a row without anyone stays finite.
        there = here[:, None] | torch.eye(here.shape[1], dtype=torch.bool, device=here.device)  # (B, N, N)
        bias = self.correlation_gain[:, None, None] * seen.correlation[:, None]  # (B, heads, N, N)
        states, weights = self.over_tickers(states, states, there, bias)
        looked_at = weights.mean(dim=1)  # (B, N, N)
        last = seen.channels[..., -1]  # (B, N, 6)
        # What the last session did, here and where this ticker looks, need not pass through the layers.
        features = torch.cat((states, last, looked_at @ last, context), dim=-1)  # (B, N, D + 13)
        return cast(Prediction, self.head(features)), looked_at * here[..., None]

    def _over_time(self, seen: NormalisedWindow, context: Tensor) -> Tensor:
        """Each ticker's window in one state, (B, N, D)."""
        B, N, _, S = seen.channels.shape
        ahead = -S % self.patch
        channels = F.pad(seen.channels, (ahead, 0)).reshape(B, N, _CHANNELS, -1, self.patch)  # (B, N, 6, K, P)
        present = F.pad(seen.present, (ahead, 0)).view(B, N, -1, self.patch).any(dim=-1)  # (B, N, K)
        tokens = self.embedding(channels.transpose(2, 3).flatten(-2)) + self.place  # (B, N, K, D)
        tokens = (tokens + self.vol_embedding(context)[:, :, None]).flatten(0, 1)  # (B N, K, D)
        # The last patch asks, and sees at least itself.
        present = torch.cat((present[..., :-1], torch.ones_like(present[..., -1:])), dim=-1)
        state, _ = self.over_time(tokens[:, -1:], tokens, present.flatten(0, 1)[:, None])
        return cast(Tensor, state).view(B, N, -1)


def normalise(windows: Tensor) -> NormalisedWindow:
    """Bring raw windows (B, T, N, C), NaN where absent, to their own scale. A move needs two bars in a row."""
    x = windows.permute(0, 3, 2, 1)  # (B, C, N, T)
    here = torch.isfinite(x).all(dim=1)  # (B, N, T)
    x = torch.where(here[:, None], x, 0.0).contiguous()
    close = x[:, _CLOSE]  # (B, N, T)
    moved = here[..., 1:] & here[..., :-1]  # (B, N, S)
    moves = torch.where(moved[:, None], x[:, _PRICES, :, 1:] - close[:, None, :, :-1], 0.0)  # (B, 4, N, S)
    squares = moves[:, _CLOSE].square().sum(dim=-1)  # (B, N)
    vol = (squares / moved.sum(dim=-1).clamp_min(1)).sqrt().clamp_min(_SMALLEST_VOL)
    lags = torch.arange(close.shape[-1] - 1, 0, -1, device=x.device)  # (S,)
    way = torch.where(here[..., :-1], close[..., -1:] - close[..., :-1], 0.0) / lags.sqrt()  # (B, N, S)
    scaled = torch.cat((moves, way[:, None]), dim=1) / vol[:, None, :, None]  # (B, 5, N, S)
    volume = _standardised(x[:, _VOLUME], here)[:, None, :, 1:]  # (B, 1, N, S)
    channels = torch.cat((scaled, volume), dim=1).clamp(-_CLIP, _CLIP).transpose(1, 2)  # (B, N, 6, S)
    directions = moves[:, _CLOSE] / squares.sqrt().clamp_min(_SMALLEST_VOL)[..., None]  # (B, N, S), unit vectors
    return NormalisedWindow(channels, here[..., 1:], vol.log(), directions @ directions.transpose(1, 2))


def _standardised(volume: Tensor, here: Tensor) -> Tensor:
    """Log volume (B, N, T) less its mean over the sessions that are there, in its standard deviations."""
    count = here.sum(dim=-1, keepdim=True).clamp_min(1)
    mean = volume.sum(dim=-1, keepdim=True) / count
    centred = torch.where(here, volume - mean, 0.0)
    return centred / (centred.square().sum(dim=-1, keepdim=True) / count).sqrt().clamp_min(_SMALLEST_VOLUME_STD)
