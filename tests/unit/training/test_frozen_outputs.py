"""What comes out of frozen layers is computed once, and a training on it is the training."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from letters import tiny_encoder

from headway.core.progress import Silent
from headway.ladder.encoder_training import checkpoints_in, fine_tune
from headway.ladder.rungs import Scratch
from headway.models.heads import Classifier
from headway.tasks import classification
from headway.tasks.encoder import TextEncoder
from headway.training.frozen_outputs import FrozenOutputs
from headway.training.settings import TrainingSettings

TEXTS = ["a cheese soup", "rain", "wind and rain and wind", "soup", "hail", "bread and a soup", "rain"] * 3
TARGETS = np.array([len(text) % 2 for text in TEXTS])
# With so large an epsilon AdamW does not blow up gradients that are 0 but for rounding; at a larger rate rounding grows
# until another place is the largest of a pooling.
SETTINGS = TrainingSettings(epochs=4, learning_rate=3e-3, batch_size=5, epsilon=1e-3)
SIZES = {
    "bert": {"d_model": 8, "d_ff": 12, "num_heads": 2, "num_layers": 3, "max_positions": 64},
    "gpt2": {"d_model": 8, "d_ff": 12, "num_heads": 2, "num_layers": 3, "max_positions": 64},
    "t5": {"d_model": 8, "d_ff": 12, "d_kv": 3, "num_heads": 2, "num_layers": 3, "num_decoder_layers": 1},
    "awd_lstm": {"d_model": 6, "d_cell": 7, "num_layers": 3},
}


def _model(architecture: str = "bert") -> tuple[Classifier, TextEncoder]:
    encoder = tiny_encoder(architecture, SIZES[architecture])
    return classification.build(encoder, 2, 0), encoder


def _trained(
    settings: TrainingSettings, folder: Path | None, architecture: str = "bert", **more: object
) -> dict[str, torch.Tensor]:
    model, encoder = _model(architecture)
    fine_tune(model, encoder, TEXTS, TARGETS, settings, 0, Silent(), folder=folder, **more)  # type: ignore[arg-type]
    return model.state_dict()


@pytest.mark.parametrize("architecture", SIZES)
@pytest.mark.parametrize("recipe", [{"frozen_groups": 3}, {"thaw": 1}, {"thaw": 1, "frozen_groups": 2}])
def test_a_training_on_kept_outputs_is_the_training(
    architecture: str, recipe: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropout is on in the layers that learn, and draws the same."""
    settings = replace(SETTINGS, **recipe)
    found = _trained(settings, tmp_path / "kept", architecture)
    assert (tmp_path / "kept" / "depths.json").read_text() != "[]"
    monkeypatch.setattr(FrozenOutputs, "begin", lambda outputs, epoch: 0)
    expected = _trained(settings, None, architecture)
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=2e-5, msg=name)


def test_a_head_alone_learns_from_the_texts_vectors(tmp_path: Path) -> None:
    model, _ = _model()
    groups = len(model.backbone.layer_groups())  # type: ignore[operator]
    state = _trained(replace(SETTINGS, frozen_groups=groups), tmp_path)
    before = model.state_dict()
    moved = {name for name in state if not torch.equal(state[name], before[name])}
    assert moved == {"head.classifier.weight", "head.classifier.bias"}
    (values,) = (tmp_path / str(groups)).rglob("values")
    assert values.stat().st_size == 4 * 8 * len(set(TEXTS))  # one vector a text, equal texts once


def test_outputs_move_down_as_layers_thaw_and_past_ones_are_dropped(tmp_path: Path) -> None:
    model, encoder = _model()
    seen: list[list[str]] = []

    class Watching(Silent):
        def advance(self, count: int = 1, note: str = "") -> None:
            if note:
                seen.append(sorted(path.name for path in tmp_path.iterdir() if path.is_dir()))

    settings = replace(SETTINGS, thaw=1, batch_size=len(TEXTS))
    fine_tune(model, encoder, TEXTS, TARGETS, settings, 0, Watching(), folder=tmp_path)
    assert seen == [["2", "3", "4"], ["2", "3"], ["2"], []]


def test_each_text_is_computed_once_by_each_frozen_layer(tmp_path: Path) -> None:
    model, encoder = _model()
    counted = {0: 0, 1: 0}
    for place in counted:
        layer = model.backbone.layers[place]  # type: ignore[union-attr, index]

        def count(module: object, inputs: tuple[object, ...], _out: object, place: int = place) -> None:
            counted[place] += len(inputs[0].lengths)  # type: ignore[attr-defined]

        layer.register_forward_hook(count)  # type: ignore[union-attr, arg-type]
    fine_tune(
        model, encoder, TEXTS, TARGETS, replace(SETTINGS, frozen_groups=3), 0, Silent(), folder=tmp_path
    )
    assert counted[0] == counted[1] == len(set(TEXTS)) + 1  # and one whose size is looked at


def test_without_room_on_the_disk_they_are_computed_anew_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    class Told(Silent):
        def say(self, text: str) -> None:
            said.append(text)

    model, encoder = _model()
    settings = replace(SETTINGS, frozen_groups=3)
    with monkeypatch.context() as patch:
        patch.setattr("headway.training.frozen_outputs.SHARE_OF_DISK", 0.0)
        fine_tune(model, encoder, TEXTS, TARGETS, settings, 0, Told(), folder=tmp_path)
    assert len(said) == 1 and "are more than half of the free disk" in said[0]
    assert [path.name for path in tmp_path.iterdir()] == ["depths.json"]
    again = _trained(settings, tmp_path)  # decided once: with room now, as without it before
    assert all(torch.equal(again[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("ended", range(1, 20, 3))
def test_ended_and_resumed_it_is_the_same_to_the_bit(
    ended: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headway.training.checkpoints.EVERY_SECONDS", 0.0)
    monkeypatch.setattr("headway.training.checkpoints.SAVING_SHARE", 1e9)
    settings = replace(SETTINGS, thaw=1)
    _, encoder = _model()

    def training(folder: Path, progress: Silent) -> dict[str, torch.Tensor]:
        kept = checkpoints_in(Scratch(folder, folder), settings, encoder, 0, len(TEXTS))
        model, own = _model()
        fine_tune(model, own, TEXTS, TARGETS, settings, 0, progress, kept, folder=folder / "frozen")
        return model.state_dict()

    class Ending(Silent):
        steps = 0

        def advance(self, count: int = 1, note: str = "") -> None:
            self.steps += bool(note)
            if self.steps == ended:
                raise OSError("the power went away")

    expected = training(tmp_path / "alone", Silent())
    with pytest.raises(OSError, match="power"):
        training(tmp_path / "ended", Ending())
    found = training(tmp_path / "ended", Silent())
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
