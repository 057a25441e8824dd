"""Arrays computed once: never asked for twice, found again by another process, whole or not at all."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from headway.core.errors import RunError
from headway.core.remembered import Remembered


class Counting:
    """Gives each word an array whose shape follows from its length, and notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, words: Sequence[str]) -> Iterator[np.ndarray]:
        for word in words:
            self.asked.append(word)
            yield np.full((len(word), 2), ord(word[0]), np.float32)

    def remembered(self, folder: Path | None, identity: str = "one") -> Remembered[str]:
        return Remembered(self, str.lower, identity, folder)


@pytest.mark.parametrize("on_disk", [False, True])
def test_each_input_is_computed_once_whatever_is_asked_for(on_disk: bool, tmp_path: Path) -> None:
    counting = Counting()
    known = counting.remembered(tmp_path / "kept" if on_disk else None)
    first = known(["abc", "d", "ABC"])
    again = known(["d", "ef", "abc"])
    assert counting.asked == ["ABC", "d", "ef"]
    assert [array.shape for array in first] == [(3, 2), (1, 2), (3, 2)]
    assert [array[0, 0] for array in again] == [ord("d"), ord("e"), ord("A")]
    assert known([]) == []


def test_another_process_finds_them_and_those_of_another_identity_it_does_not(tmp_path: Path) -> None:
    known = Counting().remembered(tmp_path)
    known(["abc", "d"])
    known(["ef"])
    later = Counting()
    found = later.remembered(tmp_path)(["ef", "abc"])
    assert not later.asked and isinstance(found[0].base, np.memmap | np.ndarray)
    assert not found[0].flags.writeable and (found[1] == ord("a")).all()
    other = Counting()
    other.remembered(tmp_path, "two")(["abc"])
    assert other.asked == ["abc"]


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken(words: Sequence[str]) -> Iterator[np.ndarray]:
        yield np.zeros(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Remembered(broken, str, "one", tmp_path)(["a", "b"])
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    Counting().remembered(tmp_path)(["abc"])
    (values,) = tmp_path.glob("*/values")
    values.write_bytes(values.read_bytes()[:-5])
    with pytest.raises(RunError, match="is damaged"):
        Counting().remembered(tmp_path)
