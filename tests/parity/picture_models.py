"""What the parity tests of picture backbones share."""

from typing import Any

import torch
from closeness import close
from noise import fill
from torch import Tensor, nn

from headway.blocks.pictures import Pictures
from headway.weights.convert import fill_model, to_ours
from headway.weights.formats.pictures import PictureLayout


def pictures(height: int, width: int, count: int = 3) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randn(count, 3, height, width, dtype=torch.float64, generator=random)


def reference_of(kind: Any, config: Any) -> Any:
    """A model of transformers, noise-filled, float64, in evaluation mode."""
    model: nn.Module = kind(config)
    fill(model)
    return model.double().eval()


def ours_of(reference: Any, model: Any, layout: PictureLayout, *, classifier: bool = False) -> Any:
    """Our model filled with the reference's tensors; every rule must fire."""
    state = reference.state_dict()
    backbone = model.backbone if classifier else model
    rules = layout.rules(backbone.config, state, classifier=classifier)
    conversion = fill_model(model.double().eval(), state, rules, where="the reference")
    assert conversion.fresh == ()
    silent = [rule for rule, count in zip(rules, conversion.used, strict=True) if not count]
    assert silent == ([] if classifier else [rules[-1]])  # a backbone's file holds no head to drop
    assert set(conversion.dropped) == {name for name in state if name.endswith("num_batches_tracked")}
    return model


def compare_training(reference: Any, model: Any, layout: PictureLayout, x: Tensor) -> None:
    """Gradients, and the running statistics that one step leaves, in training with the batch's own statistics."""
    reference.train()
    model.train()
    wanted = reference(x).last_hidden_state
    weight = torch.randn(wanted.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (wanted * weight).sum().backward()
    found = model.features(Pictures(x)).maps
    (found * weight).sum().backward()
    close(found, wanted)
    rules = layout.rules(model.config, reference.state_dict(), classifier=False)
    gradients = {name: parameter.grad for name, parameter in reference.named_parameters()}
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
    ours = to_ours(gradients, rules, shapes).tensors
    largest = max(gradient.abs().max() for gradient in ours.values())
    for name, parameter in model.named_parameters():
        assert (parameter.grad - ours[name]).abs().max() <= 1e-10 * largest, name
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    after = to_ours(reference.state_dict(), rules, shapes).tensors
    for name, buffer in model.named_buffers():
        close(buffer, after[name])
