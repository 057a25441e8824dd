import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor

from headway.core.errors import WeightsError
from headway.weights import read
from headway.weights.read import read_tensors, write_safetensors

TENSORS = {
    "a": torch.arange(6.0).view(2, 3),
    "b": torch.tensor([1, 2]),
    "half": torch.ones(2, dtype=torch.bfloat16),
}
FORMATS = ["safetensors", "zip", "legacy"]


def _write(path: Path, form: str, tensors: dict[str, Tensor] = TENSORS) -> Path:
    if form == "safetensors":
        write_safetensors(path, tensors)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=form == "zip")
    return path


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_read_by_its_content(form: str, tmp_path: Path) -> None:
    found = read_tensors(_write(tmp_path / "weights", form))
    assert found.keys() == TENSORS.keys()
    assert all(
        torch.equal(found[name], tensor) and found[name].dtype == tensor.dtype
        for name, tensor in TENSORS.items()
    )


@pytest.mark.parametrize("form", FORMATS)
def test_changing_what_was_read_leaves_the_file_alone(form: str, tmp_path: Path) -> None:
    path = _write(tmp_path / "weights", form)
    read_tensors(path)["a"].zero_()
    assert torch.equal(read_tensors(path)["a"], TENSORS["a"])


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_cut_anywhere_is_refused_by_name_with_a_remedy(form: str, tmp_path: Path) -> None:
    whole = _write(tmp_path / "whole", form).read_bytes()
    path = tmp_path / "weights"
    for length in {0, 1, 7, 8, 20, len(whole) // 3, len(whole) // 2, len(whole) - 1}:
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError) as caught:
            read_tensors(path)
        assert str(path) in str(caught.value)
        assert caught.value.remedy


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<!doctype html><html>not found</html>", "not a weights file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS pointer"),
        (b"\xff" * 7 + b"\x7f" + b"{}", "damaged or incomplete"),
        (b"PK\x03\x04 and nothing more", "damaged or incomplete"),
    ],
)
def test_other_files_are_refused(content: bytes, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=problem):
        read_tensors(path)


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("this must never run",)


@pytest.mark.parametrize("form", ["zip", "legacy", "plain"])
def test_code_in_a_pickle_never_runs(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.bin"
    if form == "plain":
        path.write_bytes(pickle.dumps({"a": _Evil()}))
    else:
        torch.save({"a": _Evil()}, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(WeightsError, match=r"refused|damaged"):
        read_tensors(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_a_small_file_that_pretends_to_be_huge_is_refused(form: str, tmp_path: Path) -> None:
    path = _write(tmp_path / "model.bin", form, {"a": torch.zeros(1).expand(10**12)})
    with pytest.raises(WeightsError, match="more than"):
        read_tensors(path)


def test_a_file_beyond_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "LIMIT", 10)
    with pytest.raises(WeightsError, match="more than the 10 B"):
        read_tensors(_write(tmp_path / "weights", "safetensors"))


def test_what_is_no_table_of_tensors_is_refused(tmp_path: Path) -> None:
    torch.save([torch.zeros(1)], tmp_path / "list.bin")
    with pytest.raises(WeightsError, match="holds a list"):
        read_tensors(tmp_path / "list.bin")
    torch.save({"a": torch.zeros(1), "epoch": 3}, tmp_path / "mixed.bin")
    with pytest.raises(WeightsError, match="no tensors: epoch"):
        read_tensors(tmp_path / "mixed.bin")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"missing\.bin: cannot be read: No such file"):
        read_tensors(tmp_path / "missing.bin")
