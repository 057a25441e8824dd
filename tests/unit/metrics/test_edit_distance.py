import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.errors import UsageError
from headway.metrics.edit_distance import edit_distance, sequence_error_rate, token_error_rate

WORDS = st.text("abc", max_size=8)


@pytest.mark.parametrize(
    ("found", "wanted", "edits"),
    [
        ("kitten", "sitting", 3),
        ("", "abc", 3),
        ("abc", "", 3),
        ("flaw", "lawn", 2),
        ("ab", "ba", 2),
        ("", "", 0),
    ],
)
def test_by_hand(found: str, wanted: str, edits: int) -> None:
    assert edit_distance(found, wanted) == edits


@given(WORDS, WORDS, WORDS)
def test_it_is_a_distance(a: str, b: str, c: str) -> None:
    assert edit_distance(a, b) == edit_distance(b, a)
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))


@given(WORDS, st.integers(0, 8), st.sampled_from("abc"))
def test_one_edit_is_a_distance_of_at_most_one(word: str, at: int, letter: str) -> None:
    assert edit_distance(word[:at] + letter + word[at:], word) == 1
    assert edit_distance(word[:at] + letter + word[at + 1 :], word) <= 1


def test_rates_count_the_nearest_of_several_right_answers() -> None:
    found = ["abc", "xy", ""]
    wanted = [["abd", "abc"], ["abcd", "xyz"], ["a"]]
    assert token_error_rate(found, wanted) == pytest.approx((0 + 1 + 1) / (3 + 3 + 1))
    assert sequence_error_rate(found, wanted) == pytest.approx(2 / 3)
    assert token_error_rate(["b"], [["ab", "b c"]]) == 1 / 2
    assert token_error_rate(["a"], [["ab", "b"]]) == token_error_rate(["a"], [["b", "ab"]]) == 1 / 2


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(UsageError, match="1 answers to 2 questions"):
        token_error_rate(["a"], [["a"], ["b"]])
    with pytest.raises(UsageError, match="no right answer"):
        sequence_error_rate(["a"], [[]])
    with pytest.raises(UsageError, match="no tokens"):
        token_error_rate(["a"], [[""]])
