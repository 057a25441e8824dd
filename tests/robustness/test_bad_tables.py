"""Bad tables: each fault stops with a message that names the file, the line, and what to do."""

import gzip
import io
import os
import sys

import polars
import pytest

from headway.core.errors import DataError, HeadwayError, UsageError
from headway.data.checks import check_examples, check_test
from headway.data.columns import choose_columns, choose_texts
from headway.data.readers import read_chunks, read_table

# name, content, what the first line of the message holds, what the remedy holds
BAD_FILES = [
    (
        "a.csv",
        "text,label\nfine,x\na, b,y\n",
        ["a.csv, line 3: has 3 cells, the header has 2: 'a, b,y'"],
        "quotes around",
    ),
    (
        "a.csv",
        'text,label\n"two\nlines",x\nonly\n',
        ["a.csv, line 4: has 1 cell, the header has 2: 'only'"],
        "Add what",
    ),
    ("a.tsv", "text\tlabel\na\tb\tc\n", ["a.tsv, line 2: has 3 cells, the header has 2"], "Remove the tab"),
    (
        "a.csv",
        'text,label\nok,x\n"open,y\nmore,z\n',
        ["a.csv, line 3: a quote opens", "'\"open,y'"],
        "Close the quote",
    ),
    ("a.csv", 'text,label\n"a \\"b\\" c",x\n', ["a.csv, line 2", "has text after it"], "written twice"),
    (
        "a.csv",
        'text,label\nok,x\n"open,y\n"more" w,z\n',
        ["a.csv, line 3", "ends on line 4"],
        "Close the quote",
    ),
    ("a.csv", b"text,label\nok,x\nno\0,y\n", ["a.csv, line 3: holds a NUL byte (offset 18)"], "iconv"),
    ("a.csv", "text,label".encode("utf-16-le"), ["a.csv, line 1: holds a NUL byte"], "iconv"),
    (
        "a.csv",
        "text,label,text\na,b,c\n",
        ["a.csv, line 1: the column name 'text' stands twice, in columns 1 and 3"],
        "",
    ),
    ("a.csv", "text,,\na,b,c\n", ["a.csv, line 1: columns 2, 3 have no name"], "name every column"),
    ("a.csv", "", ["a.csv: is empty"], "header line"),
    ("a.csv", "\n \n", ["a.csv: is empty"], "header line"),
    ("a.csv", b"\xef\xbb\xbf\n", ["a.csv: is empty"], "header line"),
    ("a.csv", "text,label\n\n", ["a.csv, line 1: holds a header (text, label) and no rows"], "Add rows"),
    (
        "a.csv",
        "text,label\nпривет мир,да\n".encode("cp1251"),
        ["a.csv, line 2: is not UTF-8", "offset 11"],
        "iconv",
    ),
    (
        "a.csv",
        "text,label\n좋아요,y\n".encode()[:-5] + b"\n",
        ["a.csv, line 2: is not UTF-8", "0xec"],
        "iconv",
    ),
    (
        "a.csv",
        b"\xef\xbb\xbftext,label\ncaf\xe9,x\n",
        ["a.csv, line 2: is marked as UTF-8 but is damaged"],
        "again",
    ),
    ("a.csv", "text,label\nこれは文章です,y\n".encode("shift_jis"), ["a.csv, line 2: is not UTF-8"], "iconv"),
    ("a.csv", "text,label\n这是一个句子,y\n".encode("gb18030"), ["a.csv, line 2: is not UTF-8"], "iconv"),
    ("a.csv", 'text, label\nx, "y, z"\n', ["a.csv, line 2: has 3 cells"], "Remove the space"),
    ("a.jsonl", '{"text": "a"}\n{"text": \n', ["a.jsonl, line 2: is not JSON"], "one whole object"),
    ("a.jsonl", '{"text": "a"}\n["a", "b"]\n', ["a.jsonl, line 2: is no JSON object"], "one whole object"),
    ("a.jsonl", '{"text": "a", "text": "b"}\n', ["a.jsonl, line 1: the key 'text' stands twice"], "object"),
    ("a.jsonl", '{"text": "\\ud83d"}\n', ["a.jsonl, line 1: holds half a character"], "UTF-8"),
    ("a.jsonl", "[" * 100_000 + "\n", ["a.jsonl, line 1"], "object"),
    ("a.json", '[{"text": "a"}]', ["a.json: is one JSON list"], "jq"),
    ("a.xlsx", b"PK\x03\x04....", ["a.xlsx: is a zip file or an Excel workbook"], "CSV"),
    ("a.csv", b"PK\x03\x04....", ["a.csv: is a zip file or an Excel workbook"], "CSV"),
    ("a.parquet", b"PAR1 and no more", ["a.parquet: is no readable Parquet file"], "again"),
    ("a.csv.gz", gzip.compress(b"text,label\na,b\n")[:-6], ["a.csv.gz: is a damaged gzip file"], "again"),
    (
        "a.foo",
        "just some words\nand more\n",
        ["a.foo: is no table that can be told", "'just some words'"],
        "CSV",
    ),
]


