"""Our MobileNetV2 against transformers' on noise-filled models, running statistics too; both ways of the weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from closeness import close
from picture_models import compare_training, ours_of, pictures, reference_of

from headway.blocks.pictures import Pictures
from headway.core.errors import WeightsError
from headway.core.preprocessing import PicturePreprocessing
from headway.models.heads import Classifier
from headway.models.mobilenet_v2 import MobileNetV2, MobileNetV2Config
from headway.weights.convert import fill_model, to_theirs
from headway.weights.formats import mobilenet_v2 as layout
from headway.weights.formats import mobilenet_v2_torchvision
from headway.weights.pictures import open_picture_classifier, open_picture_folder, save_picture_classifier

transformers = pytest.importorskip("transformers", reason="the reference, transformers, is not installed")

FORM = layout.LAYOUTS[0]
SIZES = {
    "narrow": {"depth_multiplier": 0.35, "depth_divisible_by": 4, "min_depth": 4},
    "symmetric": {"depth_multiplier": 0.5, "tf_padding": False, "layer_norm_eps": 1e-5},
}
PREPROCESSING = PicturePreprocessing()
every_size = pytest.mark.parametrize("size", SIZES)


def _pair(size: str) -> tuple[Any, Any]:
    config = transformers.MobileNetV2Config(**SIZES[size])
    reference = reference_of(transformers.MobileNetV2Model, config)
    return reference, ours_of(reference, MobileNetV2(layout.read_config(config.to_dict())), FORM)


@every_size
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_every_depth(size: str, dtype: torch.dtype) -> None:
    """Odd sizes, so that "same" padding falls on one side; theirs are the outputs of single blocks."""
    reference, model = _pair(size)
    x = pictures(71, 50).to(dtype)
    ends = [sum(row[2] for row in model.config.stages[: stage + 1]) - 2 for stage in range(7)]
    with torch.no_grad():
        wanted = reference.to(dtype)(x, output_hidden_states=True)
        depths = model.to(dtype).intermediates(Pictures(x))
        close(depths[0], reference.conv_stem.first_conv(x))
        for stage, end in enumerate(ends[1:], 2):
            close(depths[stage], wanted.hidden_states[end])
        close(depths[-1], wanted.last_hidden_state)
        close(model.summarize(Pictures(x)), wanted.pooler_output)


@every_size
def test_gradients_and_running_statistics_in_training(size: str) -> None:
    """But for their momentum of 0.997, a mistake: TensorFlow's keeps that much of what was, torch's takes it anew."""
    reference, model = _pair(size)
    for module in reference.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.1
    compare_training(reference, model, FORM, pictures(71, 50))


def test_the_published_size() -> None:
    config = transformers.MobileNetV2Config()
    reference = reference_of(transformers.MobileNetV2Model, config).float()
    ours = layout.read_config(config.to_dict())
    assert ours.stages == MobileNetV2Config().stages
    model = ours_of(reference, MobileNetV2(ours), FORM).float()
    x = pictures(96, 65, count=2).float()
    with torch.no_grad():
        close(model.features(Pictures(x)).maps, reference(x).last_hidden_state)


def test_a_classifier_there_and_back(tmp_path: Path) -> None:
    config = transformers.MobileNetV2Config(**SIZES["symmetric"], num_labels=3, classifier_dropout_prob=0.25)
    reference = reference_of(transformers.MobileNetV2ForImageClassification, config)
    backbone = MobileNetV2(layout.read_config(config.to_dict()))
    head = backbone.head_class(backbone.num_features, 3, 0.25)
    model = ours_of(reference, Classifier(backbone, head), FORM, classifier=True)
    x, labels = pictures(71, 50), ("ant", "bee", "neither")
    theirs = to_theirs(model.state_dict(), FORM.rules(backbone.config, (), classifier=True))
    state = reference.state_dict()
    assert theirs.keys() == state.keys() and all(torch.equal(theirs[name], state[name]) for name in state)
    with torch.no_grad():
        wanted = reference(x).logits
        close(model(Pictures(x)), wanted)
        assert save_picture_classifier(model.float(), labels, PREPROCESSING, tmp_path)
        opened = transformers.AutoModelForImageClassification.from_pretrained(tmp_path).eval()
        close(opened.double()(x).logits.float(), wanted.float())
    again, names, preprocessing = open_picture_classifier(tmp_path)
    assert (names, preprocessing, again.head.dropout.p) == (labels, PREPROCESSING, 0.25)
    assert open_picture_folder(tmp_path)[0].config == backbone.config


def _renamed(name: str) -> str:
    """Torchvision's name of one of transformers' tensors, written down once more without rules."""
    parts = name.removeprefix("mobilenet_v2.").split(".")
    shift = int(parts[-2] == "normalization")
    if parts[0] == "classifier":
        return f"classifier.1.{parts[-1]}"
    if parts[:2] == ["conv_stem", "first_conv"] or parts[0] == "conv_1x1":
        return f"features.{0 if parts[0] == 'conv_stem' else 18}.{shift}.{parts[-1]}"
    number = 1 if parts[0] == "conv_stem" else int(parts[1]) + 2
    place = ["expand_1x1", "conv_3x3", "reduce_1x1"].index(parts[-3]) - (number == 1)
    last = 1 if number == 1 else 2
    inner = f"{place + shift}" if place == last else f"{place}.{shift}"
    return f"features.{number}.conv.{inner}.{parts[-1]}"


def test_torchvisions_names() -> None:
    form = mobilenet_v2_torchvision.LAYOUTS[0]
    config = transformers.MobileNetV2Config(**SIZES["symmetric"], num_labels=3)
    reference = reference_of(transformers.MobileNetV2ForImageClassification, config)
    state = {_renamed(name): tensor for name, tensor in reference.state_dict().items()}
    backbone = MobileNetV2(layout.read_config(config.to_dict()))
    model = Classifier(backbone, backbone.head_class(backbone.num_features, 3, 0.0)).double().eval()
    rules = form.rules(backbone.config, state, classifier=True)
    assert 0 not in fill_model(model, state, rules, where="torchvision's").used
    x = pictures(71, 50)
    with torch.no_grad():
        close(model(Pictures(x)), reference(x).logits)
    theirs = to_theirs(model.state_dict(), rules)
    assert theirs.keys() == state.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in theirs.items())


def test_the_configuration_goes_there_and_back() -> None:
    wide = transformers.MobileNetV2Config(depth_multiplier=1.4)
    assert layout.read_config(wide.to_dict()).last_width == 1792
    for multiplier in (0.35, 1.0, 1.4):
        config = layout.read_config(transformers.MobileNetV2Config(depth_multiplier=multiplier).to_dict())
        assert layout.read_config(layout.write_config(config)) == config
    for key, value in {"output_stride": 16, "expand_ratio": 4.0, "hidden_act": "relu", "squeeze": 1}.items():
        with pytest.raises(WeightsError, match=key):
            layout.read_config(wide.to_dict() | {key: value})
    with pytest.raises(WeightsError, match="only say the published widths"):
        layout.write_config(MobileNetV2Config(stem_width=24))
