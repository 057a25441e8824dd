"""Where a result is put, and what is given to go on with one that did not finish."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from headway.core.errors import RunError, UsageError


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


def require_alone(
    function: Callable[..., Any], options: Mapping[str, Any], allowed: set[str], command: str, data: str
) -> None:
    """Raise UsageError where an option is given, and is not its default, that the plan of a resumed run holds.

    ``data`` is the option that the command line takes without its name.
    """
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in allowed and options[name] != parameter.default:
            raise UsageError(
                "stands in the run's plan and cannot be given again",
                where=data.upper() if name == data else f"--{name.replace('_', '-')}",
                remedy=f"Resume with: headway {command} --resume {options['resume']}",
            )
