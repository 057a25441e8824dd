"""Phrases, as word2phrase finds them."""

from headway.data.phrases import find_phrases, with_phrases

TEXT = [
    ["new", "york", "is", "large"],
    ["in", "new", "york", "it", "is"],
    ["is", "it", "new"],
    ["york", "new", "york"],
]


def test_a_pair_is_joined_when_it_stands_together_more_than_chance_has_it() -> None:
    phrases = find_phrases(TEXT, min_count=1, threshold=1.5)
    total, together, new, york = 15, 3, 4, 4
    assert phrases.pairs == {("new", "york"): (together - 1) / new / york * total}
    assert not find_phrases(TEXT, min_count=1, threshold=1.9).pairs
    assert list(phrases.join([["york", "new", "york", "york"]])) == [["york", "new_york", "york"]]


def test_a_second_pass_finds_longer_ones_and_reads_anew() -> None:
    readings = []

    def read() -> list[list[str]]:
        readings.append(1)
        return [["a", "b", "c", number] for number in "xyzuvw"] + [["b", "q"], ["c", "r"]]

    joined, made = with_phrases(read, passes=2, min_count=1, threshold=2.0)
    assert [len(phrases.pairs) for phrases in made] == [2, 1]
    assert next(iter(joined())) == ["a_b_c", "x"]
    assert len(readings) == 3


def test_a_word_is_part_of_one_phrase_at_most() -> None:
    phrases = find_phrases([["a", "b", "c"]] * 10 + [["d"]] * 60, min_count=1, threshold=1.0)
    assert set(phrases.pairs) == {("a", "b"), ("b", "c")}
    assert list(phrases.join([["a", "b", "c"]])) == [["a_b", "c"]]
