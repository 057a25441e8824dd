"""Hashed n-grams against their plain definition."""

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.models import hashed_ngrams as module
from headway.models.hashed_ngrams import hashed_ngrams

WIDE = 1 << 40  # so many buckets that no two n-grams of a test meet


def plain(text: str, words: int, characters: tuple[int, int]) -> set[tuple[str, ...]]:
    """The n-grams of a text as strings, "|" being the break around a word."""
    tokens = re.findall(r"\w+|[^\w\s]", text.lower().replace("\0", " "))
    grams = {tuple(tokens[i : i + n]) for n in range(1, words + 1) for i in range(len(tokens) - n + 1)}
    for token in tokens:
        padded = f"\0{token}\0"
        for n in range(characters[0], characters[1] + 1):
            grams |= {("characters", padded[i : i + n]) for i in range(len(padded) - n + 1)}
    return grams


@settings(deadline=None)
@given(st.lists(st.text("ab c.é한🌧\n\0", max_size=14), min_size=1, max_size=4))
def test_two_texts_share_as_many_buckets_as_ngrams(texts: list[str]) -> None:
    found = hashed_ngrams(texts, 2, (2, 4), (1 << 31) - 1)
    ends = np.cumsum(found.lengths)
    rows = [set(row.tolist()) for row in np.split(found.values, ends[:-1])]
    grams = [plain(text, 2, (2, 4)) for text in texts]
    for row, wanted in zip(rows, grams, strict=True):
        assert len(row) == len(wanted)
        for other, others in zip(rows, grams, strict=True):
            assert len(row & other) == len(wanted & others)


def test_parts_and_batches_change_nothing() -> None:
    texts = ["the cat sat", "", "on the mat, the 🌧️", "한국어 문장", "x" * 50] * 3
    whole = hashed_ngrams(texts, 3, (3, 5), 1 << 22)
    assert whole.values.dtype == np.int32 and len(whole.lengths) == len(texts)
    alone = [hashed_ngrams([text], 3, (3, 5), 1 << 22) for text in texts]
    np.testing.assert_array_equal(whole.values, np.concatenate([one.values for one in alone]))
    assert whole.lengths[1] == 0 and (whole.lengths[:5] == whole.lengths[5:10]).all()
    before, module._CHARACTERS_AT_ONCE = module._CHARACTERS_AT_ONCE, 20
    try:
        parts = hashed_ngrams(texts, 3, (3, 5), 1 << 22)
    finally:
        module._CHARACTERS_AT_ONCE = before
    np.testing.assert_array_equal(whole.values, parts.values)
    np.testing.assert_array_equal(whole.lengths, parts.lengths)


def test_the_hash_is_the_one_that_saved_models_hold() -> None:
    found = hashed_ngrams(["a cat"], 2, (3, 3), 1 << 22)
    assert found.values.tolist() == [761785, 2077627, 2095469, 2197798, 3321838, 3920838, 4179980]
