"""ARPA files: read as other tools write them, written and read again, and refused by the line."""

import math
from pathlib import Path

import numpy as np
import pytest

from headway.core.errors import DataError, UsageError
from headway.models.ngram_lm import NgramModel
from headway.weights.arpa import read_arpa, write_arpa

# Blanks and tabs, comments before the header, words in any order, contexts without weights: all of this is found.
PUBLISHED = r"""Made by hand, in the manner of CMU's toolkit
ngram 7=7

\data\
ngram 1=6
ngram 2=4
ngram 3=1

\1-grams:
-1.0  </s>
-99	<s>	-0.3
-1.2 <unk> -0.25
-0.7	wood	-0.5
-0.9 cindy	-0.2
-0.8 jean

\2-grams:
-0.3 <s> cindy -0.1
-0.4	cindy wood
-0.6 wood </s>
-0.15 wood jean -0.35

\3-grams:
-0.05 <s> cindy wood

\end\
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "published.arpa"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_published_file(tmp_path: Path) -> None:
    model, words = read_arpa(_write(tmp_path, PUBLISHED))
    assert words == ("</s>", "<unk>", "wood", "cindy", "jean") and model.sizes == (6, 4, 1)
    end, unknown, wood, cindy, jean = range(5)
    scores = model.log_probabilities([cindy, wood, jean, jean, unknown, wood, end]) / math.log(10)
    expected = [
        -0.3,  # <s> cindy
        -0.05,  # <s> cindy wood
        -0.15,  # cindy wood has no weight, then wood jean
        -0.35 - 0.8,  # from wood jean; jean has no weight
        -1.2,
        -0.25 - 0.7,
        -0.6,
    ]
    np.testing.assert_allclose(scores, expected, atol=1e-12)


def test_round_trip(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    fitted = NgramModel.fit([random.integers(0, 12, size) for size in (0, 1, 2, 50, 60)], 14, 4)
    words = ["</s>", "<unk>", *"abcdefghijk", "한국어"]
    write_arpa(tmp_path / "model.arpa", fitted, words)
    model, found = read_arpa(tmp_path / "model.arpa")
    assert list(found) == words and model.sizes == fitted.sizes
    for read, written in zip(model.levels, fitted.levels, strict=True):
        np.testing.assert_array_equal(read.keys, written.keys)
        np.testing.assert_allclose(read.log_probability, written.log_probability, rtol=1e-8)
        np.testing.assert_allclose(read.log_backoff, written.log_backoff, rtol=1e-8, atol=1e-12)
    write_arpa(tmp_path / "again.arpa", model, found)
    assert (tmp_path / "again.arpa").read_bytes() == (tmp_path / "model.arpa").read_bytes()


def test_an_unknown_word_has_no_probability_where_the_file_gives_none(tmp_path: Path) -> None:
    closed = PUBLISHED.replace("-1.2 <unk> -0.25\n", "").replace("ngram 1=6", "ngram 1=5")
    model, words = read_arpa(_write(tmp_path, closed))
    assert words[-1] == "<unk>"
    assert model.log_probabilities([len(words) - 1])[0] == -np.inf
    assert model.distribution([]).sum() < 1


@pytest.mark.parametrize(
    ("old", "new", "number", "problem"),
    [
        ("\\data\\", "data", 1, "no line reads"),
        ("ngram 2=4", "ngram 3=4", 6, "expected the number of 2-grams"),
        ("ngram 2=4", "ngram 2=5", 23, "says 5 2-grams, but only 4 stand here"),
        ("ngram 2=4", "ngram 2=3", 21, r"expected \\3-grams:, found '-0.15"),
        ("-0.7\twood", "-0.7x\twood", 13, "expected numbers before and after"),
        ("-0.7\twood", "0.7\twood", 13, "cannot have the logarithm 0.7"),
        ("-0.4\tcindy wood", "-0.4\tcindy", 19, "expected a number, 2 words and perhaps a number"),
        ("-0.4\tcindy wood", "-0.4\tcindy would", 19, "'would' is not among the 1-grams"),
        ("-0.8 jean", "-0.8 wood", 15, "'wood' stands here a second time"),
        ("-0.15 wood jean", "-0.15 cindy wood", 21, "stands here a second time"),
        ("<s> cindy wood", "jean cindy wood", 24, "first 2 words of this 3-gram are not among the 2-grams"),
        ("\\end\\\n", "", 26, "the file ends here"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(
    tmp_path: Path, old: str, new: str, number: int, problem: str
) -> None:
    assert PUBLISHED.count(old) == 1
    with pytest.raises(DataError, match=rf"published.arpa, line {number}: .*{problem}"):
        read_arpa(_write(tmp_path, PUBLISHED.replace(old, new)))


def test_pieces_that_an_arpa_file_cannot_hold(tmp_path: Path) -> None:
    model = NgramModel.fit([[0, 1]], 2, 2)
    for words in (["a", " "], ["a", "<s>"], ["a", "a"], ["a", ""]):
        with pytest.raises(UsageError, match="cannot hold the piece"):
            write_arpa(tmp_path / "model.arpa", model, words)
    assert not list(tmp_path.iterdir())
