"""Listing and checking labelled pictures: folders, zips, tables; duplicates within and across parts."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headway.core.errors import DataError, UsageError
from headway.core.files import sha256_file
from headway.data.images import UNREADABLE
from headway.data.picture_checks import check_pictures, perceptual_hash
from headway.data.pictures import is_picture_source, list_pictures
from headway.data.splits import holdout
from picture_files import class_folders, photo, saved
from shared_files import DATA


def test_class_folders(tmp_path: Path) -> None:
    class_folders(tmp_path)
    (tmp_path / "README.md").write_text("about")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.jpg").write_bytes(b"?")
    (tmp_path / "bees" / "near" / "by").mkdir(parents=True)
    (tmp_path / "bees" / "near" / "by" / "A.JPG").write_bytes(saved(photo(50), "JPEG"))
    pictures = list_pictures(tmp_path)
    assert (len(pictures), pictures.names, pictures.test) == (25, ("ants", "bees"), None)
    assert pictures.paths[0] == "ants/00.jpg" and pictures.where(0) == f"{tmp_path}, ants/00.jpg"
    assert np.bincount(pictures.labels).tolist() == [12, 13]
    assert pictures.notes == (
        "1 picture in folders inside class folders taken into the class (bees/near/by/A.JPG, ...)",
        "1 file not named as pictures passed over ('README.md')",
    )
    assert pictures.read(3) == (tmp_path / "ants" / "03.jpg").read_bytes()
    few = pictures.take([20, 1])
    assert few.paths == ("bees/08.jpg", "ants/01.jpg") and few.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("parts", "held_out"), [(("train", "val"), 1), (("Train", "TEST"), 1), (("train", "val", "test"), 2)]
)
def test_parts_above_the_classes(tmp_path: Path, parts: tuple[str, ...], held_out: int) -> None:
    for place, part in enumerate(parts):
        class_folders(tmp_path / part, 4, first=100 * place)
    pictures = list_pictures(tmp_path)
    assert pictures.names == ("ants", "bees") and pictures.test is not None
    assert {pictures.paths[row].split("/")[0] for row in np.flatnonzero(pictures.test)} == {parts[held_out]}
    assert any("validation folder" in note for note in pictures.notes) == (len(parts) == 3)


def test_classes_that_are_called_train_and_test_need_no_parts(tmp_path: Path) -> None:
    """Trains and tests are things too: without classes below them, and beside others, they are classes."""
    class_folders(tmp_path)
    shutil.copytree(tmp_path / "ants", tmp_path / "train")
    assert list_pictures(tmp_path).names == ("ants", "bees", "train")


def test_a_zip_with_a_folder_around_it_is_read_in_place(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "a" / "photos" / "train")
    class_folders(tmp_path / "a" / "photos" / "test", first=500)
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted((tmp_path / "a").rglob("*")):
            archive.write(file, file.relative_to(tmp_path / "a"))
    shutil.rmtree(tmp_path / "a")
    assert (
        is_picture_source(path) and is_picture_source(tmp_path) and not is_picture_source(tmp_path / "b.csv")
    )
    checked = check_pictures(list_pictures(path))
    assert checked.pictures.names == ("ants", "bees") and len(checked.pictures) == 48
    assert checked.pictures.test is not None and checked.pictures.test.sum() == 24
    assert checked.sizes.tolist() == [[60, 48]] * 48 and not folder.exists()


def test_a_table_of_paths(tmp_path: Path) -> None:
    class_folders(tmp_path / "photos")
    rows = [
        f"photos/{name}/{place:02}.jpg,{name} are,{name}" for name in ("ants", "bees") for place in range(12)
    ]
    table = tmp_path / "pictures.csv"
    table.write_text(
        "\n".join(["file,remark,Label", *rows, "photos/ants/99.jpg,,ants", "photos/ants/98.jpg,,"])
    )
    pictures = list_pictures(table)
    assert len(pictures) == 25 and pictures.names == ("ants", "bees")
    assert "the pictures are named in 'file', the labels in 'Label'" in pictures.notes
    with pytest.raises(DataError, match=r"2 of 26 pictures \(7\.7%\).*has no label.*line 27.*cannot be read"):
        check_pictures(pictures)
    checked = check_pictures(pictures, drop_limit=0.1)
    assert checked.dropped_names[UNREADABLE] == ("photos/ants/99.jpg",)
    assert list_pictures(table, label="remark").names == ("ants are", "bees are")
    with pytest.raises(UsageError, match="no column 'kind'"):
        list_pictures(table, label="kind")
    table.write_text("a,b,c\n1,2,3\n")
    with pytest.raises(
        DataError, match=r"no column can be told to hold the paths of pictures.*\n.*path and label"
    ):
        list_pictures(table)


def test_the_same_picture_is_found_in_another_size_and_compression(tmp_path: Path) -> None:
    class_folders(tmp_path / "train")
    class_folders(tmp_path / "test", first=500)
    original = Image.open(tmp_path / "train" / "ants" / "03.jpg")
    (tmp_path / "train" / "bees" / "copy.jpg").write_bytes(
        (tmp_path / "train" / "ants" / "05.jpg").read_bytes()
    )
    (tmp_path / "test" / "ants" / "shrunk.jpg").write_bytes(
        saved(original.resize((45, 36)), "JPEG", quality=60)
    )
    (tmp_path / "test" / "ants" / "bright.png").write_bytes(
        saved(original.point(lambda v: v * 0.8 + 20), "PNG")
    )
    checked = check_pictures(list_pictures(tmp_path))
    paths = checked.pictures.paths
    together = {
        paths[row]
        for row in np.flatnonzero(checked.groups == checked.groups[paths.index("train/ants/03.jpg")])
    }
    assert together == {"train/ants/03.jpg", "test/ants/shrunk.jpg", "test/ants/bright.png"}
    assert (checked.exact_duplicates, checked.near_duplicates) == (1, 2)
    assert (checked.conflicting, checked.across) == (2, 2)
    told = "\n".join(checked.notes)
    assert (
        "2 pictures are the same as one of another class: 'train/ants/05.jpg', 'train/bees/copy.jpg'" in told
    )
    assert "2 pictures of the test part stand in the training part too" in told
    train, held_out = holdout(checked.pictures.labels, checked.groups, seed=0)
    assert not set(checked.groups[train]) & set(checked.groups[held_out])


def test_different_pictures_on_plain_ground_are_not_taken_for_one(tmp_path: Path) -> None:
    """Marks on white: their hashes are nearly empty, and nearly equal."""
    for number, name in enumerate(("a", "b")):
        (tmp_path / name).mkdir()
        for place in range(12):
            image = Image.new("L", (64, 64), 255)
            image.paste(0, (4 * place, 30 * number, 4 * place + 9, 30 * number + 9))
            image.save(tmp_path / name / f"{place}.png")
    checked = check_pictures(list_pictures(tmp_path))
    assert len(np.unique(checked.groups)) == 24


def test_the_hash_of_a_picture_is_pinned() -> None:
    """Saved groups and splits rest on it."""
    gradient = Image.linear_gradient("L").rotate(90)
    assert perceptual_hash(gradient).tobytes().hex() in {"00" * 16, "ff" * 8 + "00" * 8, "00" * 8 + "ff" * 8}


def test_hymenoptera() -> None:
    folder = DATA / "hymenoptera"
    if not folder.is_dir():
        pytest.skip(f"shared data is absent: {folder}")
    pictures = list_pictures(folder)
    assert pictures.names == ("ants", "bees") and pictures.test is not None
    assert np.bincount(2 * pictures.labels + pictures.test).tolist() == [124, 70, 121, 83]
    assert sha256_file(folder / pictures.paths[0])  # the paths lead to files
