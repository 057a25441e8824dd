"""ResNet-50, 101 and 152 of Keras's applications: an HDF5 file of weights, kernels as [height, width, in, out].

Its configuration is not in the file: `keras_config`. Its pictures are BGR less a mean, on a scale of 0 to 255:
`KERAS_PREPROCESSING`.
"""

from collections.abc import Mapping

from torch import Tensor

from headway.core.preprocessing import PicturePreprocessing
from headway.models.resnet import ResNetConfig
from headway.weights.formats.pictures import PictureLayout
from headway.weights.rules import Rename, Rule, Transpose

KERAS_PREPROCESSING = PicturePreprocessing(
    mean=(103.939 / 255, 116.779 / 255, 123.68 / 255), std=(1 / 255,) * 3, channels="BGR"
)
_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def keras_config(layers: int) -> ResNetConfig:
    """Return what Keras's ResNet-50, 101 or 152 computes: v1's stride, biases, and an epsilon of its own."""
    values = ResNetConfig.of(layers).to_dict()
    return ResNetConfig.from_dict(
        {**values, "stride_in_first": True, "convolution_bias": True, "norm_eps": 1.001e-5}
    )


def _body(config: ResNetConfig) -> tuple[Rule, ...]:
    rules = _pair("conv1", "stem.0")
    for stage, depth in enumerate(config.depths):
        for block in range(depth):
            theirs, ours = f"conv{stage + 2}_block{block + 1}", f"stages.{stage}.{block}"
            if block == 0:
                rules += _pair(f"{theirs}_0", f"{ours}.shortcut")
            for place in range(3):
                rules += _pair(f"{theirs}_{place + 1}", f"{ours}.convolutions.{place}")
    return tuple(rules)


def _pair(theirs: str, ours: str) -> list[Rule]:
    convolution, norm = f"{theirs}_conv", f"{theirs}_bn"
    return [
        Transpose(Rename(f"{convolution}/kernel", f"{ours}.convolution.weight")),
        Rename(f"{convolution}/bias", f"{ours}.convolution.bias"),
        *(Rename(f"{norm}/{name}", f"{ours}.norm.{part}") for name, part in _NORM.items()),
    ]


def _names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Shorten the paths: conv1_conv/conv1_conv/kernel:0 is conv1_conv/kernel. Not where two became alike."""
    short = {"/".join(name.removesuffix(":0").split("/")[-2:]): tensor for name, tensor in tensors.items()}
    return short if len(short) == len(tensors) else dict(tensors)


LAYOUTS = (
    PictureLayout(
        title="Keras applications (.h5)",
        mark="conv1_conv/kernel",
        body=_body,
        head=(
            Transpose(Rename("predictions/kernel", "head.classifier.weight")),
            Rename("predictions/bias", "head.classifier.bias"),
        ),
        head_names="predictions/{part}",
        names=_names,
    ),
)
