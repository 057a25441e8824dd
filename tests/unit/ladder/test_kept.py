import time
from pathlib import Path

import pytest

from headway.core.progress import Progress, Silent
from headway.data.examples import Examples
from headway.ladder.kept import Kept
from headway.ladder.rungs import MajorityRung, Scratch
from headway.models.base import Predictor

EXAMPLES = Examples.of_texts(["a", "b"], ["x", "y"], "test")


class Slow(MajorityRung):
    """Keeps something after a while and ends in an error, the first time."""

    attempts = 0

    def fit(
        self, examples: Examples, seed: int, progress: Progress, scratch: Scratch | None = None
    ) -> Predictor:
        self.attempts += 1
        if self.attempts == 1:
            assert scratch is not None
            time.sleep(0.3)
            (scratch.training / "checkpoint").write_text("half")
            raise OSError("gone")
        return super().fit(examples, seed, progress)


def test_the_seconds_of_a_killed_attempt_count(tmp_path: Path) -> None:
    kept, rung = Kept(tmp_path), Slow()
    assert not kept.worth_keeping()
    with pytest.raises(OSError, match="gone"):
        kept.train(rung, "part 1", EXAMPLES, ["a"], 0, Silent(), keep=True)
    assert kept.worth_keeping()
    finished = kept.train(rung, "part 1", EXAMPLES, ["a"], 0, Silent(), keep=True)
    assert finished.seconds > 0.25
    assert finished.outputs.shape == (1, 2) and finished.predictor is not None
    again = kept.train(rung, "part 1", EXAMPLES, ["a"], 0, Silent(), keep=True)
    assert again.seconds == finished.seconds and rung.attempts == 2
