"""Every tagger keeps the contract of `models.base.Predictor` for sentences of words, through a folder on disk."""

from pathlib import Path

import numpy as np
import pytest

from damaged_folders import refuse_each_damage
from headway.bundle.predictors import KINDS, load_predictor, save_predictor
from headway.core.progress import Silent
from headway.data.checks import check_examples
from headway.data.columns import choose_columns
from headway.data.inputs import Sentence
from headway.data.readers import read_table
from headway.ladder.rungs import text_rungs
from headway.models.base import Predictor
from tagged_sentences import sentences, write_conll

HARD = [
    Sentence(words)
    for words in (
        ["rain"],
        [],
        ["", " ", "\u200b"],
        ["🌧️", "and", "☀️"],
        ["한국어", "a\u0000b"],
        ["x" * 100_000, "Berlin"],
        ["word"] * 3_000,
    )
]

PARAMS = ["lexicon", "ngrams", "vectors", "frozen", "mixed", "finetuned"]


@pytest.fixture(params=PARAMS)
def tagger(request: pytest.FixtureRequest, tiny_zoo: Path, tmp_path: Path) -> Predictor:
    from headway.weights import cache, catalog

    for name in ("minilm", "glove-6b-50d"):
        cache.fetch(catalog.find_published(name))
    table = read_table(write_conll(tmp_path / "train.conll", sentences(60)))
    examples = check_examples(table, choose_columns(table)).examples
    rung = next(rung for rung in text_rungs(None, task="tags") if rung.name == request.param)
    return rung.fit(examples, 0, Silent())


def test_a_tagger_keeps_its_contract(tagger: Predictor, tmp_path: Path) -> None:
    assert tagger.kind in KINDS and tagger.parameters > 0
    assert tagger.labels == ("B-person", "B-place", "I-person", "I-place", "O")
    first = tagger.predict(HARD)
    assert first.shape == (len(HARD),) and first.dtype == np.object_
    for sentence, shares in zip(HARD, first, strict=True):
        assert shares.shape == (len(sentence), 5) and shares.dtype == np.float64
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-9)
    assert tagger.predict([]).shape == (0,)
    assert 0 <= tagger.cut(HARD) <= len(HARD)

    folder = tmp_path / "tagger"
    folder.mkdir()
    save_predictor(tagger, folder, temperature=None)
    loaded = load_predictor(folder)
    assert loaded.labels == tagger.labels
    for one, other in zip(loaded.predict(HARD), first, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    alone = [loaded.predict([sentence])[0] for sentence in HARD]
    for one, other in zip(alone, first, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_damaged_tagger_is_an_error_of_ours(tagger: Predictor, tmp_path: Path) -> None:
    folder = tmp_path / "tagger"
    folder.mkdir()
    save_predictor(tagger, folder, temperature=None)
    refuse_each_damage(folder)
