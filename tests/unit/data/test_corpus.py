from pathlib import Path

import pytest

from headway.core.errors import DataError
from headway.data.corpus import read_corpus


def test_a_folder_is_read_in_the_order_of_its_names_and_a_file_is_one_document(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_bytes(b"\xef\xbb\xbffirst\r\n\r\n second \n")
    (tmp_path / "a.txt").write_text("one\ntwo\u2028still two", encoding="utf-8")
    (tmp_path / "notes.md").write_text("not read")
    corpus = read_corpus(tmp_path)
    assert corpus.documents == (("one", "two\u2028still two"), ("first", "", " second "))
    assert corpus.lines == ["one", "two\u2028still two", "first", " second "]
    assert read_corpus(tmp_path / "a.txt").documents == corpus.documents[:1]
    assert corpus.sha256 != read_corpus(tmp_path / "a.txt").sha256


def test_the_last_lines_of_each_document_are_held_out(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("\n".join(f"{name}{number}" for number in range(40)) + "\n")
    training, held_out = read_corpus(tmp_path).split()
    assert held_out.documents == (("a38", "a39"), ("b38", "b39"))
    assert len(training.lines) == 76 and not set(training.lines) & set(held_out.lines)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"  \n\n", "holds no text"),
        (b"fine\nStra\xdfe\n", r"c\.txt, line 2: is no UTF-8 text"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "c.txt").write_bytes(content)
    with pytest.raises(DataError, match=problem):
        read_corpus(tmp_path / "c.txt")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no \.txt file"):
        read_corpus(tmp_path)
