"""Readers: what was written is what is read, whole or in chunks, with the source line of each row."""

import csv
import gzip
import io
import json
import subprocess
import sys

import polars
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headway.core.errors import ResourceError
from headway.data.readers import read_chunks, read_table
from shared_files import DATA

REUSED_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
plain_cells = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=12)
tricky = st.sampled_from(
    ['"', '""', ",", ";", "\t", "\n", "\r\n", "\r", " ", "", 'a "quoted" word', "é", "한국어", "😀"]
)
rows_of = st.lists(st.tuples(cells | tricky, cells | tricky, cells | tricky), min_size=1, max_size=20)


def rows_in(table):
    return list(zip(*(table.texts(name) for name in table.names), strict=True))


def chunked(path, size=3):
    chunks = list(read_chunks(path, size))
    assert all(0 < len(chunk) <= size for chunk in chunks)
    return [row for chunk in chunks for row in rows_in(chunk)], [n for chunk in chunks for n in chunk.lines]


@REUSED_FOLDER
@given(rows=rows_of, suffix=st.sampled_from([".csv", ".tsv", ".CSV"]), end=st.sampled_from(["\n", "\r\n"]))
def test_quoted_tables_are_read_as_they_were_written(tmp_path, rows, suffix, end):
    buffer = io.StringIO(newline="")
    delimiter = "\t" if suffix == ".tsv" else ","
    # As Excel and polars do it where a cell holds more than plain words; what stands between is quoted whole.
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    starts = []
    for row in [("text", "label", "more"), *rows]:
        written = buffer.getvalue()
        starts.append(len(written.replace("\r\n", "\n").replace("\r", "\n").split("\n")))
        writer.writerow(row)
    path = tmp_path / f"table{suffix}"
    path.write_bytes(buffer.getvalue().encode())
    table = read_table(path)
    assert rows_in(table) == rows
    assert table.lines.tolist() == starts[1:]
    assert chunked(path) == (rows, starts[1:])


@REUSED_FOLDER
@given(rows=st.lists(st.tuples(plain_cells, plain_cells | st.sampled_from(['"', 'a "b"', 'x"'])), min_size=1))
def test_an_unquoted_tsv_keeps_its_quotes(tmp_path, rows):
    rows = [(first, f'so {second} "') for first, second in rows]  # no program that quotes would write that
    path = tmp_path / "table.tsv"
    path.write_text("".join("\t".join(row) + "\n" for row in [("text", "label"), *rows]), newline="")
    table = read_table(path)
    assert rows_in(table) == rows
    assert table.notes == ("double quotes are read as part of the text",)
    assert chunked(path)[0] == rows


json_values = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | cells


@REUSED_FOLDER
@given(
    rows=st.lists(
        st.dictionaries(st.sampled_from(["text", "label", "id"]), json_values, min_size=1), min_size=1
    )
)
def test_json_lines_become_texts_and_missing_keys_are_told(tmp_path, rows):
    path = tmp_path / "table.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), newline="")
    table = read_table(path)

    def text(value):
        return value if isinstance(value, str) or value is None else json.dumps(value)

    for name in table.names:
        assert table.texts(name) == [text(row.get(name)) for row in rows]
        absent = sum(name not in row for row in rows)
        assert any(f"{name!r} is missing in {absent} row" in note for note in table.notes) == bool(absent)
    assert table.lines.tolist() == list(range(1, len(rows) + 1))
    assert chunked(path)[1] == table.lines.tolist()


def test_a_key_that_comes_late_is_missing_before(tmp_path):
    path = tmp_path / "late.jsonl"
    path.write_text('{"text": "a"}\n' * 50_001 + '{"text": "b", "label": 1}\n')
    table = read_table(path)
    assert table.texts("label") == [None] * 50_001 + ["1"]
    assert table.notes == ("the key 'label' is missing in 50,001 rows",)


TEXT = "text,label\nschön,gut\nnaïve café,gut\n"
KOREAN = "text,label\n영화가 재미있다,긍정\n지루하다,부정\n"


