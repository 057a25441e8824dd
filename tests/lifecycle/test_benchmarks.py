"""GLUE and SNLI from their own files to the server's answers: training, the official table, submissions."""

import csv
import io
import random
from pathlib import Path

from command_line import headway as run_headway

WORDS = "rain sun snow bread soup cheese train ticket map hotel".split()
PARSES = "sentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse"


def pairs(count: int, seed: int) -> list[tuple[str, str, int]]:
    """First text, second text, and whether they are about the same."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        first = draw.sample(WORDS, 3)
        same = number % 3
        second = first[:] if same == 1 else draw.sample([word for word in WORDS if word not in first], 3)
        if same == 2:
            second[0] = first[0]
        draw.shuffle(second)
        found.append((" ".join(first) + "?", 'so "' + " ".join(second), same))
    return found


def write(path: Path, header: str, lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def qqp(folder: Path, order: int = 1) -> Path:
    header = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate"
    for name, seed in (("train", 0), ("dev", 1)):
        rows = [
            f"{i}\t{i}\t{i}\t{a}\t{b}\t{int(same == 1)}" for i, (a, b, same) in enumerate(pairs(90, seed))
        ]
        write(folder / f"QQP/{name}.tsv", header, rows[::order])
    rows = [f"{i}\t{a}\t{b}" for i, (a, b, _) in enumerate(pairs(20, 2))]
    write(folder / "QQP/test.tsv", "id\tquestion1\tquestion2", rows)
    return folder / "QQP"


NAMES = ("contradiction", "entailment", "neutral")


def mnli(folder: Path) -> Path:
    header = f"index\tpromptID\tpairID\tgenre\t{PARSES}\tsentence1\tsentence2"
    for name, seed in (("train", 0), ("dev_matched", 1), ("dev_mismatched", 2)):
        rows = [
            f"{i}\t{i}\t{i}n\tfiction\tp\tp\tp\tp\t{a}\t{b}\t{NAMES[same]}\t{NAMES[same]}"
            for i, (a, b, same) in enumerate(pairs(90, seed))
        ]
        write(folder / f"MNLI/{name}.tsv", header + "\tlabel1\tgold_label", rows)
    for name in ("test_matched", "test_mismatched"):
        rows = [f"{i}\t{i}\t{i}n\tfiction\tp\tp\tp\tp\t{a}\t{b}" for i, (a, b, _) in enumerate(pairs(9, 3))]
        write(folder / f"MNLI/{name}.tsv", header, rows)
    rows = [f"{i}\t{a}\t{b}" for i, (a, b, _) in enumerate(pairs(7, 4))]
    write(folder / "AX/diagnostic.tsv", "index\tsentence1\tsentence2", rows)
    return folder / "MNLI"


def wnli(folder: Path) -> Path:
    for name, seed in (("train", 0), ("dev", 1)):
        rows = [f"{i}\t{a}\t{b}\t{int(same == 1)}" for i, (a, b, same) in enumerate(pairs(90, seed))]
        write(folder / f"WNLI/{name}.tsv", "index\tsentence1\tsentence2\tlabel", rows)
    rows = [f"{i}\t{a}\t{b}" for i, (a, b, _) in enumerate(pairs(8, 3))]
    write(folder / "WNLI/test.tsv", "index\tsentence1\tsentence2", rows)
    return folder / "WNLI"


def fitted(data: Path, out: str, cwd: Path) -> None:
    run_headway("fit", data, "--rungs", "ngrams", "--out", out, "--no-refit", cwd=cwd)


def answers(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text()), delimiter="\t"))


def test_qqp_and_the_order_of_its_labels(tmp_path: Path) -> None:
    told, submitted = [], []
    for order in (1, -1):
        folder = qqp(tmp_path / f"glue{order}", order)
        fitted(folder / "train.tsv", f"qqp{order}", tmp_path)
        done = run_headway("evaluate", f"qqp{order}", "--glue", folder, "--out", f"out{order}", cwd=tmp_path)
        told.append([line.split("  ")[0] for line in done.stdout.splitlines()])
        assert "QQP dev  F1        " in done.stdout and "QQP dev  accuracy  " in done.stdout
        assert f"Answers for the server: out{order}/QQP.tsv" in done.stdout
        rows = answers(tmp_path / f"out{order}" / "QQP.tsv")
        assert [row["index"] for row in rows] == [str(i) for i in range(20)]
        submitted.append([row["prediction"] for row in rows])
    assert set(submitted[0]) == {"0", "1"}
    right = sum(
        said == str(int(same == 1)) for said, (_, _, same) in zip(submitted[0], pairs(20, 2), strict=True)
    )
    assert right >= 18
    assert submitted[0] == submitted[1] and told[0][:-1] == told[1][:-1]
    again = run_headway(
        "evaluate", "qqp1", "--glue", tmp_path / "glue1/QQP", "--out", "out1", cwd=tmp_path, status=1
    )
    assert "already exists" in again.stderr


def test_mnli_and_the_diagnostic_set(tmp_path: Path) -> None:
    folder = mnli(tmp_path)
    fitted(folder / "train.tsv", "nli", tmp_path)
    done = run_headway("evaluate", "nli", "--glue", folder, cwd=tmp_path).stdout
    assert "MNLI-m dev   accuracy  " in done and "MNLI-mm dev  accuracy  " in done
    run_headway("evaluate", "nli", "--glue", tmp_path / "AX", cwd=tmp_path)
    for name, count in (("MNLI-m", 9), ("MNLI-mm", 9), ("AX", 7)):
        rows = answers(tmp_path / "submission" / f"{name}.tsv")
        assert len(rows) == count and {row["prediction"] for row in rows} <= set(NAMES)
    jsonl = [
        f'{{"gold_label": "{NAMES[same]}", "sentence1": "{a}", "sentence2": "{b[4:]}"}}'
        for a, b, same in pairs(40, 5)
    ]
    path = write(tmp_path / "snli_1.0_test.jsonl", jsonl[0].replace("contradiction", "-"), jsonl)
    scored = run_headway("evaluate", "nli", "--snli", path, cwd=tmp_path).stdout
    assert "SNLI snli_1.0_test.jsonl  accuracy" in scored and "40 rows" in scored
    assert "1 pairs without a gold label are not scored" in scored


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    folder = wnli(tmp_path)
    fitted(folder / "train.tsv", "wnli", tmp_path)
    assert "WNLI dev  accuracy" in run_headway("evaluate", "wnli", "--glue", folder, cwd=tmp_path).stdout
    wrong = run_headway("evaluate", "wnli", "--glue", mnli(tmp_path), cwd=tmp_path, status=1)
    assert "the run answers with '0', '1'; MNLI is answered with 'contradiction'" in wrong.stderr
    (tmp_path / "CoLA").mkdir()
    wrong = run_headway("evaluate", "wnli", "--glue", tmp_path / "CoLA", cwd=tmp_path, status=1)
    assert "not trained on single texts, which CoLA has" in wrong.stderr
    hidden = write(
        tmp_path / "hidden.tsv", "sentence1\tsentence2\tlabel", [f"{a}\t{b}\t-1" for a, b, _ in pairs(30, 1)]
    )
    refused = run_headway("evaluate", "wnli", hidden, cwd=tmp_path, status=1)
    assert "they are hidden, and only the benchmark's server can score such a file" in refused.stderr
