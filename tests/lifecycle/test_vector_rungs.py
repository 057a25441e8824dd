"""The rungs of vectors through `fit`: folds, budget, missing weights, a fresh process without torch, the same bytes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_pairs_and_numbers import write_pairs
from test_several_labels import write_labels
from tests.shared_files import FIXTURES

import headway
from conftest import put_tiny_zoo
from headway.bundle.predictors import load_predictor
from headway.core.errors import UsageError
from headway.ladder.rungs import USUAL, text_rungs

TEXTS = ["rain and wind", "a cheese soup", "the train station", ""]
FASTTEXT = FIXTURES / "word_vectors" / "lee_fasttext.bin"
RUNGS = ["embeddings", "vectors", "static"]


@pytest.fixture(scope="module")
def run(topics_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> headway.Run:
    with pytest.MonkeyPatch.context() as patch:
        put_tiny_zoo(tmp_path_factory, patch)
        return headway.fit(topics_csv, rungs=RUNGS, fetch=True, out=tmp_path_factory.mktemp("runs") / "run")


def test_they_predict_the_same_in_a_fresh_process_without_torch(run: headway.Run) -> None:
    assert {rung.name: rung.status for rung in run.record.rungs} == dict.fromkeys(RUNGS, "measured")
    for rung in RUNGS:
        program = (
            "import json, sys; from pathlib import Path; from headway.bundle.predictors import load_predictor\n"
            f"found = load_predictor(Path(sys.argv[1])).predict({TEXTS!r}).tolist()\n"
            "assert not {'torch', 'sklearn', 'numba'} & set(sys.modules)\n"
            "print(json.dumps(found))"
        )
        folder = run.folder / "rungs" / rung
        command = [sys.executable, "-c", program, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        ours = load_predictor(folder).predict(TEXTS)
        np.testing.assert_allclose(json.loads(done.stdout), ours, atol=1e-6)
        assert (ours[:3].argmax(axis=1) == [2, 0, 1]).all()


def test_the_same_seed_gives_the_same_bytes(
    run: headway.Run, tiny_zoo: Path, topics_csv: Path, tmp_path: Path
) -> None:
    again = headway.fit(topics_csv, rungs=RUNGS, fetch=True, out=tmp_path / "again")
    files = [path.relative_to(run.folder) for path in (run.folder / "rungs").rglob("*") if path.is_file()]
    for name in [*files, Path("predictions.csv")]:
        assert (run.folder / name).read_bytes() == (again.folder / name).read_bytes(), name


def test_averaged_vectors_serve_pairs_numbers_and_several_labels(tiny_zoo: Path, tmp_path: Path) -> None:
    tables = {
        "majority": ("macro_f1", write_pairs(tmp_path / "nli.tsv", "label", rows=600)),
        "mean": ("pearson", write_pairs(tmp_path / "sts.tsv", "score")),
        "shares": ("micro_f1", write_labels(tmp_path / "labels.jsonl", 180)),
    }
    for blind, (metric, table) in tables.items():
        run = headway.fit(table, rungs=f"{blind},vectors", fetch=True, refit=False, out=tmp_path / blind)
        without, with_vectors = (rung.scores[metric].value for rung in run.record.rungs if rung.scores)
        assert with_vectors > without + 0.1, (blind, without, with_vectors)
        one = ("rain sun hail", "rain sun snow") if blind != "shares" else "rain and bread"
        assert len(run.predict([one, one], "vectors")) == 2


def test_vectors_that_know_few_of_the_words_say_so(
    tiny_zoo: Path, topics_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from headway.cli.display import PlainLines

    korean = tmp_path / "korean.csv"
    lines = topics_csv.read_text(encoding="utf-8").splitlines()
    text = "\n".join([lines[0], *(f"{'오늘은 날씨가 좋다 🌧️ ' * 3}{line}" for line in lines[1:])])
    korean.write_text(text, encoding="utf-8")
    run = headway.fit(korean, rungs="vectors", fetch=True, out=tmp_path / "run", progress=PlainLines())
    assert "of the words of these texts have a vector (from glove-6b-50d)" in capsys.readouterr().err
    assert run.record.rungs[0].settings is not None
    assert run.record.rungs[0].settings["known_words"] < 0.5


def test_vectors_that_are_not_cached_are_named_with_the_command(
    tiny_zoo: Path, topics_csv: Path, tmp_path: Path
) -> None:
    run = headway.fit(topics_csv, rungs="majority,vectors", fetch=False, out=tmp_path / "run")
    assert "headway zoo fetch glove-6b-50d" in (run.record.rungs[1].reason or "")


def test_the_usual_ladder_leaves_them_out(tiny_zoo: Path, topics_csv: Path, tmp_path: Path) -> None:
    run = headway.fit(topics_csv, budget=0.2, fetch=False, out=tmp_path / "run")
    known = [rung.name for rung in text_rungs(None)]
    assert [rung.name for rung in run.record.rungs] == [name for name in known if name in USUAL]
    assert set(known) > {*RUNGS} and not {*RUNGS} & {*USUAL}


def test_vectors_are_trained_on_texts_without_labels(
    tiny_zoo: Path, topics_csv: Path, tmp_path: Path
) -> None:
    texts = tmp_path / "texts.txt"
    lines = [line.rsplit(" ", 1)[0] for line in topics_csv.read_text(encoding="utf-8").splitlines()[1:]]
    texts.write_text("\n".join(f"{line} {again}" for line in lines for again in "abc"), encoding="utf-8")
    runs = [
        headway.fit(topics_csv, rungs="vectors", unlabelled=texts, fetch=False, out=tmp_path / name)
        for name in ("run", "again")
    ]
    settings = runs[0].record.rungs[0].settings
    assert settings is not None and settings["d_model"] == 100 and 30 < settings["vectors"] < 60
    assert settings["known_words"] > 0.8
    matrix = Path("rungs/vectors/averaged_vectors.safetensors")
    assert (runs[0].folder / matrix).read_bytes() == (runs[1].folder / matrix).read_bytes()


@pytest.mark.skipif(not FASTTEXT.is_file(), reason="shared/fixtures/word_vectors is not here")
def test_own_vectors_are_averaged_and_their_subwords_read_what_is_not_listed(
    tiny_zoo: Path, topics_csv: Path, tmp_path: Path
) -> None:
    run = headway.fit(topics_csv, rungs="vectors", vectors=FASTTEXT, fetch=False, out=tmp_path / "run")
    settings = run.record.rungs[0].settings
    assert settings is not None and settings["subwords"] > 0 and settings["known_words"] > 0.9
    assert run.predict(["unheardofword"])[0].label
    with pytest.raises(UsageError, match="neither word vectors of the zoo nor a file"):
        headway.fit(topics_csv, rungs="vectors", vectors="nowhere.bin", out=tmp_path / "other")