@pytest.mark.parametrize(("name", "content", "told", "remedy"), BAD_FILES)
def test_bad_files(tmp_path, name, content, told, remedy):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for read in (read_table, lambda source: list(read_chunks(source, 2))):
        with pytest.raises(DataError) as caught:
            read(path)
        message = str(caught.value)
        problem, _, advice = message.partition("\n")
        assert problem.startswith(str(tmp_path)) and all(part in problem for part in told), message
        assert remedy in advice and len(message) < 700, message


def test_an_unclosed_quote_in_a_large_file_is_refused_in_bounded_memory(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text,label\nok,x\n"open,y\n' + "word word word,z\n" * 1_200_000)
    with pytest.raises(DataError, match=r"a\.csv, line 3: a cell has more than 16,777,216 characters"):
        read_table(path)


def test_what_is_no_file(tmp_path, monkeypatch):
    (tmp_path / "reviews.csv").write_text("text,label\na,b\n")
    with pytest.raises(DataError, match=r"review\.csv: there is no such file\n  Did you mean reviews\.csv\?"):
        read_table(tmp_path / "review.csv")
    with pytest.raises(DataError, match=r"the folder .*nowhere is missing"):
        read_table(tmp_path / "nowhere" / "a.csv")
    with pytest.raises(DataError, match=r"is a folder; a table was expected\n  It holds 'reviews\.csv'"):
        read_table(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="is no regular file"):
        read_table(tmp_path / "pipe")
    with pytest.raises(UsageError, match=r"cannot be read from a builtins\.list\n  Pass the path"):
        read_table([["a", "b"]])
    with pytest.raises(DataError, match="the data frame: holds no rows"):
        read_table(polars.DataFrame({"text": []}))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"ok\n\xff\n")))
    with pytest.raises(DataError, match="stdin, line 2: is not UTF-8"):
        list(read_chunks("-"))


def table_of(texts, labels, text="text", label="label"):
    return read_table(polars.DataFrame({text: texts, label: labels}))


def good(n=40):
    return [f"text number {i}" for i in range(n)], [["yes", "no"][i % 2] for i in range(n)]


