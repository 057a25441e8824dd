"""A head that begins with what a linear layer has learned of the encoder as it is."""

import numpy as np
import pytest
import torch
from letters import tiny_encoder

from headway.models.linear_head import LinearHead
from headway.tasks import classification
from headway.tasks.linear_probe import CONFIG, fit_head, head_features

WET, FOOD = "rain wind hail".split(), "soup cheese bread".split()
TEXTS = [f"{one} and {other}" for words in (WET, FOOD) for one in words for other in words]
CLASSES = np.repeat([0, 1], 9)
SIZES = {
    "bert": {"d_model": 8, "d_ff": 12, "num_heads": 2, "num_layers": 2, "max_positions": 64},
    "distilbert": {"d_model": 8, "d_ff": 12, "num_heads": 2, "num_layers": 2, "max_positions": 64},
    "gpt2": {"d_model": 8, "d_ff": 12, "num_heads": 2, "num_layers": 2, "max_positions": 64},
    "awd_lstm": {"d_model": 6, "d_cell": 7, "num_layers": 2},
}


@pytest.mark.parametrize("architecture", SIZES)
@pytest.mark.parametrize("task", ["classes", "numbers", "labels"])
def test_the_head_says_what_a_linear_layer_says_that_was_fitted_to_what_it_reads(
    architecture: str, task: str
) -> None:
    """GPT's head has no bias, DistilBERT's and ULMFiT's have layers before the linear one."""
    encoder = tiny_encoder(architecture, SIZES[architecture])
    model = classification.build(encoder, {"classes": 2, "numbers": 0, "labels": 3}[task], seed=0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    features, bias = head_features(model, encoder, TEXTS), model.head.classifier.bias is not None
    if task == "classes":
        fit_head(model, encoder, TEXTS, CLASSES)
        head = LinearHead.fit(features, CLASSES, 2, CONFIG.inverse_regularisation, bias=bias)
        expected, found = head.probabilities(features), classification.probabilities(model, encoder, TEXTS)
    elif task == "numbers":
        numbers = np.linspace(-1, 1, 18)
        fit_head(model, encoder, TEXTS, numbers)
        head = LinearHead.fit_numbers(features, numbers, CONFIG.ridge, bias=bias)
        expected, found = head.numbers(features), classification.numbers(model, encoder, TEXTS)
    else:
        labels = np.stack([CLASSES == 0, np.arange(18) % 3 == 0, CLASSES > 5], axis=1)
        fit_head(model, encoder, TEXTS, labels)
        head = LinearHead.fit_labels(features, labels, CONFIG.inverse_regularisation, bias=bias)
        expected, found = head.shares(features), classification.label_shares(model, encoder, TEXTS)
        if not bias:  # what the fit of a label that no row has leaves to the bias, such a head cannot say
            expected, found = expected[:, :2], found[:, :2]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    assert np.ptp(found, axis=0).max() > 0
    after = model.state_dict()
    moved = {name for name in after if not torch.equal(after[name], before[name])}
    assert moved == {"head.classifier.weight", "head.classifier.bias"} & set(after)
