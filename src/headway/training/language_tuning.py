"""ULMFiT's second step: a general language model learns on from the task's own texts (Howard and Ruder 2018, section
3.2), with discriminative and slanted triangular rates.

It reads the words of both: those that the general model knows and those of the texts. A word that only the texts have
begins with the mean of the others' rows.
"""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch

from headway.core.errors import UsageError
from headway.core.files import atomic_folder, read_json, write_json
from headway.core.progress import Progress
from headway.core.seeding import derive
from headway.data.backward import BackwardTokenizer
from headway.data.tokenizers import END, Tokenizer
from headway.data.word_vocabulary import train_words, word_tokenizer
from headway.models.awd_lstm import AwdLstmLanguageModel
from headway.tasks import running_text
from headway.tasks.decoder import TextDecoder
from headway.tasks.encoder import UNBOUNDED, TextEncoder
from headway.tasks.tokenizer_files import AnyTokenizer
from headway.training.checkpoints import Checkpoints
from headway.training.groups import layered_groups
from headway.training.pretraining import arithmetic_on, learn, seconds_per_step
from headway.training.running_text import WINDOW, OnRunningText
from headway.training.settings import TrainingSettings
from headway.weights.pretrained import save_language_model
from headway.weights.vocabulary import with_vocabulary

MOST_WORDS = 60_000  # of the texts' own
ROWS = 32
FEWEST_WINDOWS = 20  # an epoch, where the text has so many: fewer rows are read side by side
FEWEST_STEPS, MOST_EPOCHS = 300, 15
DISCRIMINATIVE = 1 / 2.6  # of the rate, from each layer to the one below it
_FACTS = "tuning.json"


@dataclass(frozen=True)
class Tuned:
    """A language model that has read the task's texts, and what is to be told of that."""

    decoder: TextDecoder
    facts: dict[str, Any]

    @property
    def encoder(self) -> TextEncoder:
        """What reads texts of any length with its layers."""
        backbone = _model_of(self.decoder).backbone
        return TextEncoder(backbone, self.decoder.tokenizer, UNBOUNDED, self.decoder.device)

    def save(self, folder: Path) -> None:
        """Write the model in fastai's layout, and the facts, into an existing folder."""
        save_language_model(_model_of(self.decoder), folder)
        self.decoder.tokenizer.save(folder, max_tokens=UNBOUNDED)
        write_json(folder / _FACTS, self.facts)

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> Self:
        """Read what `save` wrote."""
        return cls(TextDecoder.open(folder, device), read_json(folder / _FACTS))