@pytest.mark.parametrize(
    ("content", "encoding", "told"),
    [
        (TEXT, "utf-8", None),
        (TEXT, "utf-8-sig", None),
        (TEXT, "utf-16", "read as UTF-16"),
        (TEXT, "cp1252", "is not UTF-8 (byte 0xf6 at offset 14 (line 2)): read as Windows-1252"),
        (KOREAN, "utf-8", None),
        (KOREAN, "cp949", "read as Korean, CP949"),
        (KOREAN, "utf-16", "read as UTF-16"),
    ],
)
def test_encodings_are_told_apart_and_said(tmp_path, content, encoding, told):
    path = tmp_path / "table.csv"
    path.write_bytes(content.encode(encoding))
    expected = [tuple(line.split(",")) for line in content.splitlines()]
    table = read_table(path)
    assert [table.names, *rows_in(table)] == expected
    assert told in table.notes[0] if told else not table.notes
    assert [chunk.notes for chunk in read_chunks(path, 1)] == [table.notes, ()]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "text;label\ngut, ja;x\nso, so;y\n", "cells are separated by a semicolon"),
        ("a.csv", "text\tlabel\ngut, ja\tx\nso, so\ty\n", "cells are separated by tabs"),
        ("a.txt", "text\tlabel\ngut, ja\tx\nso, so\ty\n", "cells are separated by tabs"),
        ("a", 'text,label\n"gut, ja",x\n"so, so",y\n', "cells are separated by a comma"),
        ("a.csv", '\n\ntext,label\n"gut, ja",x\n \n"so, so",y\n\n', "blank line"),
        ("a.csv", ',text,label\n0,"gut, ja",x\n1,"so, so",y\n', "column 1 has no name"),
        ("a.txt", '{"text": "gut, ja", "label": "x"}\n{"text": "so, so", "label": "y"}\n', None),
    ],
)
def test_the_form_is_found_and_said(tmp_path, name, content, told):
    path = tmp_path / name
    path.write_text(content)
    table = read_table(path)
    assert (table.texts("text"), table.texts("label")) == (["gut, ja", "so, so"], ["x", "y"])
    assert told in " ".join(table.notes) if told else not table.notes


def test_gzip_parquet_and_frames(tmp_path):
    frame = polars.DataFrame(
        {"text": ["a", None, "c"], "label": [1.0, None, float("nan")], "ok": [True, False, None]}
    )
    frame.write_parquet(tmp_path / "t.PARQUET")
    frame.write_parquet(tmp_path / "no[name]")
    with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
        file.write("text,label,ok\na,1.0,true\n")
    for source in (frame, frame.lazy(), tmp_path / "t.PARQUET", tmp_path / "no[name]"):
        table = read_table(source)
        assert table.unit == "row" and table.lines.tolist() == [1, 2, 3]
        assert rows_in(table) == [("a", "1.0", "true"), (None, None, "false"), ("c", None, None)]
    assert chunked(tmp_path / "no[name]", 2)[1] == [1, 2, 3]
    assert rows_in(read_table(tmp_path / "t.csv.gz")) == [("a", "1.0", "true")]


class DataFrame:
    """What Headway uses of a pandas data frame."""

    def __init__(self, columns):
        self.columns = list(columns)
        self.iloc = self
        self._lists = list(columns.values())

    def __len__(self):
        return len(self._lists[0])

    def __getitem__(self, key):
        return type("Series", (), {"tolist": lambda _: self._lists[key[1]]})()


DataFrame.__module__ = "pandas.core.frame"


def test_a_pandas_frame_needs_no_pandas():
    table = read_table(DataFrame({"text": ["a", None, "c"], 7: [1.0, float("nan"), True]}))
    assert table.names == ("text", "7")
    assert rows_in(table) == [("a", "1.0"), (None, None), ("c", "true")]
    assert table.frame.shape == (3, 2)


def test_a_text_of_a_million_characters(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("text,label\n" + "x" * 1_000_000 + ",a\n")
    assert len(read_table(path).texts("text")[0]) == 1_000_000


def test_memory_is_asked_for_before_reading(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("text,label\na,b\n")
    with pytest.raises(
        ResourceError, match=r"table\.csv: needs about 100 MB of memory, 99\.0 MB are available"
    ):
        read_table(path, available=99_000_000)


def test_streaming_needs_no_polars_and_reads_stdin(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\na,b\n")
    (tmp_path / "a.txt").write_text("one\n\ntwo\n")
    code = (
        "import sys; from headway.data.readers import read_chunks;"
        "from headway.data.columns import choose_texts;"
        "t = [c.texts('text') for n in sys.argv[1:] for c in read_chunks(n, 5)];"
        "assert t == [['a'], ['one', 'two'], ['uno', 'dos']], t; assert 'polars' not in sys.modules"
    )
    sources = [str(tmp_path / "a.csv"), str(tmp_path / "a.txt"), "-"]
    subprocess.run([sys.executable, "-c", code, *sources], input=b"uno\n\ndos\n", check=True)


@pytest.mark.parametrize("name", ["mrpc/train.tsv", "cola/train.tsv", "banking77/train.csv"])
def test_real_quoted_tables_agree_with_polars(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    separator = "\t" if path.suffix == ".tsv" else ","
    theirs = polars.read_csv(path, separator=separator, infer_schema=False).fill_null("")
    assert read_table(path).frame.equals(theirs)
