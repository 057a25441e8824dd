"""Fine-tuning MiniLM for one epoch: Headway's loop against a plain `transformers` loop, real tokens a second.

The same rows, batch size, optimizer and float32 on both sides. The peer pads each batch to its longest text, once with
batches in random order (its default) and once with batches grouped by length (its strongest float32 setting).
"""

import sys

import numpy as np
import torch
from texts import load
from timing import alternate, report
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from headway.core.progress import Silent
from headway.data.batches import epoch_order, length_batches
from headway.tasks import classification
from headway.tasks.encoder import TextEncoder
from headway.training.groups import parameter_groups
from headway.training.loop import train
from headway.training.settings import TrainingSettings

CLASSES = 4
BATCH = 32


def ours(texts: list[str], targets: np.ndarray) -> None:
    """Train for one epoch on ragged batches."""
    encoder = TextEncoder.from_zoo("minilm", torch.device("cpu"))
    model = classification.build(encoder, CLASSES, seed=0)
    settings = TrainingSettings(epochs=1, learning_rate=5e-5, batch_size=BATCH)
    ids = encoder.tokenize(texts)
    batches = [
        classification.batch(encoder, [ids[row] for row in rows], targets[rows])
        for rows in length_batches([len(row) for row in ids], epoch_order(len(ids), 0, 0), BATCH)
    ]
    groups = parameter_groups(model.backbone.parameters(), model.head.parameters(), settings)
    train(
        model,
        groups,
        lambda batch: classification.loss(model, batch),
        lambda _: batches,
        settings,
        0,
        Silent(),
    )


def peer(folder: str, texts: list[str], targets: np.ndarray, *, grouped: bool) -> None:
    """Train for one epoch on padded batches, as transformers' own examples do."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=CLASSES).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, fused=True)
    order = epoch_order(len(texts), 0, 0)
    lengths = [len(tokenizer(text)["input_ids"]) for text in texts] if grouped else [1] * len(texts)
    for rows in length_batches(lengths, order, BATCH):
        batch = tokenizer(
            [texts[row] for row in rows], padding=True, truncation=True, max_length=256, return_tensors="pt"
        )
        model(**batch, labels=torch.from_numpy(targets[rows])).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()


def main(folder: str, rounds: int = 3) -> None:
    """Time the contenders on three sets."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for name, count in (("sst2", 512), ("banking77", 512), ("imdb", 96)):
        texts = load(name, count)
        targets = np.arange(count) % CLASSES
        tokens = sum(len(ids) for ids in tokenizer(texts, truncation=True, max_length=256)["input_ids"])
        times = alternate(
            {
                "headway": lambda texts=texts, targets=targets: ours(texts, targets),
                "transformers, random batches": lambda texts=texts, targets=targets: peer(
                    folder, texts, targets, grouped=False
                ),
                "transformers, grouped by length": lambda texts=texts, targets=targets: peer(
                    folder, texts, targets, grouped=True
                ),
            },
            rounds,
        )
        report(
            f"{name}: {count} texts, {tokens / count:.0f} tokens each", times, "headway", tokens, "tokens/s"
        )


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
