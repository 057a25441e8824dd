"""The benchmarks' own files, in their exact form: read as they are, broken ones told by line."""

from pathlib import Path

import pytest

from headway.core.errors import DataError, UsageError
from headway.data.checks import check_examples
from headway.data.columns import choose_columns
from headway.data.glue import GLUE, glue_examples, glue_inputs, glue_task, read_glue
from headway.data.inputs import TextPair
from headway.data.readers import read_table
from headway.data.snli import read_snli

MNLI_PARSES = "sentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse"
SNLI_TABS = "gold_label\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1\tsentence2\tcaptionID"


def written(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_quotation_marks_are_text_and_no_row_is_lost(tmp_path: Path) -> None:
    path = written(
        tmp_path / "QQP/dev.tsv",
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate",
        '0\t1\t2\t"Why?\tWhy "so"\t1',
        "1\t3\t4\t\tWhat?\t0",
    )
    table = read_glue(path, GLUE["QQP"])
    examples = glue_examples(table, GLUE["QQP"])
    assert examples is not None and examples.targets.tolist() == [1, 0]
    assert examples.inputs == (TextPair('"Why?', 'Why "so"'), TextPair("", "What?"))
    assert examples.where(1) == f"{path}, line 3"


def test_cola_has_a_header_only_where_it_has_no_labels(tmp_path: Path) -> None:
    dev = written(tmp_path / "CoLA/dev.tsv", "gj04\t1\t\tThe cat sat.", "gj04\t0\t*\tCat the sat.")
    examples = glue_examples(read_glue(dev, GLUE["CoLA"]), GLUE["CoLA"])
    assert examples is not None and examples.inputs == ("The cat sat.", "Cat the sat.")
    assert examples.targets.tolist() == [1, 0]
    test = read_glue(written(tmp_path / "CoLA/test.tsv", "index\tsentence", "0\tA b."), GLUE["CoLA"])
    assert glue_examples(test, GLUE["CoLA"]) is None and glue_inputs(test, GLUE["CoLA"]) == ("A b.",)


def test_fit_reads_cola_without_its_header(tmp_path: Path) -> None:
    lines = [f"gj04\t{i % 2}\t{'*' * (1 - i % 2)}\tThe cat sat {i} times." for i in range(30)]
    table = read_table(written(tmp_path / "train.tsv", *lines))
    assert len(table) == 30 and any("has no header: read as CoLA's" in note for note in table.notes)
    examples = check_examples(table, choose_columns(table)).examples
    assert examples.inputs[1] == "The cat sat 1 times." and examples.where(1).endswith("train.tsv, line 2")
    assert [examples.names[target] for target in examples.targets[:3]] == ["0", "1", "0"]
    other = written(tmp_path / "other.tsv", "gj04\t2\t\tA cat sat.", *lines)
    with pytest.raises(UsageError, match="looks like a row, not like a header"):
        choose_columns(read_table(other))


def test_mnli_numbers_and_hidden_labels(tmp_path: Path) -> None:
    header = f"index\tpromptID\tpairID\tgenre\t{MNLI_PARSES}\tsentence1\tsentence2\tlabel1\tgold_label"
    row = "0\t1\t1e\tfiction\tp\tp\tp\tp\tOne.\tTwo.\tneutral\t"
    found = glue_examples(
        read_glue(written(tmp_path / "a.tsv", header, row + "neutral"), GLUE["MNLI"]), GLUE["MNLI"]
    )
    assert found is not None and found.names[found.targets[0]] == "neutral"
    hidden = read_glue(written(tmp_path / "b.tsv", header, row + "-1"), GLUE["MNLI"])
    assert glue_examples(hidden, GLUE["MNLI"]) is None
    with pytest.raises(DataError, match=r"c\.tsv, line 2: the label 'maybe' is none of MNLI's"):
        glue_examples(
            read_glue(written(tmp_path / "c.tsv", header, row + "maybe"), GLUE["MNLI"]), GLUE["MNLI"]
        )
    with pytest.raises(DataError, match=r"d\.tsv, line 2: has 1 cells between tabs, 12 are named"):
        read_glue(written(tmp_path / "d.tsv", header, "0"), GLUE["MNLI"])
    with pytest.raises(DataError, match="has no column 'question1', which QQP's files have"):
        read_glue(tmp_path / "a.tsv", GLUE["QQP"])
    score = "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore"
    stsb = written(tmp_path / "STS-B/dev.tsv", score, "0\ta\tb\t2012\t1\tx\ty\tOne.\tTwo.\t3.750")
    numbers = glue_examples(read_glue(stsb, GLUE["STS-B"]), GLUE["STS-B"])
    assert numbers is not None and numbers.targets.tolist() == [3.75] and numbers.task == "numbers"


def test_a_task_is_known_by_its_folder(tmp_path: Path) -> None:
    for name, task in (("RTE", "RTE"), ("sts_b", "STS-B"), ("sst2", "SST-2"), ("diagnostic", "AX")):
        (tmp_path / name).mkdir()
        assert glue_task(tmp_path / name).name == task
    with pytest.raises(UsageError, match="It holds 'RTE': give the one"):
        glue_task(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        glue_task(tmp_path / "nowhere")


def test_snli_in_both_forms(tmp_path: Path) -> None:
    lines = [
        '{"gold_label": "neutral", "sentence1": "A.", "sentence2": "B."}',
        '{"gold_label": "-", "sentence1": "A.", "sentence2": "C."}',
    ]
    examples, left_out = read_snli(written(tmp_path / "snli.jsonl", *lines))
    assert left_out == 1 and examples.inputs == (TextPair("A.", "B."),)
    assert examples.names[examples.targets[0]] == "neutral"
    tabs = written(tmp_path / "snli.txt", SNLI_TABS, "entailment\tp\tp\tA.\tB.\t1", "-\tp\tp\tA.\tB.\t1")
    again, left_out = read_snli(tabs)
    assert left_out == 1 and again.names[again.targets[0]] == "entailment"
    for bad, told in [
        (['{"gold_label": "neutral"}'], "line 1: has no sentence1"),
        (['{"gold_label": "yes", "sentence1": "A", "sentence2": "B"}'], "line 1: has the label 'yes'"),
        (["{"], "line 1: is not JSON"),
        (lines[1:], "no pair has a gold label"),
        ([""], "holds no rows"),
    ]:
        with pytest.raises(DataError, match=told):
            read_snli(written(tmp_path / "bad.jsonl", *bad))
