"""A tagging run that was ended, whose outputs are rows of their own lengths, goes on to the same bytes."""

from pathlib import Path

import pytest

import headway
from headway.core.errors import RunError
from headway.models.linear_tagger import LinearTagger
from tagged_sentences import sentences, write_conll


def test_a_tagging_run_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    data = write_conll(tmp_path / "train.conll", sentences(80))
    whole = headway.fit(data, rungs="lexicon,ngrams", out=tmp_path / "whole")
    fit, count = LinearTagger.fit, 0

    def third(*arguments: object) -> LinearTagger:
        nonlocal count
        count += 1
        if count == 3:
            raise OSError("the power went away")
        return fit(*arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LinearTagger, "fit", third)
        with pytest.raises(OSError, match="power"):
            headway.fit(data, rungs="lexicon,ngrams", out=tmp_path / "ended")
    run = headway.fit(resume=tmp_path / "ended")
    files = {path.relative_to(whole.folder) for path in whole.folder.rglob("*") if path.is_file()}
    for name in files - {Path("run.json"), Path("report.html"), Path("plan.json")}:
        assert (whole.folder / name).read_bytes() == (run.folder / name).read_bytes(), name


def test_other_tags_are_other_data(tmp_path: Path) -> None:
    data = write_conll(tmp_path / "train.conll", sentences(80))
    fit = LinearTagger.fit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LinearTagger, "fit", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            headway.fit(data, rungs="lexicon,ngrams", out=tmp_path / "ended")
    assert LinearTagger.fit == fit
    data.write_text(data.read_text().replace("B-place", "B-person", 1))
    with pytest.raises(RunError, match="the data changed since this run began"):
        headway.fit(resume=tmp_path / "ended")
