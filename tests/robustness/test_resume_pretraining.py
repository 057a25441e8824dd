"""A pretraining that was ended, or killed, goes on to the same bytes; or it is said why not."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from headway import api
from headway.cli.main import app
from headway.core.errors import RunError, UsageError
from headway.core.progress import Silent
from headway.training import checkpoints
from headway.training.pretrain_awd_lstm import AwdLstmOnText
from headway.training.pretrain_awd_lstm import Size as RecurrentSize
from headway.training.pretrain_elmo import Size as CharacterSize
from headway.training.pretraining import ARCHITECTURES, Size, pretraining_class
from headway.weights.read import read_tensors

TINY = {
    "awd-lstm": RecurrentSize(24, 48, 2, 200, 1e-2),
    "bert": Size(1, 64, 200, 32, 5e-3),
    "elmo": CharacterSize(((1, 8), (2, 16), (3, 16)), 32, 16, 200, 20, 1e-2),
    "gpt2": Size(1, 64, 320, 32, 1e-2),
    "t5": Size(1, 64, 180, 32, 1e-2),
    "transformer": Size(1, 64, 320, 512, 8e-3),
}
CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
from test_resume_pretraining import saving_often, small
from headway import api
small()
saving_often()
if sys.argv[3] == "new":
    api.pretrain(sys.argv[2], arch="awd-lstm", epochs=40, out=sys.argv[4])
else:
    api.pretrain(resume=sys.argv[4])
"""


def small() -> None:
    """Make the tiny sizes tiny."""
    for arch, size in TINY.items():
        pretraining_class(arch).sizes = {"tiny": size}


