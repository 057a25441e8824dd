"""An encoder fine-tuned by a plain `transformers` loop to find answers in contexts, as its examples do for SQuAD.

The job (`loop.py`) has ``inputs`` [[question, context], ...], their ``answers`` [[first character, behind the last],
...] and the inputs to be ``scored``. A context is read in windows, each 128 of its tokens behind the one before it, as
in BERT's published code; the windows are the rows of the job's batches. An answer has at most 30 tokens. Prints {said:
such spans, scores, seconds}.
"""

import json
from typing import Any, NamedTuple

import torch
from loop import asked, dropouts, in_batches, train
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

STRIDE, BEST, LONGEST = 128, 20, 30


class Window(NamedTuple):
    """A part of a context with its question; ``encoding`` is the tokenizer's."""

    row: int
    encoding: Any


def main() -> None:
    """Train, and answer the scored questions."""
    job = asked()
    tokenizer: Any = AutoTokenizer.from_pretrained(job["model"])
    model: Any = AutoModelForQuestionAnswering.from_pretrained(job["model"], **dropouts(job))

    def padded(windows: list[Window], places: Any) -> dict[str, torch.Tensor]:
        chosen = [windows[place].encoding for place in places]
        inputs = {
            "input_ids": [encoding.ids for encoding in chosen],
            "token_type_ids": [encoding.type_ids for encoding in chosen],
            "attention_mask": [encoding.attention_mask for encoding in chosen],
        }
        return dict(tokenizer.pad(inputs, return_tensors="pt"))

    read = cut(tokenizer, job["inputs"], job["max_tokens"])
    spans = torch.tensor([answer(window, *job["answers"][window.row]) for window in read])
    assert sum(map(len, job["batches"])) % len(read) == 0, (
        "these are not the windows that the batches are made of"
    )
    seconds = train(
        model,
        model.qa_outputs,
        job,
        lambda rows: (
            padded(read, rows) | {"start_positions": spans[rows, 0], "end_positions": spans[rows, 1]}
        ),
    )
    model.eval()
    read = cut(tokenizer, job["scored"], job["max_tokens"])
    best: list[tuple[float, int, int]] = [(-float("inf"), 0, 0)] * len(job["scored"])
    with torch.inference_mode():
        for rows in in_batches([len(window.encoding.ids) for window in read]):
            output = model(**padded(read, rows))
            for place, starts, ends in zip(rows, output.start_logits, output.end_logits, strict=True):
                row = read[place].row
                best[row] = max(best[row], likeliest(read[place].encoding, starts, ends))
    said, scores = [[start, end] for _, start, end in best], [score for score, _, _ in best]
    print(json.dumps({"said": said, "scores": scores, "seconds": seconds}))


def cut(tokenizer: Any, pairs: list[list[str]], most: int) -> list[Window]:
    """Return the windows of every pair of question and context, of at most so many tokens."""
    windows = []
    for row, (question, context) in enumerate(pairs):
        room = most - len(tokenizer(question)["input_ids"]) - 1
        found = tokenizer(
            question,
            context,
            truncation="only_second",
            max_length=most,
            stride=max(0, room - STRIDE),  # what `transformers` calls so is the overlap
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        windows += [Window(row, encoding) for encoding in found.encodings]
    return windows


def answer(window: Window, start: int, end: int) -> tuple[int, int]:
    """Return the answer's first and last token in a window; [CLS] twice where it is not there as a whole."""
    spans = window.encoding.offsets
    of_context = [token for token, part in enumerate(window.encoding.sequence_ids) if part == 1]
    held = [token for token in of_context if spans[token][1] > start and spans[token][0] < end]
    if not held or spans[held[0]][0] > start or spans[held[-1]][1] < end:
        return 0, 0
    return held[0], held[-1]


def likeliest(encoding: Any, starts: torch.Tensor, ends: torch.Tensor) -> tuple[float, int, int]:
    """Return the score and the characters of a window's best passage, of its best starts and ends."""
    parts, spans = encoding.sequence_ids, encoding.offsets
    most = min(BEST, len(parts))
    found = [
        (float(starts[first] + ends[last]), spans[first][0], spans[last][1])
        for first in starts[: len(parts)].topk(most).indices.tolist()
        for last in ends[: len(parts)].topk(most).indices.tolist()
        if parts[first] == parts[last] == 1 and first <= last < first + LONGEST
    ]
    return max(found, default=(-float("inf"), 0, 0))


if __name__ == "__main__":
    main()
