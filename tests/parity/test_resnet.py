"""Our ResNet against transformers' on noise-filled models, running statistics too: depths, gradients, both ways."""

from pathlib import Path
from typing import Any

import pytest
import torch
from closeness import close
from noise import fill
from picture_models import compare_training, ours_of, pictures, reference_of
from torch import nn

from headway.blocks.pictures import Pictures
from headway.core.errors import LayoutError, WeightsError
from headway.core.preprocessing import PicturePreprocessing
from headway.models.heads import Classifier
from headway.models.resnet import ResNet, ResNetConfig
from headway.weights.convert import fill_model, to_ours, to_theirs
from headway.weights.formats import resnet as layout
from headway.weights.formats import resnet_keras, resnet_torchvision
from headway.weights.pictures import (
    open_picture_classifier,
    open_picture_folder,
    save_picture_backbone,
    save_picture_classifier,
)

transformers = pytest.importorskip("transformers", reason="the reference, transformers, is not installed")

FORM = layout.LAYOUTS[0]
TINY = {"embedding_size": 10, "hidden_sizes": [20, 36, 44], "depths": [2, 1, 2]}
KINDS = {
    "basic": {"layer_type": "basic"},
    "bottleneck": {},
    "bottleneck, version 1": {"downsample_in_bottleneck": True},
}
PREPROCESSING = PicturePreprocessing(resize=40, crop=36, interpolation="bicubic")
every_kind = pytest.mark.parametrize("kind", KINDS)


def _pair(kind: str, **more: Any) -> tuple[Any, Any]:
    config = transformers.ResNetConfig(**TINY | KINDS[kind] | more)
    reference = reference_of(transformers.ResNetModel, config)
    return reference, ours_of(reference, ResNet(layout.read_config(config.to_dict())), FORM)


@every_kind
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_every_depth(kind: str, dtype: torch.dtype) -> None:
    reference, model = _pair(kind)
    x = pictures(37, 26).to(dtype)
    with torch.no_grad():
        wanted = reference.to(dtype)(x, output_hidden_states=True)
        depths = model.to(dtype).intermediates(Pictures(x))
        assert len(depths) == len(wanted.hidden_states) == 4
        for ours, theirs in zip(depths, wanted.hidden_states, strict=True):
            close(ours, theirs)
        close(model.summarize(Pictures(x)), wanted.pooler_output.flatten(1))


@every_kind
def test_gradients_and_running_statistics_in_training(kind: str) -> None:
    reference, model = _pair(kind)
    compare_training(reference, model, FORM, pictures(37, 26))


@pytest.mark.parametrize("layers", [18, 50])
def test_the_published_sizes(layers: int) -> None:
    config = transformers.ResNetConfig(**layout.write_config(ResNetConfig.of(layers)))
    reference = reference_of(transformers.ResNetModel, config).float()
    model = ours_of(reference, ResNet(ResNetConfig.of(layers)), FORM).float()
    x = pictures(64, 96, count=2).float()
    with torch.no_grad():
        close(model.features(Pictures(x)).maps, reference(x).last_hidden_state)


@every_kind
def test_the_weights_go_back_unchanged(kind: str) -> None:
    reference, model = _pair(kind)
    theirs = to_theirs(model.state_dict(), FORM.rules(model.config, (), classifier=False))
    state = reference.state_dict()
    assert theirs.keys() == state.keys()
    assert all(torch.equal(theirs[name], state[name]) for name in state)


