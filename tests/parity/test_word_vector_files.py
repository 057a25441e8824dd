"""Reading word-vector files equals gensim's reading of them, on its own test files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.shared_files import FIXTURES

from headway.models.word_vectors import WordVectors
from headway.weights.vectors.files import open_vectors, write_vectors

models = pytest.importorskip("gensim.models", reason="gensim is not installed: make test-parity")
facebook = pytest.importorskip("gensim.models.fasttext")
FILES = FIXTURES / "word_vectors"
pytestmark = [
    pytest.mark.skipif(not FILES.is_dir(), reason="shared/fixtures/word_vectors is not here"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # gensim leaves files open
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def _text(path: Path, **options: object) -> object:
    return models.KeyedVectors.load_word2vec_format(str(path), **options)


READERS: dict[str, Callable[[Path], object]] = {
    "euclidean_vectors.bin": lambda path: _text(path, binary=True),
    "crime-and-punishment.vec": _text,
    "lee_fasttext.vec": _text,
    "toy-model.vec": _text,
    "test_glove.txt": lambda path: _text(path, no_header=True),
    "crime-and-punishment.bin": lambda path: facebook.load_facebook_vectors(str(path)),
    "lee_fasttext.bin": lambda path: facebook.load_facebook_vectors(str(path)),
    "toy-model.bin": lambda path: facebook.load_facebook_vectors(str(path)),
}


@pytest.mark.parametrize("name", READERS)
def test_the_same_words_and_vectors(name: str) -> None:
    ours, theirs = open_vectors(FILES / name), READERS[name](FILES / name)
    assert ours.words == theirs.index_to_key  # type: ignore[attr-defined]
    known = [word for word in ours.words if word != "</s>" or name != "crime-and-punishment.bin"]
    expected = np.stack([theirs[word] for word in known])  # type: ignore[index]
    tolerance = 0 if ours.subwords is None else 1e-6  # the mean over subwords is added in another order
    assert np.abs(ours.matrix[ours.rows(known)] - expected).max() <= tolerance * np.abs(expected).max()


@pytest.mark.parametrize("name", ["crime-and-punishment", "lee_fasttext", "toy-model"])
def test_subwords_give_unknown_words_the_same_vectors(name: str) -> None:
    ours = open_vectors(FILES / f"{name}.bin")
    theirs = facebook.load_facebook_vectors(str(FILES / f"{name}.bin"))
    unknown = ["unbeknownstly", "наказаниями", "日本語", "naïve", "a", "overcoatlessness"]
    assert not any(word in ours for word in unknown if word != "a")
    for word in unknown:
        expected = theirs.get_vector(word)
        found = ours.get(word)
        assert found is not None or not expected.any()
        if found is not None:
            assert np.abs(found - expected).max() <= 1e-6 * np.abs(expected).max(), word


@pytest.mark.parametrize("name", ["crime-and-punishment", "lee_fasttext"])
def test_a_fasttext_model_gives_the_vectors_that_fasttext_itself_wrote_beside_it(name: str) -> None:
    """The end of a sentence included, to which gensim gives n-grams that the original does not."""
    model, written = open_vectors(FILES / f"{name}.bin"), open_vectors(FILES / f"{name}.vec")
    assert "</s>" in model
    found = model.matrix[model.rows(written.words)]
    scale = np.abs(written.matrix).max()
    assert np.abs(found - written.matrix).max() < 1e-4 * scale  # it writes five digits


def test_nearest_words_and_analogies() -> None:
    ours, theirs = open_vectors(FILES / "lee_fasttext.vec"), _text(FILES / "lee_fasttext.vec")
    for word in ours.words[:40]:
        expected = theirs.most_similar(word, topn=10)  # type: ignore[attr-defined]
        _same(ours.nearest(word, 10), expected)
    for a, b, c in zip(ours.words[5:25], ours.words[40:60], ours.words[70:90], strict=True):
        expected = theirs.most_similar(positive=[b, c], negative=[a], topn=5)  # type: ignore[attr-defined]
        _same(ours.analogy(a, b, c, 5), expected)


def _same(ours: list[tuple[str, float]], theirs: list[tuple[str, float]]) -> None:
    assert [cosine for _, cosine in ours] == pytest.approx([cosine for _, cosine in theirs], abs=1e-5)
    # words whose cosines differ by no more than rounding may change places
    for (word, cosine), (other, _) in zip(ours, theirs, strict=True):
        assert word == other or any(w == word and abs(c - cosine) < 1e-5 for w, c in theirs)


@pytest.mark.parametrize(
    ("form", "name"), [("word2vec", "out.vec"), ("word2vec-binary", "out.bin"), ("glove", "out.txt")]
)
def test_gensim_reads_what_is_written(form: str, name: str, tmp_path: Path) -> None:
    vectors: WordVectors = open_vectors(FILES / "crime-and-punishment.vec")
    write_vectors(vectors, tmp_path / name)
    theirs = _text(tmp_path / name, binary=form == "word2vec-binary", no_header=form == "glove")
    assert theirs.index_to_key == vectors.words  # type: ignore[attr-defined]
    assert np.array_equal(theirs.vectors, vectors.matrix)  # type: ignore[attr-defined]
