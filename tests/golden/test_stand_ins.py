"""The networks that ship with Headway: their bytes, their cards, and what they are worth on held-out text."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from headway.core.files import read_json, sha256_file
from headway.data.corpus import read_corpus
from headway.tasks.decoder import TextDecoder
from headway.tasks.encoder import TextEncoder
from headway.tasks.scoring import perplexity
from headway.weights import catalog
from headway.weights.formats import layout
from shared_files import DATA

ZOO = Path(__file__).parents[2] / "zoo"
NAMES = [name for name, entry in catalog.CATALOG.items() if entry.comes_along]
LANGUAGE_MODELS = [name for name in NAMES if catalog.CATALOG[name].architecture == "awd_lstm"]
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWAY_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", NAMES)
def test_the_row_and_the_card_say_what_the_folder_holds(name: str) -> None:
    entry = catalog.find(name)
    card = (ZOO / name / "CARD.md").read_text(encoding="utf-8")
    assert {file.name for file in entry.files} | {"CARD.md"} == {path.name for path in (ZOO / name).iterdir()}
    for file in entry.files:
        path = ZOO / name / file.name
        assert file.sha256 == sha256_file(path) and file.size == path.stat().st_size <= 5_000_000
        assert file.sha256 in card
    stored = layout(entry.architecture).read_config(read_json(ZOO / name / "config.json"))
    assert stored == type(stored).from_dict(dict(entry.config))
    words = re.search(r"pretrained by us on ([\d,]+) ", entry.origin)
    assert words is not None and words[1] in card and "not the published weights" in entry.origin
    assert "these are not the published weights" in card and "Corpus:" in card and "Licence" in card
    encoder = TextEncoder.open(name, CPU)  # without a connection
    assert encoder.settings["weights"] == entry.origin
    assert sum(parameter.numel() for parameter in encoder.backbone.parameters()) <= entry.parameters
    assert encoder.cut(["word " * 100_000]) == (0 if entry.preprocessing.max_tokens is None else 1)
    of_folder = TextEncoder.open(str(ZOO / name), CPU)
    assert of_folder.max_tokens == encoder.max_tokens
    texts = ["Mr. Darcy was silent", "고요한 밤", ""]
    assert np.array_equal(of_folder.layer_means(texts, 1), encoder.layer_means(texts, 1))


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
def test_it_predicts_text_that_it_has_not_read(name: str) -> None:
    corpus = DATA / ("lm_korean_reviews/valid.txt" if name.endswith("ko") else "lm_austen/persuasion.txt")
    if not corpus.is_file():
        pytest.skip(f"{corpus} is not here")
    lines = read_corpus(corpus).documents[0]
    end = len(lines) if name.endswith("ko") else len(lines) // 20  # the last ones were held out
    decoder = TextDecoder.open(name, CPU)
    assert decoder.tokenizer.backward is name.endswith("backward")
    found = perplexity(decoder, "\n".join(lines[-end:][:200]))
    uniform = decoder.tokenizer.vocab_size
    assert found.per_token < uniform / (10 if name.endswith("ko") else 20)
