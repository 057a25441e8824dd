"""The frozen and the fine-tuned rung on a tiny encoder: train, save, load in a fresh process, the same bytes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headway
from conftest import Parted, put_tiny_zoo
from headway.bundle.predictors import load_predictor
from headway.cli.display import print_ladder
from headway.core.errors import UsageError
from headway.core.progress import Silent
from headway.core.tensors import load_arrays
from headway.ladder.wording import seeds_words

TEXTS = ["rain and wind", "a cheese soup", "the train station", ""]
BOTH: dict[str, Any] = {"rungs": "frozen,finetuned", "recipe": {"epochs": 2}}


@pytest.fixture(scope="module")
def run(topics_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> headway.Run:
    with pytest.MonkeyPatch.context() as patch:
        put_tiny_zoo(tmp_path_factory, patch)
        return headway.fit(topics_csv, fetch=True, out=tmp_path_factory.mktemp("runs") / "run", **BOTH)


def test_each_rung_predicts_the_same_in_a_fresh_process(run: headway.Run) -> None:
    for rung in ("frozen", "finetuned"):
        folder = run.folder / "rungs" / rung
        program = (
            "import json, sys; from pathlib import Path; from headway.bundle.predictors import load_predictor\n"
            f"print(json.dumps(load_predictor(Path(sys.argv[1])).predict({TEXTS!r}).tolist()))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(folder)],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        ours = load_predictor(folder).predict(TEXTS)
        np.testing.assert_allclose(json.loads(done.stdout), ours, atol=1e-6)
        np.testing.assert_allclose(ours.sum(axis=1), 1, atol=1e-12)


def test_the_ngrams_stand_before_an_encoder_is_loaded(
    tiny_zoo: Path, topics_csv: Path, tmp_path: Path
) -> None:
    said: list[str] = []

    class Told(Silent):
        def say(self, text: str) -> None:
            said.append(text.strip())

    headway.fit(
        topics_csv, rungs="ngrams,frozen", fetch=True, refit=False, out=tmp_path / "run", progress=Told()
    )
    order = [
        line.split(" ")[0]
        for line in said
        if line.startswith(("N-grams: acc", "Networks", "Frozen encoder: acc"))
    ]
    assert order == [
        "N-grams:",
        "Networks",
        "Frozen",
    ]  # its score, then what torch decides, then the encoder's score
    plan = json.loads((tmp_path / "run" / "plan.json").read_text())
    assert [decision["rung"] for decision in plan["decisions"]] == ["ngrams", "frozen"]


def test_the_same_seed_gives_the_same_bytes(
    run: headway.Run, tiny_zoo: Path, topics_csv: Path, tmp_path: Path
) -> None:
    again = headway.fit(topics_csv, fetch=True, out=tmp_path / "again", **BOTH)
    files = sorted(
        path.relative_to(run.folder) for path in (run.folder / "rungs").rglob("*") if path.is_file()
    )
    assert sum(path.name == "model.safetensors" for path in files) == 2
    for name in [*files, Path("predictions.csv")]:
        assert (run.folder / name).read_bytes() == (again.folder / name).read_bytes(), name
    one = BOTH | {"rungs": "finetuned", "seed": 1}
    other = headway.fit(topics_csv, fetch=False, out=tmp_path / "other", **one)
    weights = Path("rungs/finetuned/model.safetensors")
    assert (run.folder / weights).read_bytes() != (other.folder / weights).read_bytes()


def test_a_batch_and_its_order_do_not_change_a_prediction(run: headway.Run) -> None:
    for rung in ("frozen", "finetuned"):
        predictor = run.predictor(rung)
        texts = [*TEXTS, "snow " * 40, "taxi"]
        together = predictor.predict(texts)
        alone = np.concatenate([predictor.predict([text]) for text in texts])
        np.testing.assert_allclose(together, alone, atol=1e-6)
        np.testing.assert_allclose(predictor.predict(texts[::-1])[::-1], together, atol=1e-6)


def test_what_is_cut_is_counted(tiny_zoo: Path, topics_csv: Path, tmp_path: Path) -> None:
    long = tmp_path / "long.csv"
    lines = topics_csv.read_text().splitlines()
    long.write_text("\n".join([lines[0], *(line.replace(",", " rain" * 20 + ",") for line in lines[1:])]))
    run = headway.fit(long, rungs="frozen", fetch=True, out=tmp_path / "run")
    assert run.record.rungs[0].texts_cut == 240


def test_the_ladder_without_weights_says_how_to_fetch_them_and_finishes(
    tiny_zoo: Path, topics_csv: Path, tmp_path: Path
) -> None:
    run = headway.fit(topics_csv, out=tmp_path / "run", fetch=False)
    states = {rung.name: rung.status for rung in run.record.rungs}
    assert states == {
        "majority": "measured",
        "ngrams": "measured",
        "frozen": "not tried",
        "distilled": "not tried",
        "finetuned": "not tried",
    }
    assert "headway zoo fetch minilm" in (run.record.rungs[2].reason or "")


def test_a_rung_beyond_the_budget_is_listed_with_its_estimate(
    tiny_zoo: Path, topics_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "headway.tasks.tokenizer_fit.MOST_UNKNOWN", 1.0
    )  # the tiny vocabulary knows few words
    run = headway.fit(topics_csv, out=tmp_path / "run", fetch=True, budget=0.2)
    last = run.record.rungs[-1]
    assert last.status == "not tried"
    assert last.estimate_seconds is not None and last.estimate_seconds > 0
    assert "of the budget" in (last.reason or "")


def test_a_damaged_cache_is_refused_with_the_remedy(tiny_zoo: Path, topics_csv: Path, tmp_path: Path) -> None:
    from headway.weights import cache, catalog

    folder = cache.fetch(catalog.find("minilm"))
    weights = folder / "model.safetensors"
    damaged = bytearray(weights.read_bytes())
    damaged[-1] ^= 1
    weights.write_bytes(damaged)
    run = headway.fit(topics_csv, rungs="ngrams,frozen", out=tmp_path / "run", fetch=False)
    frozen = run.record.rungs[-1]
    assert frozen.status == "failed"
    assert "sha256" in (frozen.reason or "") and "headway zoo fetch minilm" in (frozen.reason or "")


def test_rates_are_tried_and_one_is_suggested(tiny_zoo: Path, topics_csv: Path) -> None:
    from headway import api
    from headway.weights import cache, catalog

    cache.fetch(catalog.find("minilm"))
    found = api.learning_rates(topics_csv)
    assert len(found.rates) == len(found.losses) > 50
    assert found.suggested in found.rates


@pytest.mark.parametrize("shard", [0, 1])
def test_under_torchrun_two_processes_make_one_run_and_nearly_the_same_model(
    shard: int, tiny_zoo: Path, topics_csv: Path, tmp_path: Path
) -> None:
    """Without dropout, which each process draws for its own rows, only the rounding of the sums differs."""
    lines = topics_csv.read_text().splitlines()
    (tmp_path / "train.csv").write_text("\n".join(lines[:121]) + "\n")
    (tmp_path / "test.csv").write_text("\n".join([lines[0], *lines[121:181]]) + "\n")
    config = json.loads((tiny_zoo / "config.json").read_text())
    dropouts = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (tiny_zoo / "config.json").write_text(json.dumps(config | dropouts))
    data = {"test": tmp_path / "test.csv", "rungs": "finetuned", "refit": False, "seed": 3}
    one = headway.fit(
        tmp_path / "train.csv",
        model=tiny_zoo,
        recipe={"epochs": 2, "head_factor": 1},  # AdamW makes a whole step of a gradient's rounding
        out=tmp_path / "run-1",
        **data,  # type: ignore[arg-type]
    )
    launcher = "-m torch.distributed.run --standalone --nproc-per-node 2 -m headway fit".split()
    options = (
        "--rungs finetuned --no-refit --set epochs=2 --set head_factor=1 --seed 3 --quiet --out run-2".split()
    )
    options += ["--set", f"shard={shard}"]
    done = subprocess.run(
        [sys.executable, *launcher, "train.csv", "--test", "test.csv", "--model", str(tiny_zoo), *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Report:") == 1
    two = headway.load(tmp_path / "run-2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run-1", "run-2", "test.csv", "train.csv"]
    weights = "rungs/finetuned/model.safetensors"
    found = load_arrays(two.folder / weights)
    for name, expected in load_arrays(one.folder / weights).items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-3, atol=1e-3, err_msg=name)


def test_settings_reach_the_training_and_the_best_of_several_is_kept(
    tiny_zoo: Path, parted_topics: Parted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = {
        "epochs": 4,
        "patience": 1,
        "seeds": 2,
        "schedule": "cosine",
        "layer_decay": 0.8,
        "fresh_layers": 1,
        "start": "probe",
        "contrastive": 6,
    }
    options: dict[str, Any] = {
        "test": parted_topics.test,
        "rungs": "finetuned",
        "refit": False,
        "fetch": True,
    }
    run = headway.fit(parted_topics.train, recipe=recipe, out=tmp_path / "run", **options)
    (rung,) = run.record.rungs
    assert rung.status == "measured" and rung.settings is not None
    assert recipe.items() <= rung.settings.items()
    assert rung.seed_scores is not None and list(rung.seed_scores) == rung.settings["seed_scores"]
    assert len(set(rung.seed_scores)) == 2 and 0 < min(rung.seed_scores) <= max(rung.seed_scores) <= 1
    assert seeds_words(rung.seed_scores) in run.report.read_text(encoding="utf-8")
    print_ladder(run.record)
    assert f"  Fine-tuned encoder: {seeds_words(rung.seed_scores)}\n" in capsys.readouterr().out
    assert headway.load(run.folder).record == run.record
    with pytest.raises(UsageError, match=r"(?s)unknown key 'rate'.*learning_rate"):
        headway.fit(parted_topics.train, recipe={"rate": 1}, out=tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_what_is_computed_at_once_is_decided_by_memory_planned_and_kept_on_resume(
    tiny_zoo: Path, parted_topics: Parted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headway.ladder import encoder_training
    from headway.training.memory import Need

    said: list[str] = []

    class Told(Silent):
        def say(self, text: str) -> None:
            said.append(text.strip())

    def full(need: Need, free: int) -> int:
        return chosen(need, int((need.memory(need.longest) + need.per_token * 40) / 0.8))

    def killed(*_: object) -> None:
        raise OSError("the power went away")

    chosen = Need.tokens_at_once
    monkeypatch.setattr(Need, "tokens_at_once", full)
    options: dict[str, Any] = {
        "test": parted_topics.test,
        "rungs": "ngrams,distilled,finetuned",
        "recipe": {"epochs": 1},
        "fetch": True,
        "refit": False,
    }
    with monkeypatch.context() as patch:
        patch.setattr(encoder_training.FineTuning, "fit", killed)
        with pytest.raises(OSError, match="power"):
            headway.fit(parted_topics.train, out=tmp_path / "run", progress=Told(), **options)
    plan = json.loads((tmp_path / "run" / "plan.json").read_text())
    ngrams, *others = [decision["tokens_at_once"] for decision in plan["decisions"]]
    (planned,) = set(others)
    assert ngrams is None
    assert 16 < planned < 64  # the longest text has at most 16, a batch of 32 up to 500
    assert any(f"memory with at most {planned} tokens at once" in line for line in said)
    monkeypatch.setattr(Need, "tokens_at_once", chosen)
    run = headway.fit(resume=tmp_path / "run")
    assert [(rung.settings or {}).get("tokens_at_once") for rung in run.record.rungs] == [
        None,
        planned,
        planned,
    ]


def test_a_text_for_which_there_is_no_memory_is_said(
    tiny_zoo: Path, topics_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headway.ladder import encoder_training

    monkeypatch.setattr(encoder_training, "available_memory", lambda device: 500_000_000)
    run = headway.fit(topics_csv, rungs="majority,finetuned", fetch=True, out=tmp_path / "run")
    last = run.record.rungs[-1]
    assert last.status == "not tried"
    assert "tokens at a time would need about" in (last.reason or "") and "500 MB are free" in (
        last.reason or ""
    )
