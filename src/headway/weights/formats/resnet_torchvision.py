"""ResNet as torchvision and timm name it (`conv1`, `layer1.0.conv1`, `fc`), and as the CIFAR checkpoints do.

Of those (github.com/akamaster/pytorch_resnet_cifar10) a name begins with `module.`, the head is `linear`, and
shortcuts have no tensors.
"""

from headway.models.resnet import ResNetConfig
from headway.weights.formats.pictures import PictureLayout, convolution_and_norm
from headway.weights.rules import Rename, Rule


def _body(config: ResNetConfig) -> tuple[Rule, ...]:
    rules = [*convolution_and_norm("conv1", "bn1", "stem.0")]
    for stage in range(len(config.depths)):
        theirs, ours = f"layer{stage + 1}.{{i}}.", f"stages.{stage}.{{i}}."
        for place in range(3 if config.block == "bottleneck" else 2):
            names = (f"{theirs}conv{place + 1}", f"{theirs}bn{place + 1}")
            rules += convolution_and_norm(*names, f"{ours}convolutions.{place}")
        if config.shortcut == "projection":
            rules += convolution_and_norm(theirs + "downsample.0", theirs + "downsample.1", ours + "shortcut")
    return tuple(rules)


LAYOUTS = (
    PictureLayout(
        title="torchvision and timm",
        mark="conv1.weight",
        body=_body,
        head=(Rename("fc.{part}", "head.classifier.{part}"),),
        head_names="fc.{part}",
    ),
    PictureLayout(
        title="the CIFAR checkpoints",
        mark="linear.weight",
        body=_body,
        head=(Rename("module.linear.{part}", "head.classifier.{part}"),),
        head_names="module.linear.{part}",
        prefix="module.",
    ),
)
