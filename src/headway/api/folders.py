"""Where a result is put."""

from pathlib import Path
from typing import TYPE_CHECKING

from headway.core.errors import RunError

if TYPE_CHECKING:
    pass


def new_folder(out: str | Path | None, name: str) -> Path:
    """Return the folder to make. One that the user names must not exist; a default name is numbered until free."""
    if out is not None:
        folder = Path(out)
        if folder.exists():
            raise RunError(
                "already exists",
                where=str(folder),
                remedy="Choose another --out, or remove it: nothing is overwritten.",
            )
        return folder
    names = [name, *(f"{name}-{number}" for number in range(2, 10_000))]
    return next(Path(name) for name in names if not Path(name).exists())
