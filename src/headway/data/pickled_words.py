"""A pickled list of words, as fastai published its vocabularies: read without running what a pickle may hold."""

import pickletools
from pathlib import Path

from headway.core.errors import DataError

_WORD = {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE"}
_LIST = set("PROTO FRAME EMPTY_LIST MARK APPEND APPENDS MEMOIZE PUT BINPUT LONG_BINPUT STOP".split())


def read_pickled_words(path: Path) -> list[str]:
    """Return the words; the file's instructions are looked at, and none is followed.

    Raises DataError when it is damaged, or is anything but one list of words.
    """
    words: list[str] = []
    lists = 0
    try:
        for operation, argument, _ in pickletools.genops(path.read_bytes()):
            if operation.name in _WORD:
                words.append(str(argument))
            elif operation.name not in _LIST:
                raise DataError("holds more than a list of words; running it is refused", where=str(path))
            lists += operation.name == "EMPTY_LIST"
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", where=str(path)) from error
    if lists != 1 or len(set(words)) != len(words):
        raise DataError("is no list of different words", where=str(path))
    return words
