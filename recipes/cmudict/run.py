"""Recipe: spelling to phonemes on cmudict, by a Transformer of 2017 that is trained from nothing.

    python recipes/cmudict/run.py            # the estimate, the training, then the test part
    python recipes/cmudict/run.py --smoke    # a few hundred steps on few words: shows that all works, and nothing else

Hardware: 2 cores, at most 30 minutes. Expected on the test part: phoneme error at most 9 %, word error at most 35 %,
over the 39 phonemes of cmudict.phones, as others count; the same is aimed at with stress ("AH0" is not "AH1"), which
is what the model is trained on, and both are given.

90 % of the headwords are for training, 5 % for development, 5 % for the test, all pronunciations of a word together.
An answer is right when it is one of the word's pronunciations; its phoneme error is its distance to the nearest. What
is below was chosen without the test part, which is looked at once. Each stage writes what it made when it is done, and
what is there is not made again: the weights to runs/, the figures and all answers to results/.

As in the paper: encoder and decoder alike, shared embeddings, Adam with betas 0.9 and 0.98, the inverse square root of
the step with warm-up, smoothed labels, the mean of the last states, beam search with length penalty 0.6. Unlike it: the
sizes, for a vocabulary of letters and phonemes; gradients are clipped.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rows import Word, read, split, without_stress

from headway.core.progress import Silent
from headway.core.seeding import derive
from headway.core.times import human_seconds
from headway.data.batches import epoch_order
from headway.metrics.edit_distance import sequence_error_rate, token_error_rate
from headway.models.transformer import Transformer, TransformerConfig
from headway.tasks import transduction
from headway.training.averaging import LastStates
from headway.training.groups import parameter_groups
from headway.training.loop import train
from headway.training.pretrain_transformer import Ids
from headway.training.settings import TrainingSettings
from headway.weights.encoder_decoder import load_encoder_decoder, save_encoder_decoder

SIZES = {"d_model": 128, "d_ff": 512, "num_heads": 4, "num_layers": 3, "dropout": 0.1}
SETTINGS = TrainingSettings(
    epochs=12,  # of half the pairs each
    learning_rate=2e-3,
    batch_size=128,
    schedule="inverse_square_root",
    warmup=0.1,
    weight_decay=0.0,
    beta2=0.98,
    epsilon=1e-9,
)
PARTS = 2  # epochs to go through all pairs once
SMOOTHING = 0.1
AVERAGED = 4  # of the last epochs
BEAMS = 4
MAX_PHONEMES = 32  # the longest pronunciation has 28
START, END = 0, 1

HERE = Path(__file__).parent
RESULTS = HERE / "results"
WEIGHTS = HERE.parents[1] / "runs" / "cmudict"
CPU = torch.device("cpu")


class Symbols:
    """The vocabulary of source and target together: start, end, the letters, the phonemes."""

    def __init__(self, words: list[Word]) -> None:
        letters = sorted({letter for word in words for letter in word.spelling})
        phonemes = sorted({p for word in words for said in word.pronunciations for p in said})
        self.symbols = ["<start>", "<end>", *letters, *phonemes]
        self.ids = {symbol: index for index, symbol in enumerate(self.symbols)}

    def source(self, word: Word) -> np.ndarray:
        """Return the ids of a spelling, and an end."""
        return np.array([*(self.ids[letter] for letter in word.spelling), END])

    def target(self, phonemes: tuple[str, ...]) -> np.ndarray:
        """Return the ids of a pronunciation."""
        return np.array([self.ids[phoneme] for phoneme in phonemes])

    def phonemes(self, ids: tuple[int, ...]) -> tuple[str, ...]:
        """Return the symbols of ids."""
        return tuple(self.symbols[index] for index in ids)


def as_ids(words: list[Word], symbols: Symbols) -> Ids:
    """Return spellings and pronunciations as ids, one pair for each pronunciation."""
    return Ids(
        sources=[symbols.source(word) for word in words for _ in word.pronunciations],
        targets=[symbols.target(said) for word in words for said in word.pronunciations],
    )


def epoch(pairs: Ids, number: int, seed: int, size: int) -> list[transduction.Batch]:
    """Return an epoch's batches: one of the parts of all pairs, in an order that is new each time through."""
    order = epoch_order(len(pairs.sources), seed, number // PARTS)
    share = len(order) // PARTS
    part = order[number % PARTS * share :][:share]
    return pairs.batches(part, size, start=START, end=END, device=CPU)


def fit(model: Transformer, pairs: Ids, settings: TrainingSettings, seed: int, progress: Any) -> float:
    """Train by the paper's recipe and leave the model at the mean of its last states; return the last epoch's loss."""
    return train(
        model,
        parameter_groups(model.parameters(), (), settings),
        lambda batch: transduction.loss(model, batch, smoothing=SMOOTHING),
        lambda number: epoch(pairs, number, seed, settings.batch_size),
        settings,
        seed,
        progress,
        name="training",
        companions=(LastStates(model, AVERAGED),),
    )


def fresh_model(symbols: Symbols, seed: int) -> Transformer:
    """Draw the weights from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "weights"))
        return Transformer(TransformerConfig(vocab_size=len(symbols.symbols), **SIZES))


def answers(model: Transformer, words: list[Word], symbols: Symbols) -> list[tuple[str, ...]]:
    """Return the pronunciation that the model gives each word."""
    found = transduction.answers(
        model,
        [symbols.source(word) for word in words],
        start=START,
        end=END,
        max_tokens=MAX_PHONEMES,
        device=CPU,
        beams=BEAMS,
    )
    return [symbols.phonemes(ids) for ids in found]


def figures(found: list[tuple[str, ...]], words: list[Word]) -> dict[str, float]:
    """Return both error rates, with stress and without."""
    wanted = [word.pronunciations for word in words]
    plain = [without_stress(answer) for answer in found]
    wanted_plain = [[without_stress(said) for said in variants] for variants in wanted]
    return {
        "phoneme error": token_error_rate(found, wanted),
        "word error": sequence_error_rate(found, wanted),
        "phoneme error without stress": token_error_rate(plain, wanted_plain),
        "word error without stress": sequence_error_rate(plain, wanted_plain),
    }


def estimate(pairs: Ids, parts: dict[str, list[Word]], symbols: Symbols, settings: TrainingSettings) -> float:
    """Time some steps and some answers of a model that is then thrown away; return the seconds of the whole."""
    model = fresh_model(symbols, seed=0)
    times: list[float] = []
    few = epoch(pairs, 0, 0, settings.batch_size)[:8]
    train(
        model,
        parameter_groups(model.parameters(), (), settings),
        lambda batch: transduction.loss(model, batch),
        lambda number: few,
        replace(settings, epochs=1),
        0,
        Stopwatch(lambda: times.append(time.perf_counter())),
    )
    steps = settings.epochs * math.ceil(len(pairs.sources) / PARTS / settings.batch_size)
    sample = parts["development"][:64]
    started = time.perf_counter()
    answers(model, sample, symbols)
    each = (time.perf_counter() - started) / len(
        sample
    )  # too much: a model that knows nothing goes on to the end
    return float(np.median(np.diff(times))) * steps + each * (len(parts["development"]) + len(parts["test"]))


class Stopwatch(Silent):
    """Calls a function after each step."""

    def __init__(self, tick: Callable[[], object]) -> None:
        self.tick = tick

    def advance(self, count: int = 1, note: str = "") -> None:
        self.tick()


class Lines(Silent):
    """Prints a line every half minute."""

    def begin(self, name: str, total: int, unit: str) -> None:
        self.total, self.done, self.said = total, 0, time.monotonic()
        self.started = self.said

    def advance(self, count: int = 1, note: str = "") -> None:
        self.done += count
        if time.monotonic() - self.said > 30:
            self.said = time.monotonic()
            left = human_seconds((self.said - self.started) * (self.total / self.done - 1))
            print(f"  step {self.done:,} of {self.total:,}, {note}, {left} left", file=sys.stderr, flush=True)


def run(
    parts: dict[str, list[Word]], settings: TrainingSettings, seed: int, weights: Path, result: Path
) -> None:
    """Make what is missing: the weights, then the figures."""
    symbols = Symbols([word for words in parts.values() for word in words])
    record: dict[str, Any] = json.loads(result.read_text()) if result.is_file() else {}
    if "training" not in record or not (weights / "model.safetensors").is_file():
        pairs = as_ids(parts["training"], symbols)
        expected = estimate(pairs, parts, symbols, settings)
        counts = ", ".join(f"{len(words):,} {name}" for name, words in parts.items())
        print(f"headwords: {counts}; {len(pairs.sources):,} pairs to train on")
        print(f"estimate: {human_seconds(expected)}", flush=True)
        model = fresh_model(symbols, seed)
        started = time.perf_counter()
        loss = fit(model, pairs, settings, seed, Lines())
        seconds = time.perf_counter() - started
        weights.mkdir(parents=True, exist_ok=True)
        save_encoder_decoder(model, weights)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        record = {
            "seed": seed,
            "sizes": SIZES,
            "settings": settings.to_dict(),
            "training": {"seconds": seconds, "loss": loss, "parameters": parameters, "estimate": expected},
        }
        write(result, record)
    trained, _ = load_encoder_decoder(weights)
    for name in ("development", "test"):
        if name in record:
            continue
        started = time.perf_counter()
        found = answers(trained, parts[name], symbols)
        record[name] = {
            "figures": figures(found, parts[name]),
            "seconds": time.perf_counter() - started,
            "answers": {word.spelling: " ".join(said) for word, said in zip(parts[name], found, strict=True)},
        }
        write(result, record)
    training = record["training"]
    print(f"{training['parameters']:,} parameters, trained in {human_seconds(training['seconds'])}")
    for name in ("development", "test"):
        shown = ", ".join(f"{key} {100 * rate:.2f} %" for key, rate in record[name]["figures"].items())
        print(f"{name}: {shown}")


def write(path: Path, record: dict[str, Any]) -> None:
    """Write the record, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".part").write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n")
    path.with_suffix(".part").replace(path)


def main() -> None:
    """Read the options and run."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--smoke", action="store_true", help="few words and steps; the figures mean nothing")
    asked = options.parse_args()
    parts = split(read())
    settings, name = SETTINGS, f"seed{asked.seed}"
    if asked.smoke:
        parts = {part: words[: 1500 if part == "training" else 50] for part, words in parts.items()}
        settings, name = replace(settings, epochs=4), "smoke"
    run(parts, settings, asked.seed, WEIGHTS / name, RESULTS / f"{name}.json")


if __name__ == "__main__":
    main()
