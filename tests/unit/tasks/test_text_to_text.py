import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.errors import UsageError
from headway.tasks.text_to_text import answer, number, prompt, read_label, read_number


def test_the_prompts_of_the_papers_appendix() -> None:
    parts = {"sentence1": "A man is eating.", "sentence2": "A man eats food."}
    assert prompt("stsb", parts) == "stsb sentence1: A man is eating. sentence2: A man eats food."
    assert prompt("cola", {"sentence": "John made Bill master of himself."}) == (
        "cola sentence: John made Bill master of himself."
    )


@pytest.mark.parametrize(
    ("value", "written"), [(2.57, "2.6"), (0.0, "0.0"), (5.0, "5.0"), (3.25, "3.2"), (-0.04, "0.0")]
)
def test_a_similarity_is_rounded_to_a_fifth(value: float, written: str) -> None:
    assert number(value) == written


@given(st.floats(0, 5))
def test_a_similarity_that_is_written_can_be_read(value: float) -> None:
    read = read_number(number(value), lowest=0, highest=5)
    assert read is not None
    assert abs(read - value) <= 0.1 + 1e-9


@pytest.mark.parametrize("text", ["", "high", "2.57", "2.5", "5.2", "-0.2", "nan", "inf", "2.60", "2"])
def test_what_is_not_written_so_is_no_similarity(text: str) -> None:
    assert read_number(text, lowest=0, highest=5) is None


def test_a_label_is_its_name() -> None:
    labels = ["entailment", "not  entailment", "other"]
    assert [read_label(answer(label), labels) for label in labels] == [0, 1, 2]
    assert read_label(" not entailment\n", labels) == 1
    assert read_label("hamburger", labels) is None
    assert read_label("", labels) is None


def test_labels_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(UsageError, match="two labels are written 'a b'"):
        read_label("a b", ["a b", "a  b"])
    with pytest.raises(UsageError, match="without a name"):
        answer(" ")
