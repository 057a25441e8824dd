"""Word-vector files: round trips, and files that are cut off, too long, or something else."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.shared_files import FIXTURES

from headway.core.errors import UsageError, WeightsError
from headway.models.subwords import Subwords
from headway.models.word_vectors import WordVectors
from headway.weights.vectors.files import open_vectors, write_vectors

FILES = FIXTURES / "word_vectors"
NAMES = {"safetensors": "v.safetensors", "word2vec": "v.vec", "word2vec-binary": "v.bin", "glove": "v.txt"}


def _vectors() -> WordVectors:
    draw = np.random.default_rng(3)
    words = ["the", "naïve", "日本", "<b>", "12", "a,b", '"q"']
    matrix = draw.normal(size=(len(words), 5)).astype(np.float32)
    matrix[2] = [0, -0.0, 1e-30, 3.4e38, 1]
    return WordVectors(words, matrix, counts=np.arange(7, 0, -1))


@pytest.mark.parametrize("form", NAMES)
def test_what_is_written_is_read_back_to_the_bit(form: str, tmp_path: Path) -> None:
    vectors, path = _vectors(), tmp_path / NAMES[form]
    write_vectors(vectors, path)
    again = open_vectors(path)
    assert again.words == vectors.words
    assert again.matrix.tobytes() == vectors.matrix.tobytes()
    assert open_vectors(path, form=form).words == vectors.words


def test_our_own_form_keeps_subwords_and_counts_and_is_mapped(tmp_path: Path) -> None:
    table = np.random.default_rng(4).normal(size=(11, 5)).astype(np.float32)
    vectors = _vectors()
    vectors.subwords = Subwords(3, 4, table)
    write_vectors(vectors, tmp_path / "v.safetensors")
    again = open_vectors(tmp_path / "v.safetensors")
    assert again.counts is not None and again.counts.tolist() == [7, 6, 5, 4, 3, 2, 1]
    assert not again.matrix.flags.owndata and not again.matrix.flags.writeable
    assert np.array_equal(again.vector("unseen"), vectors.vector("unseen"))


@pytest.mark.parametrize("form", NAMES)
def test_a_file_cut_off_anywhere_is_an_error_that_names_a_byte(form: str, tmp_path: Path) -> None:
    write_vectors(_vectors(), tmp_path / NAMES[form])
    whole = (tmp_path / NAMES[form]).read_bytes()
    path = tmp_path / f"cut-{NAMES[form]}"
    for length in {*range(1, 70), *range(70, len(whole), 5)} - {len(whole) - 1}:
        path.write_bytes(whole[:length])
        if form == "glove" and whole[length - 1 : length] == b"\n":
            continue  # without a first line nobody can tell a file cut between two lines from a whole one
        with pytest.raises(WeightsError, match=r"byte"):
            open_vectors(path, form=form)


@pytest.mark.parametrize("form", ["safetensors", "word2vec", "word2vec-binary"])
def test_a_file_with_something_behind_its_end_is_an_error(form: str, tmp_path: Path) -> None:
    path = tmp_path / NAMES[form]
    write_vectors(_vectors(), path)
    path.write_bytes(path.read_bytes() + b"more 1 2 3 4 5\n")
    with pytest.raises(WeightsError, match=r"byte [\d,]+"):
        open_vectors(path)


@pytest.mark.skipif(not FILES.is_dir(), reason="shared/fixtures/word_vectors is not here")
@pytest.mark.parametrize("name", ["crime-and-punishment.bin", "euclidean_vectors.bin", "lee_fasttext.vec"])
def test_published_files_cut_off_or_padded(name: str, tmp_path: Path) -> None:
    whole, path = (FILES / name).read_bytes(), tmp_path / name
    for length in [*range(1, 60), *range(1000, len(whole) - 1, 4001), len(whole) - 2]:
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match=r"byte|quantized|version|classifier"):
            open_vectors(path, form=_form(name))
    path.write_bytes(whole + b"\0" * 40)
    with pytest.raises(WeightsError, match=r"byte [\d,]+"):
        open_vectors(path)


def _form(name: str) -> str:
    if name.endswith(".vec"):
        return "word2vec"
    return "word2vec-binary" if name.startswith("euclidean") else "fasttext"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"2 3\nthe 1 2 3\nof 1 2\n", r"line 3: the line that begins at byte 14 has 2 numbers instead of 3"),
        (
            b"2 3\nthe 1 2 3\nof 1 x 3\n",
            r"line 3: the line that begins at byte 14 has something that is no number",
        ),
        (b"3 3\nthe 1 2 3\nof 1 2 3\n", r"ends at byte 23 after 2 of the 3 words"),
        (b"1 3\nthe 1 2 3\nof 1 2 3\n", r"line 3: the line that begins at byte 14 stands behind the 1 words"),
        (b"1 3\nthe 1 2 3", r"line 2: the line that begins at byte 4 has no end"),
        (b"\n", r"byte 0: begins with an empty line"),
        (b"", r"is empty"),
    ],
)
def test_the_message_says_where(content: bytes, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "v.vec"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=problem):
        open_vectors(path)


def test_words_with_spaces_are_read_and_repeated_ones_counted(tmp_path: Path) -> None:
    said: list[str] = []

    class Hearing:
        say: Callable[[str], None] = said.append

    path = tmp_path / "v.txt"
    path.write_bytes(b"the 1 2 3\n. . . 4 5 6\nthe 7 8 9\n")
    vectors = open_vectors(path, progress=Hearing())  # type: ignore[arg-type]
    assert vectors.words == ["the", ". . ."]
    assert vectors.vector("the").tolist() == [1, 2, 3]
    assert "1 words stand there again" in said[0]
    with pytest.raises(UsageError, match="holds a space"):
        write_vectors(vectors, tmp_path / "w.vec")
