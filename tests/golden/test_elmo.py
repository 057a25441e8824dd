"""ELMo as published by AllenNLP and by bilm-tf: the expected outputs beside their weights, and the layout both ways."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from headway.blocks.ragged import Tokens
from headway.core import characters
from headway.data.characters import CharacterTokenizer
from headway.models.elmo import Elmo
from headway.weights.convert import to_ours
from headway.weights.formats import elmo as layout
from headway.weights.pretrained import load_encoder, save_encoder
from headway.weights.published_elmo import save_published
from headway.weights.read import read_tensors
from shared_files import FIXTURES

h5py = pytest.importorskip("h5py")
SENTENCES = {"elmo_allennlp": "sentences.json", "elmo_bilm_tf": "lm_embeddings_sentences.json"}
both = pytest.mark.parametrize("name", list(SENTENCES))


def _folder(name: str) -> Path:
    folder = FIXTURES / name
    if not folder.is_dir():
        pytest.skip(f"no {name} among the shared fixtures")
    return folder


def _load(folder: Path) -> Elmo:
    model, _ = load_encoder(folder)
    assert isinstance(model, Elmo)
    return model


@both
def test_the_top_layer_is_the_published_one_with_the_state_carried_on(name: str) -> None:
    """Step b takes sentence b of each of three lists; the state goes on from step to step."""
    folder = _folder(name)
    model, tokenizer = _load(folder), CharacterTokenizer()
    lists = json.loads((folder / SENTENCES[name]).read_text())
    expected = [h5py.File(folder / f"lm_embeddings_{i}.hdf5") for i in range(3)]
    state, compared = None, 0
    with torch.inference_mode():
        for step in range(10):
            words = [rows[step].split() for rows in lists]
            batch = Tokens.pack([tokenizer.words(row) for row in words])
            depths, state = model.depths(batch, state)
            found = depths[-1].values.split([len(row) for row in words])
            for ours, file in zip(found, expected, strict=True):
                theirs = np.concatenate(file[str(step)][()], axis=1)  # [2, T, P]: forward beside backward
                assert ours.shape == theirs.shape
                np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-5, rtol=0)
                compared += len(theirs)
    assert compared > 700
    with torch.inference_mode():
        anew = model.depths(batch)[0][-1].values  # without the state it is another
    assert not np.allclose(anew.numpy(), depths[-1].values.numpy(), atol=1e-3)


def test_the_words_own_vectors_are_the_published_ones() -> None:
    folder = _folder("elmo_allennlp")
    words = (folder / "vocab_test.txt").read_text(encoding="utf-8").split("\n")
    expected = read_tensors(folder / "elmo_token_embeddings.hdf5")["embedding"]
    ids = torch.from_numpy(CharacterTokenizer().words(words))
    for word, mark in (("<S>", characters.SENTENCE_BEGIN), ("</S>", characters.SENTENCE_END)):
        ids[words.index(word)] = torch.tensor(characters.frame([mark]))
    with torch.inference_mode():
        found = _load(folder).word_vectors(ids)
    assert found.shape == expected.shape, (found.shape, expected.shape)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@both
def test_the_layout_is_written_back_as_it_was(name: str, tmp_path: Path) -> None:
    folder = _folder(name)
    model = _load(folder)
    save_published(model, tmp_path)
    theirs, written = read_tensors(folder / "lm_weights.hdf5"), read_tensors(tmp_path / "lm_weights.hdf5")
    assert theirs.keys() == written.keys()
    for key, tensor in theirs.items():
        # adding 1 to the forget gate's bias and taking it away rounds it, by half a unit of 1 at most
        rounded = 1.2e-7 if key.endswith("/B") else 0
        torch.testing.assert_close(written[key], tensor, atol=rounded, rtol=0, msg=key)
    assert json.loads((tmp_path / "options.json").read_text()) == json.loads(
        (folder / "options.json").read_text()
    )
    again = _load(tmp_path)
    for key, tensor in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[key], tensor, atol=1.2e-7, rtol=0, msg=key)


def test_each_rule_fires() -> None:
    tensors = read_tensors(_folder("elmo_allennlp") / "lm_weights.hdf5")
    model = _load(_folder("elmo_allennlp"))
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    rules = layout.rules_for(tensors, classifier=False)
    used = to_ours(tensors, rules, shapes).used
    assert all(used[: len(layout.LANGUAGE)]) and used[len(layout.LANGUAGE) :] == (0, 0)  # a mix has no tensor


def test_our_own_folder_keeps_the_mix_too(tmp_path: Path) -> None:
    model = _load(_folder("elmo_allennlp"))
    with torch.no_grad():
        model.mix.weights.copy_(torch.tensor([0.5, -1.0, 2.0]))
        model.mix.gamma.fill_(1.5)
    save_encoder(model, tmp_path)
    again = _load(tmp_path)
    for key, tensor in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[key], tensor, atol=1.2e-7, rtol=0, msg=key)
