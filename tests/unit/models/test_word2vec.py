"""Word2vec's state: subsampling, noise, the Huffman tree, aligned rows."""

import numpy as np

from headway.models.word2vec import Word2Vec, Word2VecConfig, huffman
from headway.training.word2vec.train import noise_table


def _model(counts: list[int], **options: float) -> Word2Vec:
    config = Word2VecConfig(**{"d_model": 20, **options})  # type: ignore[arg-type]
    return Word2Vec(config, [f"w{number}" for number in range(len(counts))], np.array(counts), seed=1)


def test_subsampling_is_the_c_tools() -> None:
    counts = np.array([50_000, 900, 100, 5])
    model = _model(counts.tolist(), sample=1e-3)
    threshold = 1e-3 * counts.sum()  # word2vec.c: (sqrt(cn / (sample * words)) + 1) * (sample * words) / cn
    expected = (np.sqrt(counts / threshold) + 1) * threshold / counts
    assert np.allclose(model.keep, np.minimum(expected, 1))
    assert model.keep[0] < 0.04 < 0.2 < model.keep[1] < 0.4 and model.keep[3] == 1
    assert _model([5, 3], sample=0).keep.tolist() == [1, 1]


def test_the_noise_is_the_counts_to_three_quarters() -> None:
    model = _model([10_000, 100, 16, 1])
    assert np.allclose(model.noise, np.array([1000, 31.6227766, 8, 1]) / 1040.6227766)
    table = noise_table(model.noise, seed=3)
    assert np.allclose(np.bincount(table) / len(table), model.noise, atol=2 / len(table))
    assert np.bincount(table[:20_000], minlength=4)[1] > 300  # shuffled
    assert noise_table(np.full(100_000, 1e-5), seed=3).size >= 16 * 100_000


def test_rows_are_aligned_and_the_first_values_small() -> None:
    model = _model([9, 8, 7])
    assert model.inputs.shape == model.outputs.shape == (3, 32)
    assert model.inputs.ctypes.data % 64 == model.outputs.ctypes.data % 64 == 0
    assert 0 < np.abs(model.inputs[:, :20]).max() < 1 / 20
    assert not model.inputs[:, 20:].any() and not model.outputs.any()
    assert model.finish().matrix.shape == (3, 20)


def test_the_huffman_tree_is_the_cheapest_and_its_ways_are_no_beginnings_of_others() -> None:
    counts = np.array([40, 30, 10, 10, 6, 4])
    tree = huffman(counts)
    ways = [tree.turns[begin:end].tolist() for begin, end in zip(tree.starts, tree.starts[1:], strict=False)]
    assert [len(way) for way in ways] == [1, 2, 4, 4, 4, 4] or (
        counts * [len(way) for way in ways]
    ).sum() == 220
    assert all(a == b or a != b[: len(a)] for a in ways for b in ways)
    roots = {int(tree.nodes[begin]) for begin in tree.starts[:-1]}
    assert roots == {len(counts) - 2}
    rng = np.random.default_rng(0)
    x, outputs = rng.normal(size=8), rng.normal(size=(len(counts), 8))
    probabilities = []
    for word, way in enumerate(ways):
        nodes = tree.nodes[tree.starts[word] : tree.starts[word + 1]]
        left = 1 / (1 + np.exp(-outputs[nodes] @ x))
        probabilities.append(np.where(way, 1 - left, left).prod())
    assert np.isclose(sum(probabilities), 1)
