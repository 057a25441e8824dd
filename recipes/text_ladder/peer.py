"""The peer of the recipe: MiniLM fine-tuned by a plain `transformers` loop, padded batches, the same recipe and rows.

Batches are grouped by length as transformers' own `group_by_length` does: windows of 50 batches, sorted inside.

Runs in an environment of its own that has transformers. Prints the predicted label of each test row as JSON.
"""

import argparse
import json
import time

import numpy as np
import torch
from rows import load
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def main() -> None:
    """Train on one set with one seed and print {predicted, seconds}."""
    options = argparse.ArgumentParser()
    options.add_argument("--set", required=True)
    options.add_argument("--seed", type=int, required=True)
    options.add_argument("--model", required=True)
    options.add_argument("--epochs", type=int, required=True)
    options.add_argument("--rate", type=float, required=True)
    options.add_argument("--batch", type=int, required=True)
    asked = options.parse_args()

    (texts, labels), (test_texts, _) = load(asked.set, asked.seed)
    names = sorted(set(labels))
    targets = torch.tensor([names.index(label) for label in labels])
    torch.manual_seed(asked.seed)
    tokenizer = AutoTokenizer.from_pretrained(asked.model)
    model = AutoModelForSequenceClassification.from_pretrained(asked.model, num_labels=len(names)).train()
    lengths = np.array([len(ids) for ids in tokenizer(texts, truncation=True, max_length=256)["input_ids"]])
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=asked.rate, fused=True)
    steps = asked.epochs * -(-len(texts) // asked.batch)
    rising = max(1, round(0.1 * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / rising, max(0.0, (steps - step) / max(1, steps - rising)))
    )
    random = np.random.default_rng(asked.seed)
    started = time.perf_counter()
    for _ in range(asked.epochs):
        order = random.permutation(len(texts))
        window = 50 * asked.batch
        windows = [order[start : start + window] for start in range(0, len(order), window)]
        order = np.concatenate([part[np.argsort(-lengths[part], kind="stable")] for part in windows])
        starts = random.permutation(range(0, len(texts), asked.batch))
        for start in starts:
            rows = order[start : start + asked.batch]
            batch = tokenizer(
                [texts[row] for row in rows],
                padding=True,
                truncation=True,
                max_length=256,
                return_tensors="pt",
            )
            model(**batch, labels=targets[rows]).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    seconds = time.perf_counter() - started
    model.eval()
    predicted = []
    with torch.inference_mode():
        for start in range(0, len(test_texts), 64):
            batch = tokenizer(
                test_texts[start : start + 64],
                padding=True,
                truncation=True,
                max_length=256,
                return_tensors="pt",
            )
            predicted += [names[best] for best in model(**batch).logits.argmax(dim=1)]
    print(json.dumps({"predicted": predicted, "seconds": seconds}))


if __name__ == "__main__":
    main()
