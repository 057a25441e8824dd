"""An encoder fine-tuned by a plain `transformers` loop to find answers in contexts, as its examples do for SQuAD.

The job (`loop.py`) has ``inputs`` [[question, context], ...], their ``answers`` [[first character, behind the last],
...] and the inputs to be ``scored``. Contexts are read in windows that overlap by 128 tokens; an answer has at most 30.
Prints {said: such spans, seconds}.
"""

import json
from typing import Any

import torch
from loop import asked, in_batches, train
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

OVERLAP, BEST, LONGEST = 128, 20, 30


def main() -> None:
    """Train, and answer the scored questions."""
    job = asked()
    tokenizer: Any = AutoTokenizer.from_pretrained(job["model"])
    model: Any = AutoModelForQuestionAnswering.from_pretrained(job["model"])

    def windows(pairs: list[list[str]]) -> Any:
        questions, contexts = zip(*pairs, strict=True)
        return tokenizer(
            list(questions),
            list(contexts),
            truncation="only_second",
            max_length=job["max_tokens"],
            stride=OVERLAP,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )

    def padded(found: Any, rows: Any) -> dict[str, torch.Tensor]:
        names = ("input_ids", "token_type_ids", "attention_mask")
        return dict(
            tokenizer.pad({name: [found[name][row] for row in rows] for name in names}, return_tensors="pt")
        )

    read = windows(job["inputs"])
    places = torch.tensor([place(read, window, job["answers"]) for window in range(len(read["input_ids"]))])
    seconds = train(
        model,
        [len(ids) for ids in read["input_ids"]],
        job,
        lambda rows: (
            padded(read, rows) | {"start_positions": places[rows, 0], "end_positions": places[rows, 1]}
        ),
    )
    model.eval()
    read = windows(job["scored"])
    best: list[tuple[float, int, int]] = [(-float("inf"), 0, 0)] * len(job["scored"])
    with torch.inference_mode():
        for rows in in_batches([len(ids) for ids in read["input_ids"]]):
            output = model(**padded(read, rows))
            for window, starts, ends in zip(rows, output.start_logits, output.end_logits, strict=True):
                row = read["overflow_to_sample_mapping"][window]
                best[row] = max(best[row], likeliest(read, window, starts, ends))
    print(json.dumps({"said": [[start, end] for _, start, end in best], "seconds": seconds}))


def place(read: Any, window: int, answers: list[list[int]]) -> tuple[int, int]:
    """Return the answer's first and last token in a window; [CLS] twice where it is not there as a whole."""
    start, end = answers[read["overflow_to_sample_mapping"][window]]
    of_context = [token for token, part in enumerate(read.sequence_ids(window)) if part == 1]
    spans = read["offset_mapping"][window]
    held = [token for token in of_context if spans[token][1] > start and spans[token][0] < end]
    if not held or spans[held[0]][0] > start or spans[held[-1]][1] < end:
        return 0, 0
    return held[0], held[-1]


def likeliest(read: Any, window: int, starts: torch.Tensor, ends: torch.Tensor) -> tuple[float, int, int]:
    """Return the score and the characters of a window's best passage, of its best starts and ends."""
    parts, spans = read.sequence_ids(window), read["offset_mapping"][window]
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