def test_bad_columns(tmp_path):
    texts, labels = good()
    table = table_of(texts, labels)
    for arguments, told in [
        ({"text": "txet"}, "no column 'txet'; did you mean 'text'"),
        ({"label": "Lable"}, "no column 'Lable'; did you mean 'label'"),
        ({"text": "text", "label": "text"}, "both the text and the label"),
    ]:
        with pytest.raises(UsageError, match=rf"(?s)--(text|label).*{told}.*'text', 'label'"):
            choose_columns(table, **arguments)
    pairs = read_table(polars.DataFrame({"premise": texts, "hypothesis": texts, "label": labels}))
    for given, told in [
        (("premise", "hypotesis"), "no column 'hypotesis'; did you mean 'hypothesis'"),
        (("premise", "premise"), "one column of texts, or the two of text pairs"),
        (("premise", "hypothesis", "label"), "one column of texts, or the two of text pairs"),
        (("premise", "label"), "'label' cannot be both|no column can be told"),
    ]:
        with pytest.raises(UsageError, match=told):
            choose_columns(pairs, given, "label")
    with pytest.raises(UsageError, match=r"trained on pairs of texts: two columns; found 'premise'"):
        choose_texts(pairs, "premise", known=("premise", "hypothesis"))
    with pytest.raises(UsageError, match=r"(?s)no columns 'a', 'b', as in training.*--text COLUMN twice"):
        choose_texts(table, known=("a", "b"))
    with pytest.raises(UsageError, match=r"only one column, 'text'"):
        choose_columns(read_table(polars.DataFrame({"text": texts})))
    with pytest.raises(
        UsageError, match=r"(?s)more than one column could hold the labels: 'a', 'b'.*'text number 0'"
    ):
        choose_columns(read_table(polars.DataFrame({"words": texts, "a": labels, "b": labels})))
    with pytest.raises(UsageError, match=r"(?s)no column can be told to hold the labels.*--label COLUMN"):
        choose_columns(read_table(polars.DataFrame({"words": texts, "n": [str(i) for i in range(40)]})))
    path = tmp_path / "headless.csv"
    path.write_text("".join(f"{text},{label}\n" for text, label in zip(texts, labels, strict=True)))
    with pytest.raises(
        UsageError, match=r"headless\.csv, line 1: its first line looks like a row(.|\n)*text,label"
    ):
        choose_columns(read_table(path))
    with pytest.raises(DataError, match=r"column 'words' holds List\(String\), not texts"):
        table_of([["a"]] * 40, labels, "words").texts("words")


BAD_EXAMPLES = [
    (
        "empty",
        lambda t, y: ([*t[:30], *[" ", None] * 5], y),
        r"10 of 40 rows \(25\.0%\).*rows 31, 32.*--drop-limit",
    ),
    ("no label", lambda t, y: (t, [*y[:30], *[""] * 10]), r"10 with a missing label \(rows 31.*--drop-limit"),
    (
        "nearly numbers",
        lambda t, y: (t, [*(str(i * 0.37) for i in range(39)), "high"]),
        "row 40: the label 'high' is no number.*--task classes",
    ),
    ("one number", lambda t, y: (t, [*[0.5] * 40]), "all 40 rows have the label '0.5'"),
    (
        "ids",
        lambda t, y: (t, list(range(40))),
        "looks like an identifier, or a number .--task numbers..*--label",
    ),
    (
        "swapped",
        lambda t, y: (y, [x + " and some more words, so it is long" for x in t]),
        "looks like a text.*swap",
    ),
    ("once", lambda t, y: (t, ["odd", *y[1:]]), "row 1: the label 'odd' stands on one row only.*--drop-rare"),
    (
        "one text",
        lambda t, y: ([*t[:38], "Same", "same "], [*y[:38], "odd", "odd"]),
        "row 39: .*one and the same text",
    ),
    ("one label", lambda t, y: (t, ["x"] * 40), "all 40 rows have the label 'x'.*another label"),
    ("few", lambda t, y: (t[:10], y[:10]), "10 usable rows; at least 20 are needed.*Label more"),
]


@pytest.mark.parametrize(
    ("change", "told"), [case[1:] for case in BAD_EXAMPLES], ids=[case[0] for case in BAD_EXAMPLES]
)
def test_bad_examples(change, told):
    table = table_of(*change(*good()))
    with pytest.raises(DataError, match="(?s)the data frame.*" + told):
        check_examples(table, choose_columns(table, "text", "label"))


def test_bad_test_tables():
    training = table_of(*good())
    columns = choose_columns(training)
    examples = check_examples(training, columns).examples
    for texts, labels, told in [
        (
            ["a", "b"],
            ["yes", "yess"],
            "row 2: the label 'yess' is not among the training labels; did you mean 'yes'",
        ),
        (good()[0][::2], good()[1][::2], "every training text of the label 'yes' stands in the test table"),
    ]:
        with pytest.raises(DataError, match=told):
            check_test(table_of(texts, labels), columns, examples)
    with pytest.raises(UsageError, match="no column 'label'; did you mean 'labels'"):
        check_test(table_of(["a"], ["yes"], label="labels"), columns, examples)


@pytest.mark.parametrize("limit", [-0.1, 5])
def test_a_drop_limit_is_a_share(limit):
    table = table_of(*good())
    with pytest.raises(HeadwayError, match="--drop-limit: must be a share from 0 to 1"):
        check_examples(table, choose_columns(table), drop_limit=limit)
