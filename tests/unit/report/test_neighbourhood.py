"""The picture of a neighbourhood: principal components, labels apart, a page that escapes and loads nothing."""

import re

import numpy as np
import pytest
from test_page import Page

from headway.core.errors import UsageError
from headway.models.word_vectors import WordVectors
from headway.report.neighbourhood import HEIGHT, WIDTH, flatten, neighbourhood, render_neighbourhoods


def _vectors(words: int = 60) -> WordVectors:
    draw = np.random.default_rng(0)
    names = ["<script>alert(1)</script>", 'a"b', *(f"word{number}" for number in range(words - 2))]
    return WordVectors(names, draw.normal(size=(words, 8)).astype(np.float32))


def test_flat_vectors_stay_as_they_are_up_to_a_turn() -> None:
    draw = np.random.default_rng(1)
    plane = draw.normal(size=(20, 2)) * [3, 1]
    turned = plane @ np.linalg.qr(draw.normal(size=(9, 9)))[0][:2]
    flat, shown = flatten(turned)
    assert shown == pytest.approx(1)
    distances = [np.linalg.norm(points[:, None] - points[None], axis=2) for points in (plane, flat)]
    assert np.allclose(*distances)
    assert flat[:, 0].var() > flat[:, 1].var()
    assert np.allclose(flatten(-turned)[0], -flat) or np.allclose(flatten(-turned)[0], flat)
    flat, shown = flatten(draw.normal(size=(30, 9)))
    assert 2 / 9 < shown < 0.8
    assert flatten(np.ones((1, 4)))[0].tolist() == [[0, 0]]


def test_the_word_and_its_nearest_lie_inside_and_their_labels_apart() -> None:
    vectors = _vectors()
    picture = neighbourhood(vectors, "word7")
    assert [place.word for place in picture.places] == [
        "word7",
        *(n.word for n in vectors.nearest("word7", 24)),
    ]
    assert all(0 < place.x < WIDTH and 0 < place.y < HEIGHT for place in picture.places)
    heights = [(place.x, place.label_y) for place in picture.places]
    near = [
        (a, b) for a in heights for b in heights if a < b and abs(a[0] - b[0]) < 30 and abs(a[1] - b[1]) < 8
    ]
    assert len(near) <= 1


def test_the_page_escapes_links_and_loads_nothing() -> None:
    vectors = _vectors()
    html = render_neighbourhoods(vectors, [*vectors.words[:30], vectors.words[3]], "my <vectors>")
    page = Page(html)
    assert "script" not in page.tags and "<script>" in page.text
    assert page.tags.count("svg") == 30
    targets = {value for name, value in page.attributes if name == "id"}
    links = [value for name, value in page.attributes if name == "href"]
    assert len(links) > 60 and {link[1:] for link in links} == targets
    assert not re.search(r"https?://|src=|@import|url\(", html)
    with pytest.raises(UsageError, match="no vector is known"):
        render_neighbourhoods(vectors, ["absent"], "x")
