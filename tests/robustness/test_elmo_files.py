"""ELMo's files, damaged or at odds, and texts that it was not made for: said plainly."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from headway.blocks.ragged import Tokens
from headway.core.errors import FetchError, LayoutError, UsageError, WeightsError
from headway.core.progress import Silent
from headway.data.characters import CharacterTokenizer
from headway.data.examples import Examples
from headway.ladder.mixed_training import MixedTraining
from headway.models.elmo import Elmo, ElmoConfig
from headway.tasks.encoder import TextEncoder
from headway.weights import cache, catalog
from headway.weights.pretrained import load_encoder
from headway.weights.published_elmo import save_published

pytest.importorskip("h5py")
CONFIG = ElmoConfig(
    d_character=4, filters=((1, 4), (2, 6)), num_highways=1, d_cell=8, d_projection=5, num_layers=2
)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    folder = tmp_path / "elmo"
    folder.mkdir()
    save_published(Elmo(CONFIG).eval(), folder)
    return folder


def _options(folder: Path, change: Any) -> None:
    path = folder / "options.json"
    options = json.loads(path.read_text())
    change(options)
    path.write_text(json.dumps(options))


def test_a_truncated_file(published: Path) -> None:
    path = published / "lm_weights.hdf5"
    content = path.read_bytes()
    for kept in (len(content) // 2, len(content) - 1, 100):
        path.write_bytes(content[:kept])
        with pytest.raises(WeightsError, match="is damaged or incomplete"):
            load_encoder(published)


def test_options_that_disagree_with_the_weights(published: Path) -> None:
    _options(published, lambda options: options["lstm"].update(dim=9))
    with pytest.raises(
        LayoutError, match=r"of another shape: layers\.0\.left_to_right\.weight_ih is \[32, 5\]"
    ):
        load_encoder(published)
    _options(published, lambda options: options["lstm"].update(dim=8, n_layers=1))
    with pytest.raises(LayoutError, match=r"converted, but without a place in the model: layers\.1\."):
        load_encoder(published)
    _options(published, lambda options: options["lstm"].update(n_layers=2, peephole=True))
    with pytest.raises(WeightsError, match="unknown key 'peephole'; it may change what the model computes"):
        load_encoder(published)
    _options(published, lambda options: options["lstm"].pop("peephole"))
    _options(published, lambda options: options["char_cnn"].update(n_characters=300))
    with pytest.raises(WeightsError, match="n_characters is neither 261 nor 262"):
        load_encoder(published)
    _options(published, lambda options: options.pop("char_cnn"))
    with pytest.raises(WeightsError, match="has no table 'char_cnn'"):
        load_encoder(published)


def test_without_h5py_it_says_what_to_install(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(UsageError, match=r"an HDF5 file needs the package h5py[^I]*Install it"):
        load_encoder(published)


def test_a_character_beyond_the_table(published: Path) -> None:
    model, _ = load_encoder(published)
    words = CharacterTokenizer().words(["one", "two"])
    for wrong in (261, -1):
        words[1, 4] = wrong
        with pytest.raises(UsageError, match=f"character id {wrong}, but the table has the ids 0 to 260"):
            model.features(Tokens.pack([words]))
    with pytest.raises(UsageError, match=r"words must be \[N, 50\] character ids, found \[2, 10\]"):
        model.features(Tokens.pack([words[:, :10]]))


def test_an_empty_sentence_is_one_word_without_a_character(published: Path) -> None:
    encoder = TextEncoder.open(str(published), torch.device("cpu"))
    vectors = encoder.layer_means(["", "   ", "a word"], 3)
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    assert not np.allclose(vectors[0], vectors[2])


def test_a_text_of_100_000_words(published: Path) -> None:
    """Read for a task, it is cut at what the encoder reads, and counted. The model itself has no bound: see 3,000."""
    text = "one two " * 50_000
    encoder = TextEncoder.open(str(published), torch.device("cpu"))
    assert encoder.cut([text, "one two"]) == 1
    assert [len(row) for row in encoder.tokenize([text])] == [encoder.max_tokens]
    model, _ = load_encoder(published)
    ids = CharacterTokenizer().words(["one", "two"] * 1500)
    with torch.inference_mode():
        assert model.features(Tokens.pack([ids])).tokens.values.isfinite().all()


def test_the_rung_that_mixes_depths_says_the_same(published: Path) -> None:
    """Of published files given by their folder: damaged ones are refused, empty and endless texts answered."""
    training = MixedTraining(str(published), torch.device("cpu"))
    texts, topics = (
        ["rain", "", "sun and rain", "   ", "soup", "bread and soup"] * 3,
        ["a", "b", "a", "b", "c", "c"] * 3,
    )
    fitted = training.fit(Examples.of_texts(texts, topics, "test"), 0, Silent())
    text = "one two " * 50_000
    shares = fitted.predict(["", "   ", text])
    assert shares.shape == (3, 3) and np.isfinite(shares).all()
    np.testing.assert_allclose(shares[0], shares[1], atol=1e-6)
    assert fitted.cut(["", text]) == 1
    path = published / "lm_weights.hdf5"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="is damaged or incomplete"):
        MixedTraining(str(published), torch.device("cpu"))


def test_the_row_of_the_zoo_claims_no_hash_and_no_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HEADWAY_CACHE", str(tmp_path))
    monkeypatch.delenv("HEADWAY_WEIGHTS", raising=False)
    entry = catalog.find("elmo")
    facts = entry.facts()
    for number in (1, 2):
        assert "sha256 not known: nobody vouches for the first file" in facts[f"file {number}"]
    with pytest.raises(
        FetchError, match=r"No address is known that delivers it(.|\n)*\$HEADWAY_WEIGHTS"
    ) as told:
        cache.fetch(entry)
    assert "With a connection" not in str(told.value)
    with torch.device("meta"):
        model = Elmo(ElmoConfig.from_dict(dict(entry.config)))
    published = {
        name: value.numel() for name, value in model.named_parameters() if not name.startswith("mix.")
    }
    assert sum(published.values()) == entry.parameters
    assert "as its source declares it" in catalog.find("gpt2-xl").facts()["file 1"]


def test_two_files_of_options_are_not_guessed_between(published: Path) -> None:
    shutil.copy(published / "options.json", published / "other_options.json")
    with pytest.raises(Exception, match=r"config\.json: is missing"):
        load_encoder(published)
