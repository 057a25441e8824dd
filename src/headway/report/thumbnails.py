"""Pictures in the report: small JPEGs inside the page, and the places that count laid over them."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from headway.explain.pictures import Explanation

SIDE = 144  # pixels
COLDEST = 0.35  # brightness of what does not count at all
WARM = np.array([255.0, 150.0, 40.0])
WARMTH = 0.45  # how much of this colour lies over what counts most


@dataclass(frozen=True)
class Thumbnails:
    """One error's pictures, as data URIs."""

    picture: str
    occlusion: str
    grad_cam: str | None


def thumbnails(explanations: Mapping[int, Explanation]) -> dict[int, Thumbnails]:
    """Draw each explanation."""
    drawn = {}
    for line, explanation in explanations.items():
        view = _in_colour(explanation.view)
        seen = explanation.grad_cam
        drawn[line] = Thumbnails(
            _uri(view),
            _uri(_lit(view, explanation.occlusion)),
            None if seen is None else _uri(_lit(view, seen)),
        )
    return drawn


def _in_colour(view: np.ndarray) -> Image.Image:
    image = Image.fromarray(view[:, :, 0] if view.shape[2] == 1 else view).convert("RGB")
    return image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def _lit(image: Image.Image, heat: np.ndarray) -> Image.Image:
    """Leave bright, and make warm, what counts; the rest goes dark. ``heat`` [h, w] is from 0 to 1."""
    smooth = Image.fromarray(heat.astype(np.float32)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    share = np.asarray(smooth).clip(0, 1)[..., None]
    pixels = np.asarray(image, np.float32) * (COLDEST + (1 - COLDEST) * share)
    pixels += WARMTH * share * (WARM - pixels)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _uri(image: Image.Image) -> str:
    sink = io.BytesIO()
    image.save(sink, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(sink.getvalue()).decode()
