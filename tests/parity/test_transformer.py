"""Our Transformer against torch's layers of it, which are another's work: values, depths, gradients.

Theirs have biases in the attention's projections, which the paper's equations do not: they are set to 0.
"""

from typing import Any

import numpy as np
import pytest
import torch
from noise import fill
from torch import Tensor, nn

from headway.blocks.attention import CrossAttention, SelfAttention
from headway.blocks.ragged import Tokens
from headway.models.transformer import Transformer, TransformerConfig

D, H, F, LAYERS, V = 20, 4, 36, 3, 97
SOURCES = (7, 24, 1, 7, 12, 3)
TARGETS = (4, 9, 19, 4, 1, 2)
PRECISION = {torch.float64: 1e-10, torch.float32: 1e-5}


class Reference(nn.Module):
    """Stacks of torch's own layers between embeddings and logits that are written out here."""

    def __init__(self) -> None:
        super().__init__()
        sizes: dict[str, Any] = {"dropout": 0.0, "layer_norm_eps": 1e-3, "batch_first": True}
        self.word = nn.Embedding(V, D)
        self.encoder = nn.ModuleList(nn.TransformerEncoderLayer(D, H, F, **sizes) for _ in range(LAYERS))
        self.decoder = nn.ModuleList(nn.TransformerDecoderLayer(D, H, F, **sizes) for _ in range(LAYERS))

    def embed(self, ids: Tensor) -> Tensor:
        at = torch.arange(ids.shape[1], dtype=torch.float64)[:, None]
        angles = at / 10000 ** (torch.arange(0, D, 2, dtype=torch.float64) / D)
        positions = torch.zeros(ids.shape[1], D, dtype=torch.float64)
        positions[:, 0::2], positions[:, 1::2] = angles.sin(), angles.cos()
        return self.word(ids) * D**0.5 + positions.to(self.word.weight.dtype)

    def forward(self, source: Tensor, source_pad: Tensor, target: Tensor) -> list[Tensor]:
        """Return each depth of the encoder, then of the decoder, then the logits."""
        depths = [self.embed(source)]
        for layer in self.encoder:
            depths.append(layer(depths[-1], src_key_padding_mask=source_pad))
        memory, T = depths[-1], target.shape[1]
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        depths.append(self.embed(target))
        for layer in self.decoder:
            options = {"tgt_mask": later, "memory_key_padding_mask": source_pad}
            depths.append(layer(depths[-1], memory, **options))
        return [*depths, depths[-1] @ self.word.weight.T]


def _reference() -> Reference:
    model = Reference().double()
    fill(model)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("in_proj_bias", "out_proj.bias")):
                parameter.zero_()
    return model


NAMES = {
    "self_attn.in_proj_weight": "attention.qkv.weight",
    "self_attn.out_proj.weight": "attention.output.weight",
    "multihead_attn.out_proj.weight": "cross.output.weight",
    "linear1": "feedforward.inner",
    "linear2": "feedforward.outer",
    "norm1": "attention_norm_after",
}
NORMS = {
    "encoder": {"norm2": "feedforward_norm_after"},
    "decoder": {"norm2": "cross_norm_after", "norm3": "feedforward_norm_after"},
}


def _translated(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the same tensors under our names."""
    ours = {"encoder.embeddings.word.weight": theirs["word.weight"]}
    for name, tensor in theirs.items():
        stack, _, rest = name.partition(".")
        if stack == "word" or name.endswith(("in_proj_bias", "out_proj.bias")):
            continue
        number, _, part = rest.partition(".")
        layer = f"{stack}.layers.{number}."
        if part == "multihead_attn.in_proj_weight":
            ours[layer + "cross.query.weight"], ours[layer + "cross.memory.weight"] = tensor.split([D, 2 * D])
            continue
        for old, new in (NAMES | NORMS[stack]).items():
            if part.startswith(old):
                ours[layer + part.replace(old, new)] = tensor
    return ours


def _ours(reference: Reference) -> Transformer:
    config = TransformerConfig(
        vocab_size=V, d_model=D, d_ff=F, num_heads=H, num_layers=LAYERS, dropout=0.0, norm_eps=1e-3
    )
    model = Transformer(config).double()
    model.load_state_dict(_translated(reference.state_dict()))
    return model


def _ids(lengths: tuple[int, ...], seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(0, V, length) for length in lengths]


def _padded(rows: list[np.ndarray]) -> Tensor:
    return nn.utils.rnn.pad_sequence([torch.from_numpy(row) for row in rows], batch_first=True)


def _packed(padded: Tensor, lengths: tuple[int, ...]) -> Tensor:
    return torch.cat([row[:length] for row, length in zip(padded, lengths, strict=True)])


def _run_reference(reference: Reference) -> list[Tensor]:
    sources, targets = _ids(SOURCES, 0), _ids(TARGETS, 1)
    pad = torch.arange(max(SOURCES)) >= torch.tensor(SOURCES)[:, None]
    *depths, logits = reference(_padded(sources), pad, _padded(targets))
    source_depths, target_depths = depths[: LAYERS + 1], depths[LAYERS + 1 :]
    packed = [_packed(depth, SOURCES) for depth in source_depths]
    return [*packed, *(_packed(depth, TARGETS) for depth in (*target_depths, logits))]


def _run_ours(model: Transformer) -> list[Tensor]:
    source, target = Tokens.pack(_ids(SOURCES, 0)), Tokens.pack(_ids(TARGETS, 1))
    depths = model.encoder.intermediates(source)
    targets = [model.encoder.embeddings(target, target.lengths.positions)]
    for layer in model.decoder.layers:
        targets.append(layer(targets[-1], depths[-1]))
    return [*(depth.values for depth in (*depths, *targets)), model.logits(source, target)]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("fused", [False, True])
def test_every_depth_and_the_logits(dtype: torch.dtype, fused: bool) -> None:
    reference = _reference()
    model = _ours(reference).to(dtype)
    reference.to(dtype)
    for module in model.modules():
        if isinstance(module, SelfAttention | CrossAttention):
            module.fused = fused
    found, wanted = _run_ours(model), _run_reference(reference)  # in training: torch's own takes no short cut
    assert len(found) == len(wanted) == 2 * (LAYERS + 1) + 1
    for ours, theirs in zip(found, wanted, strict=True):
        assert (ours - theirs).abs().max() <= PRECISION[dtype] * theirs.abs().max()


def test_gradients() -> None:
    reference = _reference()
    model = _ours(reference)
    logits, wanted = _run_ours(model)[-1], _run_reference(reference)[-1]
    weight = torch.randn(logits.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (logits * weight).sum().backward()
    (wanted * weight).sum().backward()
    theirs = {name: parameter.grad for name, parameter in reference.named_parameters()}
    gradients = _translated({name: gradient for name, gradient in theirs.items() if gradient is not None})
    largest = max(gradient.abs().max() for gradient in gradients.values())
    assert gradients.keys() == {name for name, _ in model.named_parameters()}
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert (parameter.grad - gradients[name]).abs().max() <= 1e-10 * largest, name