def saving_often() -> None:
    """Save after every step."""
    checkpoints.EVERY_SECONDS, checkpoints.SAVING_SHARE = 0.0, 1e9


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    for arch, size in TINY.items():
        monkeypatch.setattr(pretraining_class(arch), "sizes", {"tiny": size})
    monkeypatch.setattr(checkpoints, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(checkpoints, "SAVING_SHARE", 1e9)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A made-up document of 200 lines; each is a pair as well."""
    words = "rain cloud bread soup train ticket hotel map".split()
    draw = random.Random(0)
    lines = [" ".join(draw.choices(words, k=2)) for _ in range(200)]
    path = tmp_path / "corpus.txt"
    path.write_text("".join(f"{line}\t{line[::-1]}\n" for line in lines), encoding="utf-8")
    return path


class Ending(Silent):
    """Ends the training after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def advance(self, count: int = 1, note: str = "") -> None:
        self.left -= bool(note)
        if self.left == 0:
            raise KeyboardInterrupt


def made(folder: Path) -> dict[str, bytes]:
    """Return the files whose bytes are determined."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "pretraining.json"}


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_architecture_goes_on_to_the_same_bytes(arch: str, corpus: Path, tmp_path: Path) -> None:
    whole = api.pretrain(corpus, arch=arch, epochs=3, out=tmp_path / "whole")
    steps = json.loads((whole / "pretraining.json").read_text())["steps"]
    ended = tmp_path / "ended"
    with pytest.raises(KeyboardInterrupt) as caught:
        api.pretrain(corpus, arch=arch, epochs=3, out=ended, progress=Ending(max(1, steps * 2 // 5)))
    assert f"headway pretrain --resume {ended}" in caught.value.__notes__[0]
    assert not ended.exists()
    with pytest.raises(KeyboardInterrupt):
        api.pretrain(resume=ended, progress=Ending(max(1, steps * 2 // 5)))
    assert api.pretrain(resume=ended) == ended
    assert made(ended) == made(whole)
    assert not (tmp_path / "ended-unfinished").exists()


def test_averaging_goes_on_where_it_stood(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NT-ASGD, whose validations get worse from the first on, so that it averages from the eighth epoch on."""
    monkeypatch.setattr(AwdLstmOnText, "validate", lambda self: float(next(rising)))
    options = {"arch": "awd-lstm", "optimizer": "nt-asgd", "epochs": 12}
    rising = iter(range(1, 100))
    whole = api.pretrain(corpus, out=tmp_path / "whole", **options)  # type: ignore[arg-type]
    record = json.loads((whole / "pretraining.json").read_text())
    assert record["settings"]["optimizer"] == "nt-asgd" and record["settings"]["clip"] == 0.25
    rising, ended = iter(range(1, 100)), tmp_path / "ended"
    with pytest.raises(KeyboardInterrupt):
        api.pretrain(corpus, out=ended, progress=Ending(record["steps"] - 2), **options)  # type: ignore[arg-type]
    (newest,) = sorted((tmp_path / "ended-unfinished" / "checkpoints").glob("step-*"))[-1:]
    assert any(name.endswith(".mean") for name in read_tensors(newest / "state.safetensors"))
    api.pretrain(resume=ended)
    assert made(ended) == made(whole)
    plain = api.pretrain(corpus, arch="awd-lstm", epochs=12, out=tmp_path / "plain")
    assert made(plain)["model.safetensors"] != made(whole)["model.safetensors"]
    with pytest.raises(UsageError, match=r"--optimizer: bert is not trained by 'nt-asgd'"):
        api.pretrain(corpus, arch="bert", optimizer="nt-asgd", out=tmp_path / "out")


def test_killed_again_and_again_it_ends_in_the_same_bytes(corpus: Path, tmp_path: Path) -> None:
    whole = api.pretrain(corpus, arch="awd-lstm", epochs=40, out=tmp_path / "whole")
    out, kills = tmp_path / "killed", 0
    unfinished = tmp_path / "killed-unfinished"
    seen: list[str] = []
    while not out.is_dir():
        resume = "resume" if (unfinished / "plan.json").is_file() else "new"
        command = [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(corpus), resume, str(out)]
        child = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
        before = _newest(unfinished)
        while kills < 3 and child.poll() is None:
            if _newest(unfinished) > max(before, f"step-{20 * kills:08}"):
                child.send_signal(signal.SIGKILL)  # at whatever it does now: a step, or a save
                kills += 1
                seen.append(_newest(unfinished))
                break
        assert child.wait(timeout=300) in {0, -signal.SIGKILL}
    assert kills == 3 and seen == sorted(seen)
    assert made(out) == made(whole)


def _newest(unfinished: Path) -> str:
    return max((path.name for path in unfinished.glob("checkpoints/step-*")), default="")


def test_what_does_not_fit_is_said(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="no corpus given"):
        api.pretrain()
    with pytest.raises(RunError, match="no pretraining that did not finish"):
        api.pretrain(resume=out)
    with pytest.raises(KeyboardInterrupt):
        api.pretrain(corpus, epochs=2, out=out, progress=Ending(2))
    with pytest.raises(UsageError, match=r"--seed: stands in the run's plan .*\n.*headway pretrain --resume"):
        api.pretrain(resume=out, seed=1)
    with pytest.raises(UsageError, match="CORPUS: stands in the run's plan"):
        api.pretrain(corpus, resume=out)
    with pytest.raises(RunError, match=r"an earlier pretraining did not finish\n.*--resume"):
        api.pretrain(corpus, epochs=2, out=out)
    plan_file = tmp_path / "out-unfinished" / "plan.json"
    plan = json.loads(plan_file.read_text())
    plan["circumstances"]["processor"] = "an abacus"
    plan_file.write_text(json.dumps(plan))
    with pytest.raises(RunError, match=r"processor was an abacus, is .*\n.*--allow-inexact"):
        api.pretrain(resume=out)
    text = corpus.read_text()
    corpus.write_text(text + "another\tline\n")
    with pytest.raises(RunError, match="belongs to another training: corpus was "):
        api.pretrain(resume=out, allow_inexact=True)
    corpus.write_text(text)
    done = CliRunner().invoke(app, ["pretrain", "--resume", str(out), "--allow-inexact", "--quiet"])
    assert done.exit_code == 0 and f"headway fit DATA --model {out}" in done.stdout, done.output
    said: list[str] = []

    class Told(Silent):
        def say(self, text: str) -> None:
            said.append(text)

    api.pretrain(resume=out, progress=Told())
    assert "is finished" in said[0]
