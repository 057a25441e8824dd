"""Recipe: are Headway's word vectors as good as gensim's, on the same text with the same settings?

    make .venv-references/.ready
    .venv-references/bin/python recipes/word2vec/run.py             # 5 seeds, about 7 minutes on 2 quiet cores
    .venv-references/bin/python recipes/word2vec/run.py --seeds 20  # narrower intervals; cells that are there are kept
    .venv-references/bin/python recipes/word2vec/run.py --share 0.2 # a fifth of the text
    .venv-references/bin/python recipes/word2vec/run.py --smoke     # a tenth, one seed, nothing kept: all works

Hardware: 2 cores. Expected: the held-out loss of both forms at most 1 % above gensim's (upper end of the 95 % interval
over the seeds), accuracies within 0.5 point.

Text: `corpus.py`, shuffled; 5 % of the paragraphs are held out. Skip-gram, dim 100, window 5, 5 negatives, sample 1e-3,
min_count 5, 5 epochs, 2 threads. For each seed and contender:

- the exact loss of skip-gram with negative sampling on the held-out pairs (`metrics.word_vectors`), gensim's own output
  matrix used for its vectors;
- the accuracy of a logistic regression on averaged vectors, on trec and ag_news (each trained on its training part);
- Spearman's correlation with SimLex-999 and WordSim-353, and analogies, with the number they rest on.

Each cell is written to results/ when it is done, and a cell that is there is not made again.
"""

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from corpus import SHARED, split

from headway import api
from headway.core.files import write_json
from headway.data.word_corpus import encode, lowercase_words
from headway.metrics.word_vectors import negative_sampling_loss, window_pairs
from headway.models.word2vec import Word2Vec, Word2VecConfig
from headway.models.word_vectors import WordVectors
from headway.training.word2vec.train import Training, train

RESULTS = Path(__file__).parent / "results"
CONTENDERS = ("gensim", "classic", "shared")
SEEDS = 5
DIM, WINDOW, NEGATIVES, EPOCHS = 100, 5, 5, 5

Matrices = tuple[WordVectors, np.ndarray]  # finished vectors, and the outputs in the same order


def by_gensim(lines: list[str], seed: int) -> Matrices:
    from gensim.models import Word2Vec as Gensim

    model = Gensim(
        [line.split() for line in lines],
        vector_size=DIM,
        window=WINDOW,
        negative=NEGATIVES,
        sg=1,
        min_count=5,
        sample=1e-3,
        workers=2,
        epochs=EPOCHS,
        seed=seed,
    )
    return WordVectors(model.wv.index_to_key, model.wv.vectors), model.syn1neg


def by_headway(lines: list[str], seed: int, shared: bool) -> Matrices:
    corpus = encode(map(str.split, lines))
    config = Word2VecConfig(d_model=DIM, window=WINDOW, negatives=NEGATIVES, shared=shared)
    model = train(corpus, config, Training(epochs=EPOCHS, threads=2), seed)
    return model.finish(), model.outputs[:, :DIM]


class HeldOut:
    """The held-out pairs, in the vocabulary of the training text."""

    def __init__(self, lines: list[str], held_out: list[str]) -> None:
        corpus = encode(map(str.split, lines))
        self.words = corpus.words
        state = Word2Vec(Word2VecConfig(d_model=1), corpus.words, corpus.counts, seed=0)
        self.noise = state.noise
        index = {word: row for row, word in enumerate(corpus.words)}
        rows = [[index[word] for word in line.split() if word in index] for line in held_out]
        starts = np.cumsum([0, *map(len, rows)])
        tokens = np.concatenate([np.array(row, np.int64) for row in rows])
        self.pairs, self.weights = window_pairs(tokens, starts, WINDOW, state.keep)

    def loss(self, vectors: WordVectors, outputs: np.ndarray) -> float:
        order = vectors.rows(self.words)
        inputs, outputs = vectors.matrix[order], outputs[order]
        return negative_sampling_loss(inputs, outputs, self.pairs, self.weights, self.noise, NEGATIVES)


def labelled(name: str) -> tuple[list[str], list[str], list[str], list[str]]:
    """Return texts and labels for training, then for the test."""
    if name == "trec":
        files, text, label = ("train.tsv", "test.tsv"), "text", "coarse_label"
    else:
        files, text, label = ("train_sample.csv", "test.csv"), "description", "label"
    parts = []
    for file in files:
        with (SHARED / name / file).open(encoding="utf-8", newline="") as table:
            reader = csv.DictReader(table, delimiter="\t" if file.endswith("tsv") else ",")
            rows = list(reader)
        parts += [[row[text] for row in rows], [row[label] for row in rows]]
    texts, labels, test_texts, test_labels = parts
    tested = set(test_texts)  # ten descriptions of ag_news stand in both parts
    kept = [row for row, text in enumerate(texts) if text not in tested]
    return [texts[row] for row in kept], [labels[row] for row in kept], test_texts, test_labels


