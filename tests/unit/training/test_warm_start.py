"""What a model has before its fine-tuning begins."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from letters import tiny_encoder

from headway.core.errors import UsageError
from headway.core.progress import Silent
from headway.models.heads import Classifier
from headway.tasks import classification
from headway.tasks.encoder import TextEncoder
from headway.tasks.linear_probe import head_features
from headway.training.settings import TrainingSettings
from headway.training.warm_start import contrast, warm_start

WET, FOOD = "rain wind hail".split(), "soup cheese bread".split()
TEXTS = [f"{one} and {other}" for words in (WET, FOOD) for one in words for other in words]
CLASSES = np.repeat([0, 1], 9)
SETTINGS = TrainingSettings(epochs=2, learning_rate=3e-3, batch_size=8, start="probe")
SIZES = {"d_model": 8, "d_ff": 12, "num_heads": 2, "num_layers": 2, "max_positions": 64}


def _model(architecture: str = "bert") -> tuple[Classifier, TextEncoder]:
    encoder = tiny_encoder(architecture, SIZES)
    return classification.build(encoder, 2, 0), encoder


def _mean_cosines(model: Classifier, encoder: TextEncoder) -> tuple[float, float]:
    """Return the mean cosine of texts of one class, and of two."""
    vectors = head_features(model, encoder, TEXTS)
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines, alike = vectors @ vectors.T, CLASSES[:, None] == CLASSES
    return float(cosines[alike].mean()), float(cosines[~alike].mean())


@pytest.mark.parametrize("architecture", ["bert", "gpt2"])
def test_pairs_part_the_classes_and_leave_the_head(architecture: str) -> None:
    model, encoder = _model(architecture)
    head = model.head.classifier.weight.clone()
    settings = replace(SETTINGS, contrastive=60, learning_rate=1e-2)
    before = _mean_cosines(model, encoder)
    contrast(model, encoder, TEXTS, CLASSES, settings, 0, Silent())
    alike, unlike = _mean_cosines(model, encoder)
    assert alike - unlike > 0.5 + before[0] - before[1]
    assert torch.equal(model.head.classifier.weight, head)


class Ending(Silent):
    """Ends the training after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def advance(self, count: int = 1, note: str = "") -> None:
        self.left -= bool(note)
        if not self.left:
            raise OSError("the power went away")


@pytest.mark.parametrize("ended", [1, 4, 6])
def test_ended_and_resumed_it_is_the_same_to_the_bit(
    ended: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headway.training.checkpoints.EVERY_SECONDS", 0.0)
    monkeypatch.setattr("headway.training.checkpoints.SAVING_SHARE", 1e9)
    settings = replace(SETTINGS, contrastive=6)

    def started(folder: Path | None, progress: Silent) -> dict[str, torch.Tensor]:
        model, encoder = _model()
        warm_start(model, encoder, TEXTS, CLASSES, settings, 0, progress, folder)
        return model.state_dict()

    expected = started(None, Silent())
    with pytest.raises(OSError, match="power"):
        started(tmp_path / "start", Ending(ended))
    for _ in range(2):  # the second time it is read
        found = started(tmp_path / "start", Silent())
        assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    monkeypatch.setattr("headway.training.warm_start.contrast", None)
    again = started(tmp_path / "start", Silent())
    assert all(torch.equal(again[name], tensor) for name, tensor in expected.items())


def test_without_classes_there_are_no_pairs() -> None:
    model, encoder = _model()
    with pytest.raises(UsageError, match="contrastive: pairs are drawn by classes"):
        contrast(model, encoder, TEXTS, np.linspace(0, 1, 18), SETTINGS, 0, Silent())


def test_what_a_start_takes_counts_among_the_steps() -> None:
    plain = TrainingSettings(epochs=3, learning_rate=1e-3, batch_size=8)
    assert plain.steps(20) == 9
    assert replace(plain, start="probe").steps(20) == pytest.approx(10)
    assert replace(plain, contrastive=50, seeds=2).steps(20) == 2 * 59
