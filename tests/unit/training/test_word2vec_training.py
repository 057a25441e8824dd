"""Word2vec's kernels against plain numpy, step by step; one thread's bytes; what several threads learn."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from threading import Lock

import numpy as np
import pytest
from llvmlite.binding import get_host_cpu_features

from headway.core.errors import TrainingError, UsageError
from headway.core.seeding import derive, generator
from headway.data.word_corpus import LONGEST_SENTENCE, WordCorpus, encode
from headway.models.word2vec import Word2Vec, Word2VecConfig
from headway.training.word2vec.kernels import skip_gram, skip_gram_shared
from headway.training.word2vec.own_rows import OwnRows, frequent_words, slices
from headway.training.word2vec.sigmoid import LARGEST, STEPS, sigmoid_table
from headway.training.word2vec.train import Training, noise_table, train

SEED = 7
RATE = 0.3  # so large that an update that is missing or doubled shows
SLOW = 0.01  # where each of a few words is many times among the noise


def _corpus(sentences: int = 12) -> WordCorpus:
    draw = generator(1, "tiny corpus")
    shares = 1 / np.arange(1, 13)
    words = [f"w{number}" for number in range(12)]
    texts = [
        draw.choice(words, size=int(draw.integers(1, 11)), p=shares / shares.sum()).tolist()
        for _ in range(sentences)
    ]
    return encode(texts, min_count=2)


class Draws:
    """The random numbers of one job, in Python's own integers."""

    def __init__(self, state: int) -> None:
        self.state = state

    def step(self) -> int:
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return self.state

    def upper(self) -> int:
        return self.step() >> 33


def rate_of(config: Word2VecConfig) -> float:
    return SLOW if config.negatives > 10 else RATE


class Reference:
    """The algorithms as a page of numpy would state them, in float64; all it shares are draws and the tables."""

    def __init__(self, corpus: WordCorpus, config: Word2VecConfig) -> None:
        self.corpus, self.config = corpus, config
        self.rate = rate_of(config)
        self.model = Word2Vec(config, corpus.words, corpus.counts, SEED)
        self.v = self.model.inputs.astype(np.float64)
        self.u = self.model.outputs.astype(np.float64)
        self.table = noise_table(self.model.noise, SEED)
        self.keep = np.ceil(self.model.keep * 2**24)

    def run(self) -> tuple[np.ndarray, np.ndarray]:
        draws = Draws(derive(SEED, "word2vec", 0, 0))
        place = draws.upper() if self.config.architecture != "ngram" else 0
        tokens, starts = self.corpus.tokens, self.corpus.starts
        for begin, end in itertools.pairwise(starts):
            sentence = [t for t in tokens[begin:end] if draws.step() >> 40 < self.keep[t]]
            for centre, word in enumerate(sentence):
                if self.config.architecture == "ngram":
                    self.ngram(sentence, centre)
                    continue
                reach = self.config.window - draws.upper() % self.config.window
                near = sentence[max(centre - reach, 0) : centre] + sentence[centre + 1 : centre + reach + 1]
                if self.config.shared:
                    place = self.shared(near, word, place)
                elif self.config.architecture == "cbow" and near:
                    x = np.mean([self.v[n] for n in near], axis=0)
                    change, place = self.learn(x, word, place)
                    for n in near:
                        self.v[n] += change
                elif self.config.architecture == "skip-gram":
                    for n in near:
                        change, place = self.learn(self.v[n], word, place)
                        self.v[n] += change
        return self.v, self.u

    def outputs(self, word: int, place: int) -> tuple[list[tuple[int, float]], int]:
        """Return (output row, label) of a prediction, and the place in the noise."""
        if self.config.objective == "hierarchical":
            tree = self.model.tree
            way = slice(tree.starts[word], tree.starts[word + 1])
            return list(zip(tree.nodes[way], 1.0 - tree.turns[way], strict=True)), place
        drawn = [self.table[(place + k) % len(self.table)] for k in range(1, self.config.negatives + 1)]
        return [(word, 1.0), *((n, 0.0) for n in drawn if n != word)], place + self.config.negatives

    def learn(self, x: np.ndarray, word: int, place: int) -> tuple[np.ndarray, int]:
        change = np.zeros_like(x)
        if self.config.objective == "softmax":
            scores = np.exp(self.u @ x)
            errors = (np.arange(len(self.u)) == word) - scores / scores.sum()
            change = self.rate * errors @ self.u
            self.u += self.rate * np.outer(errors, x)
            return change, place
        targets, place = self.outputs(word, place)
        errors = [label - sigmoid(self.u[target] @ x) for target, label in targets]
        for (target, _), error in zip(targets, errors, strict=True):
            change += self.rate * error * self.u[target]
            self.u[target] += self.rate * error * x
        return change, place

    def shared(self, near: list[int], word: int, place: int) -> int:
        targets, place = self.outputs(word, place)
        if near:
            y = self.u[[target for target, _ in targets]]  # [K, D]
            labels = np.array([label for _, label in targets])
            errors = self.rate * (labels - sigmoid(self.v[near] @ y.T))  # [A, K]
            changes = np.zeros_like(y)
            for n, error in zip(near, errors, strict=True):  # a word that is near twice changes twice
                changes += np.outer(error, self.v[n])
                self.v[n] += error @ y
            for (target, _), change in zip(targets, changes, strict=True):
                self.u[target] += change
        return place

    def ngram(self, sentence: list[int], centre: int) -> None:
        before = sentence[max(centre - self.config.window, 0) : centre][::-1]
        if len(before) < self.config.window:
            return
        change, _ = self.learn(np.concatenate([self.v[b] for b in before]), sentence[centre], 0)
        for b, part in zip(before, np.split(change, len(before)), strict=True):
            self.v[b] += part