def accuracy(vectors: WordVectors, name: str) -> float:
    """Return the accuracy of a logistic regression on the mean of each text's known words."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    def means(texts: list[str]) -> np.ndarray:
        out = np.zeros((len(texts), vectors.size))
        for row, text in enumerate(texts):
            known = [word for word in lowercase_words(text) if word in vectors]
            if known:
                out[row] = vectors.matrix[vectors.rows(known)].mean(axis=0)
        return out

    texts, labels, test_texts, test_labels = labelled(name)
    scale = StandardScaler().fit(means(texts))
    model = LogisticRegression(C=1.0, max_iter=2000).fit(scale.transform(means(texts)), labels)
    return float(model.score(scale.transform(means(test_texts)), test_labels))


def cell(lines: list[str], held_out: HeldOut, contender: str, seed: int) -> dict[str, Any]:
    vectors, outputs = (
        by_gensim(lines, seed) if contender == "gensim" else by_headway(lines, seed, contender == "shared")
    )
    scores: dict[str, Any] = {"loss": held_out.loss(vectors, outputs)}
    for name in ("trec", "ag_news"):
        scores[name] = accuracy(vectors, name)
    for name, file in (("SimLex-999", "EN-SIMLEX-999.tsv"), ("WordSim-353", "EN-WS-353-ALL.tsv")):
        found, _ = api.score_vectors(vectors, judgements=SHARED / "word_similarity" / file)
        assert found is not None
        scores[name], scores[f"{name}, pairs"] = found.value, found.used
    _, answered = api.score_vectors(vectors, analogies=SHARED / "word_analogy" / "questions-words.txt")
    scores["analogies"], scores["analogies, questions"] = answered["all"].accuracy, answered["all"].used
    return scores


def show(cells: dict[tuple[str, int], dict[str, Any]], seeds: range) -> None:
    """Print each contender's mean and range, and the mean difference to gensim with its 95 % interval."""
    from scipy.stats import t

    for measure in next(iter(cells.values())):
        print(measure)
        theirs = np.array([cells["gensim", seed][measure] for seed in seeds], float)
        for contender in CONTENDERS:
            ours = np.array([cells[contender, seed][measure] for seed in seeds], float)
            line = f"  {contender:8} {ours.mean():10.4f} ({ours.min():.4f} to {ours.max():.4f})"
            if contender != "gensim" and len(seeds) > 1 and "," not in measure:
                differences = ours - theirs
                half = t.ppf(0.975, len(seeds) - 1) * differences.std(ddof=1) / np.sqrt(len(seeds))
                scale = 100 / theirs.mean() if measure == "loss" else 100.0
                unit = "%" if measure == "loss" else "points"
                low, high = scale * (differences.mean() - half), scale * (differences.mean() + half)
                line += (
                    f"  minus gensim: {scale * differences.mean():+.2f} {unit} ({low:+.2f} to {high:+.2f})"
                )
            print(line)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--share", type=float, default=1.0, help="Of the text.")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="How many.")
    parser.add_argument(
        "--smoke", action="store_true", help="A tenth of the text and one seed, nothing kept."
    )
    given = parser.parse_args()
    smoke = given.smoke
    share = 0.1 if smoke else given.share
    seeds = range(1, 2 if smoke else given.seeds + 1)
    lines, rest = (part[: int(share * len(part))] for part in split())
    held_out = HeldOut(lines, rest)
    print(
        f"{len(lines):,} paragraphs, {len(held_out.words):,} words, {len(held_out.pairs):,} held-out pairs",
        flush=True,
    )
    cells = {}
    for seed in seeds:
        for contender in CONTENDERS:
            path = RESULTS / f"share-{share:g}" / f"{contender}-{seed}.json"
            if smoke or not path.exists():
                cells[contender, seed] = cell(lines, held_out, contender, seed)
                if not smoke:
                    write_json(path, cells[contender, seed])
            else:
                cells[contender, seed] = json.loads(path.read_text(encoding="utf-8"))
            print(f"{contender} {seed}: loss {cells[contender, seed]['loss']:.4f}", flush=True)
    show(cells, seeds)


if __name__ == "__main__":
    main()