@dataclass(eq=False, kw_only=True)
class LanguageTuning(OnRunningText):
    """A general language model on the task's texts. Implements `training.pretraining.Learning`."""

    settings: TrainingSettings
    tokenizer: AnyTokenizer
    unseen: int  # pieces of the vocabulary that the general model had no row for

    @classmethod
    def of(cls, general: TextDecoder, texts: Sequence[str], seed: int) -> Self:
        """Give the general model the texts' words, and lay the texts out. Raises UsageError on another kind of model,
        DataError on texts without words.
        """
        model = _model_of(general)
        tokenizer, unseen = general.tokenizer, 0
        if isinstance(tokenizer, Tokenizer) and tokenizer.whole_words:
            old = tokenizer.vocabulary
            tokenizer = _with_words_of(tokenizer, texts)
            model, unseen = with_vocabulary(model, old, tokenizer.vocabulary)
        else:
            model = copy.deepcopy(model)
        assert tokenizer.end is not None
        ids = running_text.lay_out(tokenizer.pieces(texts), tokenizer.end)
        return cls(
            model=model,
            ids=ids,
            rows=max(1, min(ROWS, len(ids) // (WINDOW * FEWEST_WINDOWS))),
            seed=seed,
            device=general.device,
            settings=tuning_settings(len(ids)),
            tokenizer=tokenizer,
            unseen=unseen,
        )

    def groups(self) -> list[dict[str, Any]]:
        """Return the layers' groups, each layer slower than the one above it. The word embeddings are also the output
        matrix, which stands on top of all layers: they learn as fast as that.
        """
        embeddings, *layers = self.model.backbone.layer_groups()
        return layered_groups(layers, [*embeddings.parameters, self.model.bias], self.settings)

    @property
    def unknown(self) -> float:
        """The share of the text's words that the vocabulary lacks."""
        unknown = self.tokenizer.unknown
        return 0.0 if unknown is None else float((self.ids == unknown).mean())


def tuning_settings(words: int) -> TrainingSettings:
    """Return the recipe for a text of so many words: epochs for some steps where it is short."""
    rows = max(1, min(ROWS, words // (WINDOW * FEWEST_WINDOWS)))
    steps = max(1, words // (rows * WINDOW))
    return TrainingSettings(
        epochs=min(MOST_EPOCHS, max(3, math.ceil(FEWEST_STEPS / steps))),
        learning_rate=4e-3,
        batch_size=rows,
        schedule="slanted_triangular",
        layer_decay=DISCRIMINATIVE,
        beta2=0.99,
    )


def tune(
    general: TextDecoder,
    texts: Sequence[str],
    seed: int,
    progress: Progress,
    kept: Path,
    unfinished: Path | None = None,
) -> Tuned:
    """Tune a general language model on texts, whose order does not count: a pure function of model, texts and seed.

    What was tuned on the same before is read from the folder ``kept``, where all that is tuned is put. With a folder
    for what is ``unfinished``, it goes on from the newest checkpoint there.
    """
    texts = sorted(set(texts))
    folder = kept / _key(general, texts, seed)
    if not folder.is_dir():
        work = LanguageTuning.of(general, texts, derive(seed, "windows"))
        checkpoints = None
        if unfinished is not None:
            checkpoints = Checkpoints(unfinished, work.settings.to_dict() | {"tuned": folder.name})
        arithmetic = arithmetic_on(general.device)
        loss = learn(
            work, derive(seed, "language model"), arithmetic, progress, checkpoints, "language model"
        )
        facts = {
            "tuned_texts": len(texts),
            "tuned_words": len(work.ids) - len(texts),
            "tuned_epochs": work.settings.epochs,
            "new_words": work.unseen,
            "unknown_words": work.unknown,
            "tuning_loss": loss,
        }
        with atomic_folder(folder) as target:
            Tuned(TextDecoder(work.model, work.tokenizer, general.device), facts).save(target)
    return Tuned.load(folder, general.device)


def seconds_to_tune(general: TextDecoder, texts: Sequence[str], words: int, seed: int = 0) -> float:
    """Time a few steps on some of the texts, for tuning on so many words."""
    work = LanguageTuning.of(general, texts, seed)
    settings = tuning_settings(words)
    steps = settings.epochs * max(1, words // (settings.batch_size * WINDOW))
    per_row = seconds_per_step(work, seed, arithmetic_on(general.device)) / work.rows
    return per_row * settings.batch_size * steps


def require_language_model(decoder: TextDecoder, where: str) -> TextDecoder:
    """Return it; raises UsageError on another model than an AWD-LSTM."""
    if not isinstance(decoder.model, AwdLstmLanguageModel):
        raise UsageError(
            f"is a {type(decoder.model).__name__}; ULMFiT stands on an AWD-LSTM",
            where=where,
            remedy="Use awd-tiny, fastai's published wt103, or what `headway pretrain --arch awd-lstm` made.",
        )
    return decoder


def _model_of(decoder: TextDecoder) -> AwdLstmLanguageModel:
    model = require_language_model(decoder, "model").model
    assert isinstance(model, AwdLstmLanguageModel)
    return model


def _with_words_of(tokenizer: Tokenizer, texts: Sequence[str]) -> Tokenizer:
    """Return a tokenizer of the old words, in their places, and the texts' commonest others."""
    old = tokenizer.vocabulary
    own = train_words(texts, MOST_WORDS, lowercase=tokenizer.lowercase).vocabulary[2:]
    known = set(old)
    ended = [] if tokenizer.end is not None else [END]
    both = word_tokenizer(
        [*old, *ended, *(word for word in own if word not in known)], lowercase=tokenizer.lowercase
    )
    return BackwardTokenizer.of(both) if tokenizer.backward else both


def _key(general: TextDecoder, texts: Sequence[str], seed: int) -> str:
    """Name what a tuning follows from."""
    digest = hashlib.sha256(f"{seed} {arithmetic_on(general.device)} {general.tokenizer.backward}".encode())
    for name, tensor in _model_of(general).state_dict().items():
        digest.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
    for word in general.tokenizer.vocabulary:
        digest.update(word.encode() + b"\n")
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()[:32]
