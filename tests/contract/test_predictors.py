"""Every predictor keeps the contract of `models.base.Predictor`, through a folder on disk."""

from pathlib import Path

import numpy as np
import pytest

from damaged_folders import refuse_each_damage
from headway.bundle.predictors import KINDS, load_predictor, save_predictor
from headway.core.progress import Silent
from headway.data.checks import check_examples
from headway.data.columns import choose_columns
from headway.data.readers import read_table
from headway.ladder.rungs import text_rungs
from headway.models.base import Predictor

HARD_TEXTS = ["rain", "", "   ", "🌧️ and ☀️", "한국어", "a\u0000b", "x" * 100_000, "word " * 5_000]


PARAMS = [
    "majority",
    "ngrams",
    "embeddings",
    "vectors",
    "static",
    "ulmfit",
    "frozen",
    "mixed",
    "distilled",
    "finetuned",
]


@pytest.fixture(params=PARAMS)
def predictor(request: pytest.FixtureRequest, tiny_zoo: Path, topics_csv: Path) -> Predictor:
    from headway.weights import cache, catalog

    for name in ("minilm", "awd-tiny", "glove-6b-50d"):
        cache.fetch(catalog.find_published(name))
    table = read_table(topics_csv)
    examples = check_examples(table, choose_columns(table)).examples
    rung = next(rung for rung in text_rungs(None) if rung.name == request.param)
    return rung.fit(examples, 0, Silent())


def test_a_predictor_keeps_its_contract(predictor: Predictor, tmp_path: Path) -> None:
    assert predictor.kind in KINDS
    assert predictor.labels == ("food", "travel", "weather")
    assert predictor.parameters > 0
    first = predictor.predict(HARD_TEXTS)
    assert first.shape == (len(HARD_TEXTS), 3) and first.dtype == np.float64
    np.testing.assert_allclose(first.sum(axis=1), 1, atol=1e-9)
    assert predictor.predict([]).shape == (0, 3)
    assert 0 <= predictor.cut(HARD_TEXTS) <= len(HARD_TEXTS)

    save_predictor(predictor, tmp_path, temperature=2.0)
    assert not [
        path for path in tmp_path.iterdir() if path.suffix in {".pkl", ".pickle", ".joblib", ".bin", ".pt"}
    ]
    loaded = load_predictor(tmp_path)
    assert loaded.labels == predictor.labels and loaded.temperature == 2.0
    np.testing.assert_allclose(loaded.predictor.predict(HARD_TEXTS), first, atol=1e-6)
    assert (loaded.predict(HARD_TEXTS).max(axis=1) <= first.max(axis=1) + 1e-9).all()


def test_a_damaged_folder_is_an_error_of_ours(predictor: Predictor, tmp_path: Path) -> None:
    save_predictor(predictor, tmp_path)
    refuse_each_damage(tmp_path)
