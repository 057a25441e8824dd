"""An encoder fine-tuned by a plain `transformers` loop to name the class of texts or pairs, or to give a number.

The job (`loop.py`) has ``inputs`` [[text], ...] or [[text, text], ...], their ``targets`` (classes from 0, or numbers
where ``classes`` is 0) and the inputs to be ``scored``. Prints {said, seconds}.
"""

import json
from typing import Any

import torch
from loop import Inputs, asked, dropouts, in_batches, train
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def main() -> None:
    """Train, and predict the scored inputs."""
    job = asked()
    tokenizer: Any = AutoTokenizer.from_pretrained(job["model"])
    model: Any = AutoModelForSequenceClassification.from_pretrained(
        job["model"], num_labels=job["classes"] or 1, **dropouts(job)
    )
    targets = torch.tensor(job["targets"], dtype=torch.int64 if job["classes"] else torch.float32)

    def encoded(inputs: list[list[str]], **more: Any) -> Any:
        columns = [list(column) for column in zip(*inputs, strict=True)]
        return tokenizer(*columns, truncation=True, max_length=job["max_tokens"], **more)

    def padded(inputs: list[list[str]]) -> Inputs:
        return encoded(inputs, padding=True, return_tensors="pt")

    def lengths(inputs: list[list[str]]) -> list[int]:
        return [len(ids) for ids in encoded(inputs)["input_ids"]]

    inputs, scored = job["inputs"], job["scored"]
    seconds = train(
        model,
        model.classifier,
        job,
        lambda rows: padded([inputs[row] for row in rows]) | {"labels": targets[rows]},
    )
    model.eval()
    said = [0.0] * len(scored)
    with torch.inference_mode():
        for rows in in_batches(lengths(scored)):
            logits = model(**padded([scored[row] for row in rows])).logits
            found = logits.argmax(dim=1) if job["classes"] else logits[:, 0]
            for row, answer in zip(rows, found.tolist(), strict=True):
                said[row] = answer
    print(json.dumps({"said": said, "seconds": seconds}))


if __name__ == "__main__":
    main()
