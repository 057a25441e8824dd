"""A run that was ended goes on where it stood, or says why it does not."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import headway
from headway.core.errors import DataError, RunError, UsageError
from headway.core.progress import Silent
from headway.models.bag import Bag
from headway.models.linear_tagger import LinearTagger
from headway.models.majority import Majority
from tagged_sentences import sentences, write_conll


class Listener(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def data(topics_csv: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(topics_csv, tmp_path / "topics.csv"))


@pytest.fixture
def ended(data: Path, tmp_path: Path) -> Path:
    return ended_at_the_third(Bag, data, "majority,ngrams", tmp_path / "run")


def ended_at_the_third(kind: type[Any], data: Path, rungs: str, out: Path) -> Path:
    """Make the folder of a run that was ended at the third of five trainings of a model."""
    fit, count = kind.fit, 0

    def third(*arguments: object) -> Any:
        nonlocal count
        count += 1
        if count == 3:
            raise OSError("the power went away")
        return fit(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "fit", third)
        with pytest.raises(OSError, match="power"):
            headway.fit(data, rungs=rungs, out=out)
    return out


def require_same_bytes(whole: Path, ended: Path) -> None:
    files = {path.relative_to(whole) for path in whole.rglob("*") if path.is_file()}
    assert files == {path.relative_to(ended) for path in ended.rglob("*") if path.is_file()}
    for name in files - {Path("run.json"), Path("report.html"), Path("plan.json")}:
        assert (whole / name).read_bytes() == (ended / name).read_bytes(), name


def test_what_is_finished_is_not_trained_again(
    ended: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = headway.fit(data, rungs="majority,ngrams", out=tmp_path / "whole")
    fit, trained = Bag.fit, []

    def noted(*arguments: object) -> Bag:
        trained.append(arguments)
        return fit(*arguments)  # type: ignore[arg-type]

    def never(*_: object) -> Majority:
        raise AssertionError

    monkeypatch.setattr(Bag, "fit", noted)
    monkeypatch.setattr(Majority, "fit", never)
    run = headway.fit(resume=ended)
    assert len(trained) == 4  # three of five parts, and all rows
    assert run.record.command == whole.record.command
    require_same_bytes(whole.folder, ended)


def test_a_tagging_run_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    """Its outputs are rows of their own lengths."""
    data = write_conll(tmp_path / "train.conll", sentences(80))
    whole = headway.fit(data, rungs="lexicon,ngrams", out=tmp_path / "whole")
    ended = ended_at_the_third(LinearTagger, data, "lexicon,ngrams", tmp_path / "ended")
    headway.fit(resume=ended)
    require_same_bytes(whole.folder, ended)


def test_an_interrupted_run_concludes_and_goes_on_later(data: Path, tmp_path: Path) -> None:
    def interrupted(*_: object) -> Bag:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Bag, "fit", interrupted)
        first = headway.fit(data, rungs="majority,ngrams", out=tmp_path / "run")
    assert [rung.status for rung in first.record.rungs] == ["measured", "interrupted"]
    second = headway.fit(resume=tmp_path / "run")
    assert [rung.status for rung in second.record.rungs] == ["measured", "measured"]
    assert second.record.refitted
    listener = Listener()
    assert headway.fit(resume=tmp_path / "run", progress=listener).verdict == second.verdict
    assert "is finished" in listener.said[0]


def test_changed_data_are_refused(ended: Path, data: Path) -> None:
    data.write_text(data.read_text() + "rain again and again,weather\n")
    with pytest.raises(RunError, match=r"run: the data changed since this run began\n.*Put back"):
        headway.fit(resume=ended)
    data.unlink()
    with pytest.raises(DataError, match=r"topics\.csv"):
        headway.fit(resume=ended)
    assert (ended / "unfinished" / "ngrams" / "part 2" / "finished").is_dir()


def test_other_tags_are_other_data(tmp_path: Path) -> None:
    data = write_conll(tmp_path / "train.conll", sentences(80))
    ended = ended_at_the_third(LinearTagger, data, "lexicon,ngrams", tmp_path / "ended")
    data.write_text(data.read_text().replace("B-place", "B-person", 1))
    with pytest.raises(RunError, match="the data changed since this run began"):
        headway.fit(resume=ended)


def test_another_machine_has_to_be_allowed(ended: Path) -> None:
    plan = json.loads((ended / "plan.json").read_text())
    plan["machine"]["processor"] = "an abacus"
    plan["versions"]["numpy"] = "0.1"
    (ended / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(RunError, match=r"(?s)processor was an abacus, is .*numpy was 0\.1.*--allow-inexact"):
        headway.fit(resume=ended)
    listener = Listener()
    headway.fit(resume=ended, allow_inexact=True, progress=listener)
    assert any("not exactly as it would have been: processor was an abacus" in line for line in listener.said)


def test_what_stands_in_the_plan_is_not_given_again(ended: Path, data: Path) -> None:
    with pytest.raises(UsageError, match="--seed: stands in the run's plan"):
        headway.fit(resume=ended, seed=1)
    with pytest.raises(UsageError, match="DATA: stands in the run's plan"):
        headway.fit(data, resume=ended)
    with pytest.raises(UsageError, match="no data given"):
        headway.fit()


def test_a_second_process_is_refused_and_disturbs_nothing(ended: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom headway.ladder.kept import Kept\n"
        "with Kept(Path(sys.argv[1])).held():\n    print('held', flush=True)\n    sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(ended)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None and other.stdout.readline() == "held\n"
    before = sorted(ended.rglob("*"))
    with pytest.raises(RunError, match=r"another process is at work in it\n"):
        headway.fit(resume=ended)
    assert sorted(ended.rglob("*")) == before
    other.communicate("")
    headway.fit(resume=ended)


def test_a_damaged_plan_is_an_error(ended: Path) -> None:
    for content in ("{", "[]", '{"format": 1}', '{"format": 9}'):
        (ended / "plan.json").write_text(content)
        with pytest.raises(RunError, match=r"plan\.json"):
            headway.fit(resume=ended)
    (ended / "plan.json").unlink()
    with pytest.raises(RunError, match="ended before its plan stood"):
        headway.fit(resume=ended)
    with pytest.raises(RunError, match="no such folder"):
        headway.fit(resume=ended / "nothing")


def test_a_data_frame_is_given_again(
    topics_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import polars

    frame = polars.read_csv(topics_csv)
    with monkeypatch.context() as patch:
        patch.setattr(Bag, "fit", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        headway.fit(frame, rungs="majority,ngrams", out=tmp_path / "run")
    with pytest.raises(UsageError, match="made from a data frame"):
        headway.fit(resume=tmp_path / "run")
    with pytest.raises(RunError, match="the rows changed"):
        headway.fit(frame[::-1], resume=tmp_path / "run")
    run = headway.fit(frame, resume=tmp_path / "run")
    assert [rung.status for rung in run.record.rungs] == ["measured", "measured"]
