"""The command line in the process of the tests; `tests/lifecycle/test_command_line.py` starts it as a person does."""

import contextlib
import io
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from headway.cli.main import main


class Done(NamedTuple):
    """What a command printed."""

    stdout: str
    stderr: str


def headway(*arguments: str | Path, cwd: Path, status: int = 0) -> Done:
    """Run the command in a folder and require its exit status."""
    out, told = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(cwd):
        patch.setattr(sys, "argv", ["headway", *map(str, arguments)])
        patch.setenv("COLUMNS", "200")
        streams = contextlib.redirect_stdout(out), contextlib.redirect_stderr(told)
        with streams[0], streams[1], pytest.raises(SystemExit) as end:
            main()
    done = Done(out.getvalue(), told.getvalue())
    assert (end.value.code or 0) == status, done.stderr
    return done
