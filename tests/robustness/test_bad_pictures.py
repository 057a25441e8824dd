"""Bad pictures: each is counted and reported by name, over a threshold it stops; no crash, and no grey filled in."""

import os
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from headway.core.errors import DataError, PictureError
from headway.core.preprocessing import PicturePreprocessing
from headway.data import images, picture_stores
from headway.data.images import decode, prepare, read_pixels
from headway.data.picture_checks import check_pictures
from headway.data.pictures import list_pictures
from picture_files import animated_gif, class_folders, photo, png_bomb, saved

JPEG = saved(photo(0), "JPEG", quality=90)
PNG = saved(photo(0), "PNG")
RECORD = PicturePreprocessing(resize=40, crop=32)

BAD = {
    "cut.jpg": (JPEG[: len(JPEG) // 2], images.DAMAGED),
    "cut.png": (PNG[: len(PNG) // 2], images.DAMAGED),
    "text.jpg": (b"just some words\n", images.NO_PICTURE),
    "empty.jpg": (b"", images.NO_PICTURE),
    "bomb.png": (png_bomb(), images.TOO_LARGE),
    "moving.gif": (animated_gif(), images.ANIMATED),
    "dot.png": (saved(Image.new("RGB", (1, 1)), "PNG"), images.TOO_SMALL),
    "black.jpg": (saved(Image.new("RGB", (60, 48)), "JPEG"), images.BLANK),
    "clear.png": (saved(Image.new("RGBA", (60, 48), (9, 9, 9, 0)), "PNG"), images.BLANK),
    "float.tif": (
        saved(Image.fromarray(np.random.rand(20, 20).astype(np.float32)), "TIFF"),
        images.UNKNOWN_PIXELS,
    ),
    "words.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n", None),
}


@pytest.mark.parametrize("name", [name for name, (_, reason) in BAD.items() if reason])
def test_a_bad_picture_is_left_out_and_told_by_name(name: str, tmp_path: Path) -> None:
    data, reason = BAD[name]
    with pytest.raises(PictureError) as caught:
        decode(data)
    assert caught.value.reason == reason
    (class_folders(tmp_path) / "ants" / name).write_bytes(data)
    checked = check_pictures(list_pictures(tmp_path))
    assert checked.dropped == {reason: 1}
    assert checked.dropped_names == {reason: (f"ants/{name}",)}
    assert any(f"1 picture left out, as each {reason}: 'ants/{name}'" in note for note in checked.notes)
    assert len(checked.pictures) == 24


def test_over_the_threshold_it_stops_and_names_each_reason(tmp_path: Path) -> None:
    class_folders(tmp_path)
    for name, (data, _) in BAD.items():
        (tmp_path / "bees" / name).write_bytes(data)
    pictures = list_pictures(tmp_path)
    assert any("'bees/words.eps'" in note for note in pictures.notes)  # no picture by its name
    with pytest.raises(DataError) as caught:
        check_pictures(pictures)
    problem, _, remedy = str(caught.value).partition("\n")
    assert "10 of 34 pictures (29.4%) cannot be used" in problem and "--drop-limit (now 5 %)" in remedy
    for reason in {reason for _, reason in BAD.values() if reason}:
        assert reason in problem
    assert "2: is damaged or ends too early ('bees/cut.jpg', 'bees/cut.png')" in problem
    assert check_pictures(pictures, drop_limit=0.3).dropped[images.BLANK] == 2


def test_a_large_picture_is_refused_before_it_is_decoded() -> None:
    import tracemalloc

    bomb = png_bomb()
    tracemalloc.start()
    with pytest.raises(PictureError, match=r"has too many pixels \(30,000 x 30,000\)"):
        decode(bomb)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_long_picture_costs_no_more_than_another() -> None:
    """Made 256 pixels high, 30,000 x 20 pixels would be 384,000 wide."""
    image = photo(1, width=30_000, height=20)
    assert prepare(image, PicturePreprocessing()).shape == (224, 224, 3)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_permissions(tmp_path: Path) -> None:
    barred = class_folders(tmp_path) / "ants" / "00.jpg"
    barred.chmod(0)
    (tmp_path / "bees").chmod(0)
    try:
        pictures = list_pictures(tmp_path)
        assert [(fault.reason, fault.where) for fault in pictures.faults] == [(images.UNREADABLE, "bees")]
        with pytest.raises(PictureError, match=r"cannot be read \(Permission denied\)"):
            pictures.read(0)
    finally:
        (tmp_path / "bees").chmod(0o700)


def test_what_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root too: a link to nowhere, a pipe (opening it would wait for ever), and a refusal of the system."""
    class_folders(tmp_path)
    (tmp_path / "ants" / "link.jpg").symlink_to(tmp_path / "nowhere.jpg")
    os.mkfifo(tmp_path / "ants" / "pipe.jpg")
    opened = Path.open

    def refusing(path: Path, *arguments: object, **options: object) -> object:
        if path.name == "03.jpg" and path.parent.name == "bees":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)  # type: ignore[arg-type, call-overload]

    monkeypatch.setattr(Path, "open", refusing)
    checked = check_pictures(list_pictures(tmp_path), drop_limit=0.2)
    assert checked.dropped_names == {images.UNREADABLE: ("ants/link.jpg", "ants/pipe.jpg", "bees/03.jpg")}


def _zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def _members(folder: Path) -> dict[str, bytes]:
    class_folders(folder)
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_hostile_zip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_stores, "MOST_BYTES", 1_000_000)
    members = _members(tmp_path / "folder")
    members |= {
        "../../ants/away.jpg": JPEG,
        "/ants/root.jpg": JPEG,
        "C:\\ants\\drive.jpg": JPEG,
        "ants/bomb.jpg": bytes(2_000_000),
        "ants/.DS_Store": b"\0",
        "__MACOSX/ants/._00.jpg": b"\0",
    }
    path = _zip(tmp_path / "photos.zip", members)
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("ants/link.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("ants/00.jpg", PNG)
    before = sorted(tmp_path.rglob("*"))
    checked = check_pictures(list_pictures(path), drop_limit=0.25)
    assert checked.dropped_names == {
        picture_stores.UNSAFE_NAME: ("../../ants/away.jpg", "/ants/root.jpg", "C:\\ants\\drive.jpg"),
        picture_stores.LINK: ("ants/link.jpg",),
        picture_stores.TWICE: ("ants/00.jpg",),
        picture_stores.TOO_MANY_BYTES: ("ants/bomb.jpg",),
    }
    assert len(checked.pictures) == 24 and sorted(tmp_path.rglob("*")) == before  # nothing is unpacked


def test_a_damaged_zip(tmp_path: Path) -> None:
    members = _members(tmp_path / "folder")
    path = _zip(tmp_path / "photos.zip", members)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("ants/05.jpg").header_offset
    data[start + 200 : start + 260] = bytes(60)
    path.write_bytes(data)
    assert check_pictures(list_pictures(path)).dropped_names == {images.DAMAGED: ("ants/05.jpg",)}
    path.write_bytes(data[:2000])
    with pytest.raises(DataError, match=r"photos\.zip: is no readable zip file"):
        list_pictures(path)


def test_classes_that_cannot_be_learned(tmp_path: Path) -> None:
    class_folders(tmp_path)
    (tmp_path / "wasps").mkdir()
    (tmp_path / "wasps" / "only.jpg").write_bytes(saved(photo(77), "JPEG"))
    with pytest.raises(DataError, match=r"the class 'wasps' has one picture only(.|\n)*--drop-rare"):
        check_pictures(list_pictures(tmp_path))
    dropped = check_pictures(list_pictures(tmp_path), drop_rare=True)
    assert dropped.pictures.names == ("ants", "bees")
    (tmp_path / "wasps" / "again.jpg").write_bytes(saved(photo(77), "JPEG"))
    with pytest.raises(DataError, match="the class 'wasps' has 2 pictures, all the same"):
        check_pictures(list_pictures(tmp_path))


def test_folders_that_hold_no_classes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no pictures(.|\n)*one folder for each class"):
        list_pictures(tmp_path)
    folder = class_folders(tmp_path / "some") / "ants"
    with pytest.raises(
        DataError, match=r"12 of 12 pictures \(100\.0%\) cannot be used: 12: lies in no class folder"
    ):
        check_pictures(list_pictures(folder))
    for path in (tmp_path / "some" / "bees").iterdir():
        path.unlink()
    (tmp_path / "some" / "lost.jpg").write_bytes(JPEG)
    with pytest.raises(DataError, match="12 usable pictures; at least 20 are needed"):
        check_pictures(list_pictures(tmp_path / "some"), drop_limit=0.1)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([JPEG, PNG, saved(photo(0), "WEBP"), saved(photo(0).convert("P"), "GIF")]), st.data())
def test_a_file_that_ends_early_is_refused_or_whole(data: bytes, draw: st.DataObject) -> None:
    whole = np.asarray(decode(data))
    end = draw.draw(st.integers(0, len(data) - 1))
    try:
        found = np.asarray(decode(data[:end]))
    except PictureError:
        return
    assert np.array_equal(found, whole)  # only what stands behind the pixels was missing


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(
        [JPEG, PNG, animated_gif(), saved(photo(0), "TIFF"), saved(photo(0), "WEBP"), saved(photo(0), "BMP")]
    ),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_changed_bytes_give_a_picture_or_an_error_of_ours(
    data: bytes, changes: list[tuple[int, int]]
) -> None:
    broken = bytearray(data)
    for place, value in changes:
        broken[place % len(broken)] = value
    try:
        pixels = read_pixels(bytes(broken), RECORD)
    except PictureError:
        return
    assert pixels.shape == (32, 32, 3) and pixels.dtype == np.uint8


@settings(max_examples=40, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"P6"]),
)
def test_any_bytes_give_an_error_of_ours(data: bytes, beginning: bytes) -> None:
    with pytest.raises(PictureError):
        decode(beginning + data)
