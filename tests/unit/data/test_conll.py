"""CoNLL files as people have them: other separators and line ends, marks, columns; and broken ones, told by line."""

import gzip
import json
from pathlib import Path

import pytest

from headway.core.errors import DataError
from headway.data.checks import check_examples
from headway.data.columns import choose_columns
from headway.data.readers import read_chunks, read_table
from shared_files import DATA
from tagged_sentences import sentences, write_conll

ROWS = sentences(30)


def read(path: Path) -> list[list[tuple[str, str]]]:
    table = read_table(path)
    assert table.words_on_lines
    words, tags = (map(json.loads, table.texts(name)) for name in ("words", "tags"))  # type: ignore[arg-type]
    return [list(zip(*row, strict=True)) for row in zip(words, tags, strict=True)]


@pytest.mark.parametrize("between", ["\t", " ", "   "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", ["train.conll", "train.txt", "eng.train", "data.tsv"])
def test_separators_line_ends_and_names(tmp_path: Path, between: str, end: str, name: str) -> None:
    assert read(write_conll(tmp_path / name, ROWS, between=between, end=end)) == ROWS


def test_marks_columns_and_packed_files(tmp_path: Path) -> None:
    lines = ["\ufeff-DOCSTART- -X- O O", ""]
    for number, sentence in enumerate(ROWS):
        lines += [f"# sent_id = {number}"] if number % 2 else []
        lines += [f"{word} NN I-NP {tag}" for word, tag in sentence] + [" \t" if number % 3 else ""]
    path = tmp_path / "eng.testa.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    assert read(path) == ROWS
    table = read_table(path)
    assert table.names == ("words", "column 2", "column 3", "tags")
    assert table.lines[:2].tolist() == [3, 5 + len(ROWS[0])]  # behind a blank line and a comment
    notes = "\n".join(table.notes)
    assert "4 columns between white space, the first the word, the last its tag" in notes
    assert "1 line passed over: -DOCSTART-" in notes and "15 lines passed over: comments" in notes
    assert "20 lines passed over: white space only" in notes
    assert (
        choose_columns(table).label == "tags" and choose_columns(table, label="column 3").label == "column 3"
    )
    assert sum(len(chunk) for chunk in read_chunks(path, size=7)) == len(ROWS)


def test_a_header_and_a_file_without_tags(tmp_path: Path) -> None:
    path = write_conll(tmp_path / "named.tsv", ROWS)
    path.write_text("token\tner_tag\n" + path.read_text())
    assert read(path) == ROWS and any("the columns' names" in note for note in read_table(path).notes)
    bare = tmp_path / "bare.conll"
    bare.write_text("\n\n".join("\n".join(word for word, _ in sentence) for sentence in ROWS))
    assert read_table(bare).names == ("words",)


def test_what_is_no_conll_is_not_taken_for_it(tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("They sang O\nA blood type is O\n\nWe like it\nNo one came\n" * 10)
    assert [len(chunk.names) for chunk in read_chunks(texts)] == [1]
    table = tmp_path / "table.tsv"
    table.write_text("text\tlabel\n" + "a text\tgood\nanother\tbad\n" * 20)
    assert not read_table(table).words_on_lines


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Berlin", r"line 9: expected 2 columns between tabs, as on line 1; found 1: 'Berlin'"),
        ("Berlin B-place", r"line 9: .*found 1: 'Berlin B-place'(.|\n)*spaces where the others have a tab"),
        ("Berlin\tB-place\t0.9", r"line 9: .*found 3"),
        ("\tB-place", r"line 9: expected a word in the first column, found nothing"),
        ("Berlin\tB_place", r"line 9: expected a tag, found 'B_place'; did you mean 'B-place'\?"),
        ("Berlin\tb-place", r"line 9: .*'b-place'; did you mean 'B-place'\?"),
        ("Berlin\t0", r"line 9: .*'0'; did you mean the letter 'O'\?"),
        ("Berlin\t", r"line 9: expected a tag, found ''"),
        ("Berlin\tplace", r"line 9: expected a tag, found 'place'"),
        (
            "Berlin\tB-plaec",
            r"line 9: the type 'plaec' has spans in one sentence only; did you mean 'place'\?",
        ),
    ],
)
def test_a_broken_line_is_told(tmp_path: Path, line: str, expected: str) -> None:
    path = write_conll(tmp_path / "train.conll", [[("a", "O")] * 7, *ROWS])
    lines = path.read_text().split("\n")
    path.write_text("\n".join([*lines[:8], line, *lines[8:]]))
    with pytest.raises(DataError, match=expected):
        table = read_table(path)
        check_examples(table, choose_columns(table))


def test_a_file_that_is_mistyped_throughout_or_told_to_be_one(tmp_path: Path) -> None:
    path = write_conll(tmp_path / "train.txt", [*ROWS, [("Lima", "B-place")]])
    whole = path.read_text()
    path.write_text(whole.replace("B-", "b-").replace("I-", "i_"))
    with pytest.raises(DataError, match=r"expected a tag, found 'b-p\w+'; did you mean 'B-p"):
        check_examples(read_table(path), choose_columns(read_table(path)))
    path.write_text(whole.replace("\n\n", "\n"))
    with pytest.raises(DataError, match=r"1 usable row(.|\n)*a blank line ends each"):
        check_examples(read_table(path), choose_columns(read_table(path)))
    path.write_text(whole.replace("\tO", "\tNN"))
    assert read_table(path, tagged=True).words_on_lines and not read_table(path).words_on_lines


def test_the_official_counts_of_wnut17() -> None:
    if not (DATA / "wnut17").is_dir():
        pytest.skip("wnut17 is not among the shared data")
    counts = []
    for part in ("train", "validation", "test"):
        table = read_table(DATA / "wnut17" / f"{part}.conll")
        examples = check_examples(table, choose_columns(table)).examples
        spans = sum(examples.names[tag][0] == "B" for tags in examples.targets for tag in tags)
        counts.append((len(examples), sum(map(len, examples.inputs)), spans))
    assert counts == [(3394, 62730, 1975), (1009, 15733, 836), (1287, 23394, 1079)]