def sigmoid(values: np.ndarray) -> np.ndarray:
    steps = np.clip((np.asarray(values) + LARGEST) * STEPS / (2 * LARGEST), 0, STEPS - 1)
    return sigmoid_table()[steps.astype(int)].astype(np.float64)


KINDS = {
    "skip-gram": {},
    "skip-gram, shared": {"shared": True},
    "skip-gram, wide rows": {"d_model": 220},
    "skip-gram, wide rows, shared": {"d_model": 220, "shared": True},
    "skip-gram, many negatives": {"negatives": 17},
    "skip-gram, many negatives, shared": {"negatives": 17, "shared": True},
    "skip-gram, hierarchical": {"objective": "hierarchical"},
    "skip-gram, softmax": {"objective": "softmax"},
    "cbow": {"architecture": "cbow"},
    "cbow, hierarchical": {"architecture": "cbow", "objective": "hierarchical"},
    "n-gram": {"architecture": "ngram", "objective": "softmax", "window": 2, "sample": 0.0},
}


def _cases() -> Iterator[tuple[str, bool]]:
    for kind, options in KINDS.items():
        yield kind, True
        if options.get("objective", "negatives") == "negatives" and "cbow" not in kind:
            yield kind, False  # there are two forms: in registers, and plain


def _name(value: object) -> str:
    return str(value) if isinstance(value, str) else ("plain" if value else "in registers")


@pytest.mark.parametrize(("kind", "plain"), list(_cases()), ids=_name)
def test_one_thread_equals_plain_numpy(kind: str, plain: bool) -> None:
    corpus = _corpus()
    config = Word2VecConfig(**{"d_model": 20, "window": 3, "negatives": 3, "sample": 0.05, **KINDS[kind]})  # type: ignore[arg-type]
    assert len(corpus.jobs(10_000)) == 2  # all in one job
    how = Training(epochs=1, rate=rate_of(config), last_rate=rate_of(config), threads=1, plain=plain)
    model = train(corpus, config, how, SEED)
    reference = Reference(corpus, config)
    start = reference.v.copy()
    v, u = reference.run()
    assert np.abs(v - start).max() > 0.05 and np.abs(u).max() > 0.05  # something was learned
    assert np.abs(model.inputs - v).max() < 1e-6
    assert np.abs(model.outputs - u).max() < 1e-6
    assert not model.inputs[:, config.d_model :].any()  # the padding stays zero


@pytest.mark.parametrize("shared", [False, True])
def test_a_thread_learns_the_same_in_rows_of_its_own_and_adds_it_to_the_common_ones(shared: bool) -> None:
    corpus = _corpus()
    config = Word2VecConfig(d_model=20, window=3, negatives=3, sample=0.05, shared=shared)
    frequent, threads = 5, 2
    model = Word2Vec(config, corpus.words, corpus.counts, SEED, spare=frequent * threads)
    start = model.inputs[:frequent].copy()
    own = OwnRows(model, frequent, 1, Lock())
    kernel = skip_gram_shared(model.width, 3) if shared else skip_gram(model.width, 3, alone=False)
    kernel(
        corpus.tokens, corpus.starts, 0, len(corpus.starts) - 1,
        np.ceil(model.keep * 2**24).astype(np.int32), noise_table(model.noise, SEED),
        model.inputs_with_spare.reshape(-1), model.outputs_with_spare.reshape(-1), own.frequent, own.shift,
        3, np.float32(RATE), np.uint64(derive(SEED, "word2vec", 0, 0)), sigmoid_table(),
        np.empty(LONGEST_SENTENCE + 1, np.int32), np.empty(2 * 3 * 4, np.float32),
    )  # fmt: skip
    v, u = Reference(corpus, config).run()
    V = len(corpus.words)
    sides = (
        (model.inputs, model.inputs_with_spare, v, start),
        (model.outputs, model.outputs_with_spare, u, np.zeros_like(start)),
    )
    for common, whole, learned, before in sides:
        mine = whole[own.shift : own.shift + frequent]
        assert np.abs(mine - learned[:frequent]).max() < 1e-6
        assert np.abs(learned[:frequent] - before).max() > 0.05
        assert np.abs(common[frequent:] - learned[frequent:]).max() < 1e-6
        assert np.array_equal(common[:frequent], before)  # these, and the other thread's, are as they were
        assert not whole[V : own.shift].any()
        common[:frequent] += 1  # by another thread, meanwhile
    for _ in range(2):  # the second time nothing was learned since
        own.meet(all_of_them=True)
        for common, whole, learned, _ in sides:
            assert np.abs(common[:frequent] - (learned[:frequent] + 1)).max() < 1e-6
            assert np.array_equal(common[:frequent], whole[own.shift : own.shift + frequent])


