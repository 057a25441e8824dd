"""Data that several tests use."""

import csv
import random
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars
import pytest

from headway.core.files import sha256_file
from headway.weights import catalog
from headway.weights.sources import LocalFolder, PublishedFile
from headway.weights.text_rows import Entry, TextPreprocessing
from headway.weights.vector_rows import VectorsEntry

TOPICS = {
    "weather": "rain sun cloud storm wind snow forecast umbrella thunder hail".split(),
    "food": "bread soup cheese rice apple kitchen dinner salt butter oven".split(),
    "travel": "train ticket hotel flight luggage border station passport map taxi".split(),
}


@pytest.fixture(scope="session")
def topics_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 240 made-up texts on three topics that share a third of their words."""
    random.seed(5)
    path = tmp_path_factory.mktemp("data") / "topics.csv"
    shared = "the a with of today we think about some more".split()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "topic"])
        for number in range(240):
            topic = list(TOPICS)[number % 3]
            words = random.choices(TOPICS[topic], k=2) + random.choices(shared, k=4)
            words += random.choices([word for other in TOPICS.values() for word in other], k=1)
            random.shuffle(words)
            writer.writerow([" ".join(words) + f" {number}", topic])
    return path


class Parted(NamedTuple):
    """A table to train on and one to test on."""

    train: Path
    test: Path


@pytest.fixture(scope="session")
def parted_topics(topics_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Parted:
    """The made-up texts as 180 rows and 60: one training instead of five."""
    header, *rows = topics_csv.read_text(encoding="utf-8").splitlines()
    folder = tmp_path_factory.mktemp("parted")
    parted = Parted(folder / "train.csv", folder / "test.csv")
    for path, part in zip(parted, (rows[:180], rows[180:]), strict=True):
        path.write_text("\n".join([header, *part]) + "\n", encoding="utf-8")
    return parted


def _tiny_vectors(published: Path) -> VectorsEntry:
    """Write vectors of the topics' words, of 5 numbers, in the form in which GloVe is fetched."""
    words = [
        *"the a with of today we think about some more".split(),
        *(w for ws in TOPICS.values() for w in ws),
    ]
    matrix = np.random.default_rng(0).normal(size=(len(words), 5)).astype(np.float32)
    np.save(published / "vectors.npy", matrix)
    polars.DataFrame({"word": words}).write_parquet(published / "words.parquet")
    files = tuple(
        PublishedFile(name, sha256_file(published / name), (published / name).stat().st_size)
        for name in ("vectors.npy", "words.parquet")
    )
    return replace(
        catalog.VECTORS["glove-6b-50d"],
        title="tiny vectors",
        words=len(words),
        dimensions=5,
        files=files,
        sources=(LocalFolder(published),),
    )


def _tiny_language_model(published: Path, words: list[str]) -> Entry:
    """An AWD-LSTM of a few thousand weights that has seen nothing."""
    import torch

    from headway.data.word_vocabulary import train_words
    from headway.models.awd_lstm import AwdLstm, AwdLstmConfig, AwdLstmLanguageModel
    from headway.weights.pretrained import save_language_model

    published.mkdir()
    tokenizer = train_words(words, 100, lowercase=True, least=1)
    config = AwdLstmConfig(vocab_size=tokenizer.vocab_size, d_model=12, d_cell=16, num_layers=2)
    torch.manual_seed(0)
    save_language_model(AwdLstmLanguageModel(AwdLstm(config)), published)
    tokenizer.save(published)
    return Entry(
        name="awd-tiny",
        title="a tiny AWD-LSTM",
        architecture="awd_lstm",
        config=config.to_dict(),
        parameters=3000,
        licence="CC0",
        paper="none",
        preprocessing=TextPreprocessing(vocabulary="tokenizer.json", lowercase=True, max_tokens=None),
        weights="model.safetensors",
        files=tuple(
            PublishedFile(path.name, sha256_file(path), path.stat().st_size)
            for path in sorted(published.iterdir())
        ),
        sources=(LocalFolder(published),),
        overlap=(),
        origin="fresh weights of this test",
    )


@pytest.fixture
def tiny_zoo(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a BERT of a few thousand weights in the place of MiniLM, in a local folder; nothing is cached yet."""
    return put_tiny_zoo(tmp_path_factory, monkeypatch)


def put_tiny_zoo(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Do what `tiny_zoo` tells, for as long as ``monkeypatch`` lasts: the same bytes each time."""
    import torch

    from headway.models.bert import Bert, BertConfig
    from headway.weights.pretrained import save_encoder

    published = tmp_path_factory.mktemp("published")
    words = [word for topic in TOPICS.values() for word in topic] + "the a with of today we".split()
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *words,
        *"0123456789",
        *(f"##{d}" for d in range(10)),
    ]
    (published / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    sizes = {"vocab_size": len(pieces), "d_model": 16, "d_ff": 24, "num_heads": 2, "num_layers": 3}
    torch.manual_seed(0)
    save_encoder(Bert(BertConfig(**sizes, max_positions=32)), published)
    files = tuple(
        PublishedFile(name, sha256_file(published / name), (published / name).stat().st_size)
        for name in ("model.safetensors", "vocab.txt")
    )
    entry = replace(
        catalog.CATALOG["minilm"],
        title="a tiny BERT",
        config={**sizes, "max_positions": 32},
        preprocessing=TextPreprocessing(vocabulary="vocab.txt", lowercase=True, max_tokens=16),
        files=files,
        sources=(LocalFolder(published),),
    )
    monkeypatch.setattr(
        catalog, "CATALOG", {"minilm": entry, "awd-tiny": _tiny_language_model(published / "awd-tiny", words)}
    )
    monkeypatch.setattr(catalog, "VECTORS", {"glove-6b-50d": _tiny_vectors(published)})
    monkeypatch.setattr(catalog, "PICTURES", {})
    monkeypatch.setenv("HEADWAY_CACHE", str(tmp_path_factory.mktemp("cache")))
    return published
