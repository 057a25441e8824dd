"""What the last digits of a run depend on beside its data and the code: processor, threads, arithmetic, versions."""

from collections.abc import Mapping

from headway.core.errors import RunError
from headway.core.progress import Progress


def require_same(
    then: Mapping[str, str], now: Mapping[str, str], allow_inexact: bool, progress: Progress
) -> None:
    """Raise RunError where what was then is not so now, unless that is allowed: then it is said."""
    pairs = ((name, value, now.get(name)) for name, value in then.items())
    differences = [f"{name} was {before}, is {after}" for name, before, after in pairs if before != after]
    if not differences:
        return
    if not allow_inexact:
        raise RunError(
            f"other circumstances than when the run began: {'; '.join(differences)}",
            where="--resume",
            remedy="Go on where it began, or give --allow-inexact: the last digits may then differ.",
        )
    progress.say(f"  not exactly as it would have been: {'; '.join(differences)}")
