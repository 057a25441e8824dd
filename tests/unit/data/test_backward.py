"""Reading from the end: the same ids in the opposite order, kept in the folder, and refused where it makes no sense."""

from pathlib import Path

import numpy as np
import pytest

from headway.data.backward import BackwardTokenizer, load_tokenizer
from headway.data.tokenizers import FILE
from headway.data.word_vocabulary import train_words

TEXTS = ["The rain needs a cloud.", "", "bread"]


def test_the_same_ids_in_the_opposite_order() -> None:
    forward = train_words(TEXTS, 50, lowercase=True, least=1)
    backward = BackwardTokenizer.of(forward)
    assert backward.backward and not forward.backward and backward.whole_words
    for ahead, back in zip(forward.pieces(TEXTS), backward.pieces(TEXTS), strict=True):
        assert ahead.tolist() == back.tolist()[::-1] and back.flags.c_contiguous
    assert backward.decode(backward.pieces(TEXTS)[0]) == forward.decode(forward.pieces(TEXTS)[0])


def test_a_text_that_is_too_long_loses_its_end_in_both_directions() -> None:
    forward = train_words(TEXTS, 50, lowercase=True, least=1)
    cut = BackwardTokenizer.of(forward).encode(TEXTS, 2)
    assert cut.cut == 1
    np.testing.assert_array_equal(cut.ids[0], forward.encode(TEXTS, 2).ids[0][::-1])


@pytest.mark.parametrize("backward", [False, True])
def test_a_folder_keeps_the_direction(backward: bool, tmp_path: Path) -> None:
    tokenizer = train_words(TEXTS, 50, lowercase=True, least=1)
    kept = BackwardTokenizer.of(tokenizer) if backward else tokenizer
    kept.save(tmp_path)
    again = load_tokenizer(tmp_path / FILE)
    assert again.backward is backward
    assert again.pieces(TEXTS)[0].tolist() == kept.pieces(TEXTS)[0].tolist()
