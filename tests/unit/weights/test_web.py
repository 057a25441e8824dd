"""Files at web addresses, against a server on this machine; torchvision's rule for hashes that are not known."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from headway.core.errors import FetchError
from headway.core.progress import Silent
from headway.weights import cache
from headway.weights.picture_rows import PICTURES, PictureEntry
from headway.weights.sources import LocalFolder, PublishedFile, WebFile
from hub_server import Hub, serve

CONTENT = os.urandom(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = f"resnet50-{SHA256[:8]}.pth"


class Counter(Silent):
    count = 0

    def advance(self, count: int = 1, note: str = "") -> None:
        self.count += count


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("HEADWAY_CACHE", str(tmp_path / "cache"))
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    files = {NAME: CONTENT, "resnet50-00000000.pth": CONTENT, "resnet50.pth": CONTENT}
    with serve("models", "v1", files, set()) as endpoint:
        yield f"{endpoint}/models/resolve/v1/"


def _entry(address: str, sha256: str | None = None, size: int | None = None) -> PictureEntry:
    return replace(
        PICTURES["resnet-50-v2"],
        files=(PublishedFile("resnet-50-v2.pth", sha256, size),),
        sources=(
            LocalFolder(variable="HEADWAY_WEIGHTS", subfolder="nowhere"),
            WebFile({"resnet-50-v2.pth": address}),
        ),
    )


def test_a_name_that_declares_the_hash_is_checked_and_the_hash_remembered(
    address: str, tmp_path: Path
) -> None:
    entry, progress = _entry(address + NAME), Counter()
    folder = cache.fetch(entry, progress)
    assert (folder / "resnet-50-v2.pth").read_bytes() == CONTENT
    assert progress.count == len(CONTENT)
    remembered = json.loads((tmp_path / "cache" / "hashes.json").read_text())
    assert remembered == {"resnet-50-v2": {"resnet-50-v2.pth": {"sha256": SHA256, "size": len(CONTENT)}}}
    asked = len(Hub.requests)
    assert cache.is_cached(entry) and cache.fetch(entry, offline=True) == folder
    assert len(Hub.requests) == asked
    (folder / "resnet-50-v2.pth").unlink()
    Hub.served[NAME] = b"other bytes"
    with pytest.raises(FetchError, match=f"has 11 bytes instead of {len(CONTENT)}"):
        cache.fetch(entry)


def test_other_bytes_than_the_name_declares_are_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="its address declares 00000000, which is not that of what came"):
        cache.fetch(_entry(address + "resnet50-00000000.pth"))
    assert not (tmp_path / "cache" / "resnet-50-v2").exists()


def test_a_name_that_declares_nothing_needs_a_hash_in_the_catalog(address: str) -> None:
    with pytest.raises(FetchError, match="neither the catalog nor the address declares a hash"):
        cache.fetch(_entry(address + "resnet50.pth"))
    assert Hub.requests == []
    folder = cache.fetch(_entry(address + "resnet50.pth", SHA256, len(CONTENT)))
    assert (folder / "resnet-50-v2.pth").read_bytes() == CONTENT


def test_a_broken_download_goes_on_where_it_stopped(address: str) -> None:
    Hub.fail_after = 2_500_000
    with pytest.raises(FetchError, match=r"broke off after 2500000 of 3000000 bytes|IncompleteRead"):
        cache.fetch(_entry(address + NAME))
    Hub.fail_after = None
    progress = Counter()
    folder = cache.fetch(_entry(address + NAME), progress)
    assert (folder / "resnet-50-v2.pth").read_bytes() == CONTENT
    assert Hub.requests[-1].endswith("bytes=2500000-") and progress.count == len(CONTENT)


def test_what_is_not_there_and_what_is_no_web_address(address: str) -> None:
    with pytest.raises(FetchError, match=r"resnet-50-v2\.pth: HTTP Error 404"):
        cache.fetch(_entry(address + "gone-12345678.pth"))
    with pytest.raises(FetchError, match="is no web address"):
        cache.fetch(_entry("file:///etc/hostname-12345678.pth"))
    with pytest.raises(FetchError, match="not asked, offline"):
        cache.fetch(_entry(address + NAME), offline=True)
