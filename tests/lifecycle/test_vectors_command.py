"""`headway vectors`, in processes of their own: train, ask, score, convert; nothing of it loads torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from headway.weights.vectors.files import open_vectors

MAIN = "import sys; from headway.cli.main import main; main()"


def _headway(*arguments: object, fails: bool = False) -> str:
    command = [sys.executable, "-c", MAIN, "vectors", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr if fails else done.stdout


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sentences in which a king goes with a man as a queen with a woman."""
    path = tmp_path_factory.mktemp("corpus") / "royal.txt"
    lines = []
    for number in range(600):
        he, she = ("he", "she") if number % 2 else ("him", "her")
        lines.append(f"The king is a man, and {he} rules over town {number % 7}.")
        lines.append(f"The queen is a woman, and {she} rules over river {number % 7}.")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(corpus: Path) -> Path:
    folder = corpus.parent / "vectors"
    said = _headway("train", corpus, "--dimensions", 20, "--sample", 0, "--threads", 1, "--out", folder)
    assert "words of 20 numbers" in said and "Several threads" not in said
    return folder


def test_one_thread_gives_the_same_bytes_in_another_process(corpus: Path, folder: Path) -> None:
    again = corpus.parent / "again"
    arguments = ["--dimensions", 20, "--sample", 0, "--threads", 1, "--out", again, "--json"]
    record = json.loads(_headway("train", corpus, *arguments))
    assert (again / "vectors.safetensors").read_bytes() == (folder / "vectors.safetensors").read_bytes()
    assert record["reproducible"] and record["words"] == 1200 * 11
    assert "already exists" in _headway("train", corpus, *arguments, fails=True)


def test_ask_and_convert(folder: Path, tmp_path: Path) -> None:
    assert {"man", "he", "him"} & set(_headway("nearest", folder, "King", "--count", 6).split())
    assert "king" not in _headway("analogy", folder, "woman", "queen", "king").split()
    assert "Near spellings: queen" in _headway("nearest", folder, "queeen", fails=True)
    assert 'id="w0"' in (folder / "vectors.html").read_text(encoding="utf-8")
    _headway("picture", folder, "king", "queen", "--out", tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count("<svg") == 2
    _headway("convert", folder, tmp_path / "v.bin")
    assert open_vectors(tmp_path / "v.bin").matrix.tobytes() == open_vectors(folder).matrix.tobytes()
    assert "already exists" in _headway("convert", folder, tmp_path / "v.bin", fails=True)


def test_evaluate_says_on_how_much_it_rests(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("king\tman\t9\nqueen\twoman\t8\nking\triver\t1\nking\tqqqq\t5\n")
    (tmp_path / "questions.txt").write_text(": royal\nman king woman queen\nman king qqqq queen\n")
    said = _headway(
        "evaluate", folder, "--judgements", tmp_path / "pairs.tsv", "--analogies", tmp_path / "questions.txt"
    )
    assert "on 3 of 4 pairs" in said and "of 1 asked, 2 given" in said


def test_nothing_of_it_loads_torch(folder: Path) -> None:
    program = (
        "from headway import api\nfrom headway.weights.vectors.files import open_vectors\n"
        f"open_vectors({str(folder)!r}).nearest('king')\napi.train_vectors({str(folder.parent / 'royal.txt')!r}, "
        f"out={str(folder.parent / 'light')!r}, dimensions=20)\nimport sys\nprint('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
