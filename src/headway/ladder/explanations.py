"""Why the shipped rung took pictures for what they are not: each error explained by the predictor that made it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from headway.bundle.predictors import load_predictor
from headway.bundle.record import ErrorExample
from headway.core.progress import Progress
from headway.data.pictures import are_pictures
from headway.explain.pictures import explain
from headway.ladder.kept import Kept
from headway.ladder.rows import Rows

if TYPE_CHECKING:
    from headway.explain.pictures import Explanation


def explain_errors(
    rung: str, errors: Sequence[ErrorExample], rows: Rows, kept: Kept, progress: Progress
) -> dict[int, "Explanation"]:
    """Return an explanation of what each error was taken for, by its line; none where the rows are no pictures.

    An error is explained by the predictor of its part, which has not learned from it.
    """
    examples = rows.examples
    if not are_pictures(examples.inputs):
        return {}
    row_of = {int(line): row for row, line in enumerate(examples.lines)}
    found = {}
    progress.begin("explaining the errors", len(errors), "pictures")
    for number, part in enumerate(rows.parts):
        own = [error for error in errors if np.isin(row_of[error.line], part.held_out)]
        folder = kept.predictor(rung, f"part {number + 1}")
        if not own or folder is None:
            continue
        predictor = load_predictor(folder).predictor
        for error in own:
            label = examples.names.index(error.predicted)
            explanation = explain(predictor, examples.inputs[row_of[error.line]], label)
            if explanation is not None:
                found[error.line] = explanation
            progress.advance()
    progress.end()
    return found
