"""The contenders of benchmarks/finetune.py: Headway's fine-tuning, and what the Trainer of `transformers` does.

The peer's loop is the Trainer's: AdamW (fused), warm-up and a linear fall, gradients clipped at 1, batches padded to
their longest text. "strongest": bfloat16 autocast and `get_length_grouped_indices`, the Trainer's own grouping;
"default": float32 and random order. Both sides have the same rows, batch size, rate and number of epochs.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

BATCH, RATE, MAX_TOKENS = 32, 1e-4, 256
BASE = {"d_model": 768, "d_ff": 3072, "num_heads": 12, "num_layers": 12}  # BERT-base


@dataclass(frozen=True)
class Work:
    """What is trained on: rows, and the folder with MiniLM's files; ``size`` "base": a random BERT-base instead."""

    folder: str
    texts: Sequence[str]
    targets: np.ndarray
    classes: int
    size: str = "minilm"
    seed: int = 0


class Contender(Protocol):
    """One side: trains for a number of epochs, or for as many as fit ``seconds``, and then predicts."""

    def train(self, epochs: int, seconds: float | None = None) -> None: ...

    def predict(self, texts: Sequence[str]) -> np.ndarray: ...


class Headway:
    """The fine-tuned rung's training, with the arithmetic that this machine was found to be best at."""

    frozen_groups = 0

    def __init__(self, work: Work) -> None:
        from headway.models.bert import Bert, BertConfig
        from headway.tasks import classification
        from headway.tasks.encoder import TextEncoder

        torch.manual_seed(work.seed)
        self.work = work
        self.encoder = TextEncoder.from_zoo("minilm", torch.device("cpu"))
        if work.size == "base":
            backbone = Bert(BertConfig(vocab_size=self.encoder.tokenizer.vocab_size, **BASE))
            self.encoder = TextEncoder(backbone, self.encoder.tokenizer, MAX_TOKENS, torch.device("cpu"))
        self.model = classification.build(self.encoder, work.classes, work.seed)

    def train(self, epochs: int, seconds: float | None = None) -> None:
        from headway.core.progress import Silent
        from headway.ladder.encoder_training import fine_tune
        from headway.training.settings import TrainingSettings

        assert seconds is None, "the time that Headway takes is the budget of the others"
        settings = TrainingSettings(
            epochs=epochs, learning_rate=RATE, batch_size=BATCH, frozen_groups=self.frozen_groups
        )
        work = self.work
        fine_tune(self.model, self.encoder, work.texts, work.targets, settings, work.seed, Silent())

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        from headway.tasks import classification

        return classification.probabilities(self.model, self.encoder, texts).argmax(axis=1)

    def freeze(self) -> "Headway":
        """Let only the head learn: each text goes through the encoder once."""
        self.frozen_groups = len(self.encoder.backbone.layer_groups())
        return self


class Transformers:
    """`transformers`, as its Trainer trains."""

    def __init__(self, work: Work, *, strongest: bool) -> None:
        from transformers import (
            AutoModelForSequenceClassification,
            AutoTokenizer,
            BertConfig,
            BertForSequenceClassification,
        )

        torch.manual_seed(work.seed)
        self.work, self.strongest = work, strongest
        self.tokenizer = AutoTokenizer.from_pretrained(work.folder)
        if work.size == "base":
            self.model: Any = BertForSequenceClassification(BertConfig(num_labels=work.classes))
        else:
            self.model = AutoModelForSequenceClassification.from_pretrained(
                work.folder, num_labels=work.classes
            )
        self.ids = self.tokenizer(list(work.texts), truncation=True, max_length=MAX_TOKENS)["input_ids"]

    def train(self, epochs: int, seconds: float | None = None) -> None:
        self.model.train()
        learned = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        groups = [
            {"params": [p for p in learned if p.ndim > 1], "weight_decay": 0.01},
            {"params": [p for p in learned if p.ndim == 1], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=RATE, fused=True)
        batches = [rows for epoch in range(epochs) for rows in self._order(epoch)]
        steps, started = len(batches), time.perf_counter()
        for step, rows in enumerate(batches):
            if seconds is not None and step == 5:  # plan the schedule for the steps that the budget allows
                steps = min(len(batches), max(6, int(seconds / (time.perf_counter() - started) * 5)))
            if step == steps:
                break
            rising = max(1, round(0.1 * steps))
            factor = min((step + 1) / rising, (steps - step) / max(1, steps - rising))
            for group in optimizer.param_groups:
                group["lr"] = RATE * factor
            with torch.autocast("cpu", torch.bfloat16, enabled=self.strongest):
                loss = self.model(**self._padded(rows), labels=torch.from_numpy(self.work.targets[rows])).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learned, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            loss.item()  # the Trainer looks at each loss

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        self.model.eval()
        found = []
        with torch.inference_mode():
            for start in range(0, len(texts), 64):
                batch = self.tokenizer(
                    list(texts[start : start + 64]),
                    padding=True,
                    truncation=True,
                    max_length=MAX_TOKENS,
                    return_tensors="pt",
                )
                found.append(self.model(**batch).logits.argmax(dim=1).numpy())
        return np.concatenate(found)

    def freeze(self) -> "Transformers":
        """Let only the head learn."""
        self.model.base_model.requires_grad_(False)
        return self

    def _order(self, epoch: int) -> list[list[int]]:
        from transformers.trainer_pt_utils import get_length_grouped_indices

        generator = torch.Generator().manual_seed(1000 * self.work.seed + epoch)
        if self.strongest:
            lengths = [len(ids) for ids in self.ids]
            # windows of 50 batches, as with thousands of rows; with few it would group less, and be slower
            order = get_length_grouped_indices(lengths, BATCH, mega_batch_mult=50, generator=generator)
        else:
            order = torch.randperm(len(self.ids), generator=generator).tolist()
        return [order[start : start + BATCH] for start in range(0, len(order), BATCH)]

    def _padded(self, rows: list[int]) -> dict[str, torch.Tensor]:
        batch = [self.ids[row] for row in rows]
        longest = max(map(len, batch))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in batch])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in batch])
        return {"input_ids": ids, "attention_mask": mask}


class HeadwayFrozen:
    """The frozen rung: features once a text, then the head; ``epochs`` is of no account."""

    def __init__(self, work: Work) -> None:
        from headway.ladder.encoder_training import FrozenTraining

        self.work = work
        self.training = FrozenTraining("minilm", torch.device("cpu"))

    def train(self, epochs: int, seconds: float | None = None) -> None:
        from headway.core.progress import Silent
        from headway.data.examples import Examples

        labels = [f"{target:03}" for target in self.work.targets]
        examples = Examples.of_texts(self.work.texts, labels, "benchmark")
        self.predictor = self.training.fit(examples, self.work.seed, Silent())

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        return self.predictor.predict(texts).argmax(axis=1)


CONTENDERS = {
    "headway": Headway,
    "transformers, strongest": lambda work: Transformers(work, strongest=True),
    "transformers, default": lambda work: Transformers(work, strongest=False),
}
FROZEN = {
    "headway": lambda work: Headway(work).freeze(),
    "headway's frozen rung": HeadwayFrozen,
    "transformers, strongest": lambda work: Transformers(work, strongest=True).freeze(),
    "transformers, default": lambda work: Transformers(work, strongest=False).freeze(),
}