def test_slices_of_own_rows_grow_twofold_and_meet_half_as_often() -> None:
    assert frequent_words(50_000, 1, 16) == frequent_words(50_000, 9, 16) == frequent_words(50_000, 3, 2) == 0
    assert frequent_words(50_000, 2, 2) == 32 + 64 + 128 + 256 + 512
    assert frequent_words(400, 2, 2) == 50
    assert slices(100) == [(0, 32, 1), (32, 96, 2), (96, 100, 4)]
    assert slices(0) == []
    words = [f"w{number}" for number in range(100)]
    model = Word2Vec(Word2VecConfig(d_model=4), words, np.full(100, 5), SEED, spare=100)
    own = OwnRows(model, 100, 0, Lock())
    model.outputs_with_spare[own.shift :, 0] += 1  # what the thread has learned
    met = []
    for _ in range(4):
        own.meet()
        met.append([model.outputs[row, 0] == 1 for row in (0, 31, 32, 95, 96, 99)])
    assert met == [
        [True, True, False, False, False, False],
        [True, True, True, True, False, False],
        [True, True, True, True, False, False],
        [True] * 6,
    ]


def test_what_threads_have_learned_in_their_own_rows_is_in_the_common_ones_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("headway.training.word2vec.train.cores", lambda: 2)
    draw = generator(0, "many words")
    corpus = encode([draw.integers(2000, size=20).astype(str).tolist() for _ in range(2000)], min_count=1)
    V = len(corpus.words)
    frequent = frequent_words(V, 2, 2)
    assert frequent > 96  # in slices that do not all meet after every job
    model = train(corpus, Word2VecConfig(d_model=20, sample=0), Training(epochs=2, threads=2), SEED)
    for common, whole in ((model.inputs, model.inputs_with_spare), (model.outputs, model.outputs_with_spare)):
        own = whole[V:].reshape(2, frequent, -1)
        assert common[:frequent].any()
        assert any(np.array_equal(common[:frequent], rows) for rows in own)  # whoever was the last


def test_strips_of_8_floats_learn_what_those_of_16_do() -> None:
    """What a processor without AVX-512 runs, in a process of its own."""
    if not get_host_cpu_features().get("avx2"):
        pytest.skip("needs a processor with AVX2")
    code = f"""
import sys
import pytest
from headway.training.word2vec import rows
assert rows.WIDEST == 8
sys.exit(pytest.main(["-p", "no:cacheprovider", {__file__!r}, "-k", "plain_numpy and registers"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    corpus = _corpus(4000)
    assert len(corpus.jobs(10_000)) > 2
    config = Word2VecConfig(d_model=20)
    runs = [train(corpus, config, Training(epochs=2, threads=1), seed).inputs.tobytes() for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize(("threads", "shared"), [(2, False), (2, True), (8, False), (8, True), (40, True)])
def test_threads_learn_which_words_go_together(threads: int, shared: bool) -> None:
    draw = generator(0, "topics")
    topics = [[f"{letter}{number}" for number in range(15)] for letter in "abc"]
    texts = [draw.choice(topics[number % 3], size=12).tolist() for number in range(3000)]
    config = Word2VecConfig(d_model=20, shared=shared, sample=0)
    vectors = train(encode(texts), config, Training(epochs=3, threads=threads)).finish()
    for topic in topics:
        near = {word for word, _ in vectors.nearest(topic[0], 14)}
        assert near == set(topic[1:])


def test_what_cannot_be_trained_is_refused() -> None:
    corpus = _corpus()
    with pytest.raises(UsageError, match="architecture: 'glove' is not known"):
        Word2VecConfig(architecture="glove")
    with pytest.raises(UsageError, match="only skip-gram with negatives can share"):
        Word2VecConfig(objective="softmax", shared=True)
    with pytest.raises(UsageError, match="must fall"):
        train(corpus, Word2VecConfig(), Training(rate=0.01, last_rate=0.1))
    with pytest.raises(TrainingError, match="1 different words"):
        train(encode([["a"] * 9]), Word2VecConfig(), Training())


def test_an_error_in_a_thread_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        def begin(self, name: str, total: int, unit: str) -> None: ...
        def end(self) -> None: ...
        def advance(self, count: int, note: str) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(_corpus(4000), Word2VecConfig(d_model=20), Training(threads=2), progress=Failing())  # type: ignore[arg-type]