def test_transformers_opens_our_folders(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    reference, model = _pair("bottleneck")
    assert save_picture_backbone(model.float(), PREPROCESSING, tmp_path)
    capfd.readouterr()
    opened, loading = transformers.AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert type(opened) is transformers.ResNetModel
    assert not any(loading[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    x = pictures(37, 26).float()
    with torch.no_grad():
        close(opened.eval()(x).last_hidden_state, reference.float()(x).last_hidden_state)
    again, preprocessing = open_picture_folder(tmp_path)
    assert (again.config, preprocessing) == (model.config, PREPROCESSING)


def test_a_classifier_there_and_back(tmp_path: Path) -> None:
    config = transformers.ResNetConfig(**TINY, num_labels=3)
    reference = reference_of(transformers.ResNetForImageClassification, config)
    backbone = ResNet(layout.read_config(config.to_dict()))
    model = ours_of(reference, Classifier(backbone, backbone.head_class(44, 3, 0.0)), FORM, classifier=True)
    x = pictures(37, 26)
    with torch.no_grad():
        wanted = reference(x).logits
        close(model(Pictures(x)), wanted)
        labels = ("ant", "bee", "neither")
        assert save_picture_classifier(model.float(), labels, PREPROCESSING, tmp_path)
        opened = transformers.AutoModelForImageClassification.from_pretrained(tmp_path).eval()
        close(opened.double()(x).logits.float(), wanted.float())
        again, names, _ = open_picture_classifier(tmp_path)
        assert names == labels and opened.config.id2label == dict(enumerate(labels))
        close(again(Pictures(x.float())), wanted.float())


def test_what_transformers_cannot_say_is_kept_in_our_own_layout(tmp_path: Path) -> None:
    """CIFAR's stem and shortcuts, and a dropout before the head."""
    small = ResNet(
        ResNetConfig(block="basic", depths=(1, 1), widths=(6, 8), stem="cifar", shortcut="padding")
    )
    model = Classifier(small, small.head_class(8, 2, 0.25)).eval()
    fill(model)
    assert not save_picture_classifier(model, ("a", "b"), PREPROCESSING, tmp_path)
    again, labels, preprocessing = open_picture_classifier(tmp_path)
    assert (labels, preprocessing, again.head.dropout.p) == (("a", "b"), PREPROCESSING, 0.25)
    assert all(
        torch.equal(a, b)
        for a, b in zip(again.state_dict().values(), model.state_dict().values(), strict=True)
    )
    backbone, _ = open_picture_folder(tmp_path)  # its head is left behind
    x = Pictures(pictures(9, 8).float())
    torch.testing.assert_close(backbone.summarize(x), small.summarize(x))


def _renamed(name: str) -> str:
    """Torchvision's name of one of transformers' tensors, written down once more without rules."""
    parts = name.removeprefix("resnet.").split(".")
    if parts[0] == "embedder":
        return {"convolution": "conv1", "normalization": "bn1"}[parts[2]] + "." + parts[3]
    if parts[0] == "classifier":
        return f"fc.{parts[2]}"
    block = f"layer{int(parts[2]) + 1}.{parts[4]}."
    if parts[5] == "shortcut":
        return f"{block}downsample.{int(parts[6] == 'normalization')}.{parts[7]}"
    return f"{block}{'conv' if parts[7] == 'convolution' else 'bn'}{int(parts[6]) + 1}.{parts[8]}"


@pytest.mark.parametrize("kind", ["basic", "bottleneck"])
def test_torchvisions_names(kind: str) -> None:
    """And timm's, which are the same; each rule fires, and the weights go back unchanged."""
    form = resnet_torchvision.LAYOUTS[0]
    config = transformers.ResNetConfig(**TINY | KINDS[kind], num_labels=3)
    reference = reference_of(transformers.ResNetForImageClassification, config)
    state = {_renamed(name): tensor for name, tensor in reference.state_dict().items()}
    backbone = ResNet(layout.read_config(config.to_dict()))
    model = Classifier(backbone, backbone.head_class(44, 3, 0.0)).double().eval()
    rules = form.rules(backbone.config, state, classifier=True)
    assert 0 not in fill_model(model, state, rules, where="torchvision's").used
    x = pictures(37, 26)
    with torch.no_grad():
        close(model(Pictures(x)), reference(x).logits)
    theirs = to_theirs(model.state_dict(), rules)
    assert theirs.keys() == state.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in theirs.items())
    shapes = {name: value.shape for name, value in backbone.state_dict().items()}
    conversion = to_ours(state, form.rules(backbone.config, state, classifier=False), shapes)
    assert {"fc.weight", "fc.bias"} <= set(conversion.dropped)


def test_a_tensor_too_many_or_too_few_is_told() -> None:
    reference, model = _pair("bottleneck")
    state = dict(reference.state_dict())
    del state["encoder.stages.1.layers.0.layer.2.normalization.running_var"]
    state["encoder.stages.1.layers.9.layer.2.normalization.running_var"] = torch.zeros(36)
    rules = FORM.rules(model.config, state, classifier=False)
    with pytest.raises(LayoutError) as caught:
        fill_model(model, state, rules, where="model.safetensors")
    assert "not in the file: stages.1.0.convolutions.2.norm.running_var" in str(caught.value)
    assert "without a place in the model: stages.1.9.convolutions.2.norm.running_var" in str(caught.value)


def test_the_configuration_goes_there_and_back() -> None:
    config = layout.read_config(transformers.ResNetConfig(**TINY, layer_type="basic").to_dict())
    assert (config.block, config.widths, config.depths) == ("basic", (20, 36, 44), (2, 1, 2))
    assert layout.read_config(layout.write_config(config)) == config
    assert layout.read_config(transformers.ResNetConfig().to_diff_dict()) == ResNetConfig.of(50)
    for key, value in {"hidden_act": "gelu", "downsample_in_first_stage": True, "groups": 32}.items():
        with pytest.raises(WeightsError, match=key):
            layout.read_config(transformers.ResNetConfig(**TINY).to_dict() | {key: value})
    with pytest.raises(WeightsError, match=r"norm_eps is 1\.001e-05, and in this layout it is always 1e-05"):
        layout.write_config(ResNetConfig(norm_eps=1.001e-5))
    with pytest.raises(WeightsError, match="convolution_bias is True"):
        layout.write_config(resnet_keras.keras_config(50))


def test_an_unknown_layout_is_told(tmp_path: Path) -> None:
    from headway.weights.pictures import read_picture_backbone
    from headway.weights.read import write_safetensors

    write_safetensors(tmp_path / "odd.safetensors", nn.Conv2d(3, 4, 3).state_dict())
    with pytest.raises(
        WeightsError, match=r"in no known layout of resnet: its first tensors are bias, weight\n.*Keras"
    ):
        read_picture_backbone(tmp_path / "odd.safetensors", "resnet", {})
