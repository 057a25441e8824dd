"""A word's neighbourhood as a picture: the word and its nearest, on the two directions in which they spread most.

Principal components of their unit vectors (Pearson 1901), so that what lies near in the picture mostly is near. How
much of the spread the two directions hold is said with each picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from headway.models.word_vectors import WordVectors

NEIGHBOURS = 24
WIDTH, HEIGHT, MARGIN = 860, 520, 60  # pixels
LETTER, LINE = 7.2, 15  # a letter's width and a label's height, about
CHOSEN, SKIPPED = 40, 100  # words of a page that nobody chose: so many, after the most frequent ones


@dataclass(frozen=True)
class Place:
    """A word in the picture, in pixels; its label's middle may be moved so that it covers no other."""

    word: str
    cosine: float
    x: float
    y: float
    label_y: float


@dataclass(frozen=True)
class Neighbourhood:
    """A word, its places (its own first), and the share of their spread that the picture shows."""

    word: str
    places: tuple[Place, ...]
    shown: float


def flatten(vectors: np.ndarray) -> tuple[np.ndarray, float]:
    """Return vectors [N, D] on their first two principal components, [N, 2], and the share of the variance these hold.

    Of the two signs that each component may have, the one is taken in which its largest coordinate is positive.
    """
    centred = vectors - vectors.mean(axis=0)
    left, spread, _ = np.linalg.svd(centred, full_matrices=False)
    flat = np.zeros((len(vectors), 2))
    kept = min(2, len(spread))
    flat[:, :kept] = left[:, :kept] * spread[:kept]
    largest = flat[np.abs(flat).argmax(axis=0), [0, 1]]
    flat *= np.where(largest < 0, -1, 1)
    total = float(np.square(spread).sum())
    return flat, float(np.square(spread[:2]).sum()) / total if total else 1.0


def neighbourhood(vectors: WordVectors, word: str, count: int = NEIGHBOURS) -> Neighbourhood:
    """Lay out a word and its ``count`` nearest. Raises UsageError on a word that has no vector."""
    near = vectors.nearest(word, count)
    rows = np.stack([vectors.vector(word), *(vectors.vector(found.word) for found in near)]).astype(float)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)
    flat, shown = flatten(rows)
    low, high = flat.min(axis=0), flat.max(axis=0)
    room = np.array([WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN])
    scale = 1 / max(((high - low) / room).max(), 1e-12)  # one for both, so that distances are true
    across, down = ((flat - (low + high) / 2) * scale + [WIDTH / 2, HEIGHT / 2]).T
    names = [word, *(found.word for found in near)]
    cosines = [1.0, *(found.cosine for found in near)]
    places: list[Place] = []
    for name, cosine, x, y in zip(names, cosines, across, HEIGHT - down, strict=True):
        places.append(Place(name, cosine, float(x), float(y), _free(name, float(x), float(y), places)))
    return Neighbourhood(word, tuple(places), shown)


def _free(name: str, x: float, y: float, placed: Sequence[Place]) -> float:
    """Return the nearest height to ``y`` at which a label covers none of those that are placed."""
    steps = sorted(range(-8, 9), key=abs)
    heights = [y + step * LINE / 2 for step in steps]

    def covers(height: float) -> bool:
        return any(
            abs(other.label_y - height) < LINE
            and abs(other.x - x) < LETTER * (len(other.word) + len(name)) / 2
            for other in placed
        )

    return next((height for height in heights if not covers(height)), y)


def chosen_words(vectors: WordVectors) -> list[str]:
    """Return words to show when nobody chose: frequent ones, after the most frequent, which mean little by
    themselves.
    """
    skipped = SKIPPED if len(vectors) >= SKIPPED + CHOSEN else 0
    return vectors.words[skipped : skipped + CHOSEN]


def render_neighbourhoods(vectors: WordVectors, words: Sequence[str], title: str) -> str:
    """Return one HTML page, without scripts, with the neighbourhood of each word; it loads nothing.

    A neighbour that is one of the words leads to its own picture. Raises UsageError on a word that has no vector.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    anchors = {word: f"w{number}" for number, word in enumerate(dict.fromkeys(words))}
    return environment.get_template("neighbourhoods.html").render(
        title=title,
        count=len(vectors),
        size=vectors.size,
        pictures=[neighbourhood(vectors, word) for word in anchors],
        anchors=anchors,
        width=WIDTH,
        height=HEIGHT,
        style=Markup(style),
    )
