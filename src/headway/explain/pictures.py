"""Where in a picture the evidence for a class lies: Grad-CAM, and occlusion."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from headway.data.images import Pixels
from headway.data.pictures import Picture

if TYPE_CHECKING:
    from headway.blocks.pictures import Pictures
    from headway.models.heads import Classifier

PLACES = 7  # of the patch, in each direction
PATCH_SHARE = 0.25  # the patch's side to the square's


class Viewing(Protocol):
    """A predictor that shows what it reads of a picture, and judges that."""

    def view(self, picture: Picture) -> Pixels:
        """Return what is read of a picture, uint8 [S, S, C]. Raises PictureError."""

    def judge(self, views: Sequence[Pixels]) -> np.ndarray:
        """Return the classes' probabilities of such views, [B, C]."""


@dataclass(frozen=True)
class Explanation:
    """What was read of a picture, and how much each place of it counts, from 0 to 1."""

    view: Pixels  # [S, S, C]
    occlusion: np.ndarray  # [PLACES, PLACES]
    grad_cam: np.ndarray | None  # [h, w]; None where there is no network


def explain(predictor: Any, picture: Picture, label: int) -> Explanation | None:
    """Explain a class's probability; None for a predictor that reads no pictures. Raises PictureError."""
    if not hasattr(predictor, "judge"):
        return None
    view = predictor.view(picture)
    network = getattr(predictor, "network", None)
    seen = None if network is None else grad_cam(network, predictor.encoder.pack([view]), label)
    return Explanation(view, occlusion(predictor, view, label), seen)


def grad_cam(network: "Classifier", pictures: "Pictures", label: int) -> np.ndarray:
    """Return Grad-CAM of one picture (Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2), [h, w] from 0 to 1.

    max(0, sum_k a_k A_k), where A_k are the last maps, and a_k the mean over places of the gradient by A_k of the
    class's logit less the mean of all classes': what is the same for all of them changes no probability. Scaled by its
    maximum.
    """
    import torch

    from headway.models.base import MapFeatures

    network.eval()
    backbone = cast("Any", network.backbone)
    with torch.no_grad():
        maps = backbone.features(pictures).maps
    with torch.enable_grad():
        maps = maps.detach().requires_grad_()
        logits = network.head(backbone.pooled(MapFeatures(maps)))[0]
        (gradient,) = torch.autograd.grad(logits[label] - logits.mean(), maps)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    found = torch.relu((weights * maps.detach()).sum(dim=1))[0]
    return _scaled(found.double().cpu().numpy())


def occlusion(predictor: Viewing, view: Pixels, label: int) -> np.ndarray:
    """Return how much of a class's probability is lost where a patch of the picture's mean colour covers it (Zeiler
    and Fergus 2014, arXiv:1311.2901, section 4.2), [PLACES, PLACES] from 0 to 1.
    """
    side = view.shape[0]
    patch = max(1, round(PATCH_SHARE * side))
    mean = view.mean(axis=(0, 1)).round().astype(np.uint8)
    starts = np.linspace(0, side - patch, PLACES).round().astype(int)
    covered = []
    for top in starts:
        for left in starts:
            one = view.copy()
            one[top : top + patch, left : left + patch] = mean
            covered.append(one)
    probabilities = predictor.judge([view, *covered])[:, label]
    return _scaled((probabilities[0] - probabilities[1:]).reshape(PLACES, PLACES))


def _scaled(found: np.ndarray) -> np.ndarray:
    positive: np.ndarray = np.maximum(found, 0)
    largest = positive.max()
    return positive / largest if largest > 0 else positive
