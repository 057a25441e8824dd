"""What `headway predict` writes for many pictures: CSV, one row a picture that could be read."""

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headway.bundle.run import Run
    from headway.core.errors import PictureError
    from headway.data.pictures import Picture

CHUNK = 256  # pictures


def write_rows(
    run: "Run", source: str, *, rung: str | None, column: str | None, every: bool, keep: bool
) -> None:
    """Write picture, predicted, probability of each picture; say by reason and name which could not be used.

    ``keep`` puts a table's own columns before ours. Raises DataError, UsageError.
    """
    from headway.data.picture_checks import fault_notes, usable

    predictor = run.predictor(rung)
    names, pictures, faults = _pictures(source, column, keep)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    shares = [f"p({label})" for label in predictor.labels if every]
    writer.writerow([*names, "picture", "predicted", "probability", *shares])
    for start in range(0, len(pictures), CHUNK):
        chunk = pictures[start : start + CHUNK]
        kept, more = usable([picture for _, picture in chunk])
        faults += more
        outputs = predictor.predict([chunk[place][1] for place in kept])
        for (cells, picture), output in zip([chunk[place] for place in kept], outputs, strict=True):
            best = int(output.argmax())
            probabilities = [f"{share:.6f}" for share in output] if every else []
            ours = [str(picture), predictor.labels[best], f"{output[best]:.6f}"]
            writer.writerow([*cells, *ours, *probabilities])
    for note in fault_notes(faults):
        print(f"headway: {note}", file=sys.stderr)


def _pictures(
    source: str, column: str | None, keep: bool
) -> tuple[tuple[str, ...], list[tuple[list[str], "Picture"]], list["PictureError"]]:
    """Return the names of the columns to keep, each picture with what stands in these, and what must not be read."""
    from headway.core.errors import PictureError
    from headway.data.picture_stores import Folder
    from headway.data.pictures import NO_PATH, Picture, find_pictures, is_picture_source, path_column
    from headway.data.readers import read_table

    if is_picture_source(source):
        found, faults = find_pictures(source)
        return (), [([], picture) for picture in found], faults
    table = read_table(source)
    store = Folder(Path(source).parent)
    kept = table.names if keep else ()
    columns = [table.texts(name) for name in kept]
    pictures, faults = [], []
    for row, path in enumerate(table.texts(path_column(table, column))):
        if path:
            pictures.append(([cells[row] or "" for cells in columns], Picture(store, path)))
        else:
            faults.append(PictureError(NO_PATH, where=table.where(row)))
    return kept, pictures, faults
