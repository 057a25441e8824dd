import shutil
from pathlib import Path

import pytest

from headway.core.files import remove_folder, sweep


def test_a_folder_whose_removal_is_ended_is_gone_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "3"
    (folder / "kept").mkdir(parents=True)
    (folder / "kept" / "index.json").write_text("{}")
    (folder / "kept" / "values").write_text("")

    def ended(path: Path, ignore_errors: bool = False) -> None:
        if path.is_dir():
            next(path.rglob("index.json")).unlink()
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "rmtree", ended)
        remove_folder(folder)
    assert not folder.exists()
    sweep(tmp_path)
    assert not list(tmp_path.iterdir())
    remove_folder(folder)  # nothing to do


def test_a_folder_is_removed_again_after_one_was_left(tmp_path: Path) -> None:
    for place in (tmp_path / ".3.gone", tmp_path / "3"):
        (place / "kept").mkdir(parents=True)
    remove_folder(tmp_path / "3")
    assert not list(tmp_path.iterdir())
