"""Attention: the last position alone equals the last of all, and torch's own layer agrees."""

import pytest
import torch
from torch import nn

from alpha_pipeline.models.blocks.attention import EncoderLayer


@pytest.fixture
def layer() -> EncoderLayer:
    torch.manual_seed(0)
    made = EncoderLayer(16, heads=4)
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.4)
    return made


def test_the_last_position_alone_is_the_last_of_all(layer: EncoderLayer) -> None:
    x = torch.randn(5, 12, 16)
    torch.testing.assert_close(layer.last(x), layer(x)[:, -1], rtol=1e-4, atol=1e-5)


def test_attention_sums_to_one_and_is_torchs(layer: EncoderLayer) -> None:
    theirs = nn.MultiheadAttention(16, 4, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat((layer.query.weight, layer.key.weight, layer.value.weight)))
        theirs.in_proj_bias.copy_(torch.cat((layer.query.bias, torch.zeros(16), layer.value.bias)))
    x = torch.randn(5, 12, 16)
    weights = layer.attention(x)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(5, 4))
    _, expected = theirs(x[:, -1:], x, x, average_attn_weights=False)  # (B, heads, 1, T)
    torch.testing.assert_close(weights, expected[:, :, 0], rtol=1e-4, atol=1e-5)


def test_torchs_layer_with_the_same_weights_agrees(layer: EncoderLayer) -> None:
    theirs = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, activation="gelu", batch_first=True)
    attention = theirs.self_attn
    with torch.no_grad():
        attention.in_proj_weight.copy_(torch.cat((layer.query.weight, layer.key.weight, layer.value.weight)))
        attention.in_proj_bias.copy_(torch.cat((layer.query.bias, torch.zeros(16), layer.value.bias)))
    attention.out_proj.load_state_dict(layer.output.state_dict())
    theirs.linear1.load_state_dict(layer.feed_forward[0].state_dict())
    theirs.linear2.load_state_dict(layer.feed_forward[2].state_dict())
    theirs.norm1.load_state_dict(layer.attention_norm.state_dict())
    theirs.norm2.load_state_dict(layer.output_norm.state_dict())
    x = torch.randn(3, 9, 16)
    torch.testing.assert_close(layer(x), theirs(x), rtol=1e-4, atol=1e-5)
