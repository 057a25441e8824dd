"""The errors that Headway raises, one tree.

    HeadwayError
    ├── UsageError       an argument or option: which, what was expected, what was found
    ├── DataError        a user's file: which file and row
    │   └── PictureError a picture that cannot be used, with one of a few reasons
    ├── WeightsError     a weights file: damaged, wrong hash, not the layout that was expected
    │   └── LayoutError  tensors left over or missing; both lists are printed
    ├── FetchError       weights that could not be fetched from any source
    ├── RunError         a run folder: missing, damaged, or already there
    ├── ResourceError    memory or disk
    │   └── DiskError    a disk that is full, a folder that may not be written to
    └── TrainingError    a loss that is no number, a batch that cannot fit

Each message says what is wrong; ``remedy`` says what to do about it.
"""


class HeadwayError(Exception):
    """What went wrong, where (a file, a row, an argument), and what to do about it."""

    def __init__(self, problem: str, *, where: str | None = None, remedy: str | None = None) -> None:
        self.problem = problem
        self.where = where
        self.remedy = remedy
        message = f"{where}: {problem}" if where else problem
        super().__init__(f"{message}\n  {remedy}" if remedy else message)


class UsageError(HeadwayError):
    """An argument or option that cannot be used as given."""


class DataError(HeadwayError):
    """A user's file that cannot be read or cannot be learned from."""


class PictureError(DataError):
    """A picture that cannot be used; ``reason`` is one of those in `data.images`, by which pictures are counted."""

    def __init__(self, reason: str, detail: str = "", *, where: str | None = None) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason} ({detail})" if detail else reason, where=where)


class WeightsError(HeadwayError):
    """A weights file that is damaged, has the wrong hash, or is not what it should be."""


class LayoutError(WeightsError):
    """A weights file whose tensors do not account for the model's, one for one."""


class FetchError(HeadwayError):
    """Weights that no source could deliver."""


class RunError(HeadwayError):
    """A run folder that is missing, damaged, incomplete or in the way."""


class ResourceError(HeadwayError):
    """Not enough memory or disk."""


class DiskError(ResourceError):
    """A disk that is full, or a folder that may not be written to."""


class TrainingError(HeadwayError):
    """Training that cannot go on."""
