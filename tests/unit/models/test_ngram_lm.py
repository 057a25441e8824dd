"""The n-gram model against a plain slow reference, its probabilities' sums, and its discounts."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from headway.core.errors import UsageError
from headway.data.bpe import gpt2_tokenizer
from headway.models.ngram_lm import FALLBACK, Discounts, NgramModel
from shared_files import DATA, TOKENIZERS

Gram = tuple[int, ...]


def closed_form(counts: list[int]) -> tuple[float, float, float]:
    """Chen and Goodman 1998, equation 26; the stated fallback where it does not apply."""
    n = [sum(1 for count in counts if count == k) for k in range(5)]
    if 0 in n[1:]:
        return FALLBACK
    y = n[1] / (n[1] + 2 * n[2])
    found = tuple(k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3))
    return found if all(0 < d <= k for k, d in enumerate(found, 1)) else FALLBACK  # type: ignore[return-value]


class Reference:
    """The definition, gram by gram, with dictionaries; the begin of a sequence is the id V."""

    def __init__(self, sequences: list[list[int]], vocab_size: int, order: int) -> None:
        self.vocab_size, self.order = vocab_size, order
        rows = [[vocab_size, *row] for row in sequences]
        counts: Counter[Gram] = Counter(
            tuple(row[i : i + n])
            for row in rows
            for n in range(1, order + 1)
            for i in range(len(row) - n + 1)
        )
        before: dict[Gram, set[int]] = defaultdict(set)
        for gram in counts:
            before[gram[1:]].add(gram[0])
        self.a = {
            gram: count if len(gram) == order or gram[0] == vocab_size else len(before[gram])
            for gram, count in counts.items()
        }
        del self.a[(vocab_size,)]
        self.after: dict[Gram, list[int]] = defaultdict(list)
        for gram, count in self.a.items():
            self.after[gram[:-1]].append(count)
        self.discounts = [
            closed_form([c for g, c in self.a.items() if len(g) == n]) for n in range(1, order + 1)
        ]

    def probability(self, token: int, history: Gram) -> float:
        history = history[max(0, len(history) - self.order + 1) :]
        lower = self.probability(token, history[1:]) if history else 1 / self.vocab_size
        follow = self.after.get(history)
        if not follow:
            return lower
        d = (0.0, *self.discounts[len(history)])
        a = self.a.get((*history, token), 0)
        gamma = sum(d[min(3, count)] for count in follow) / sum(follow)
        return (a - d[min(3, a)]) / sum(follow) + gamma * lower


def corpus(seed: int, sequences: int) -> list[list[int]]:
    """Ids with some order in them, of lengths 0 to 30; the last of the vocabulary never occurs."""
    random = np.random.default_rng(seed)
    weights = 1 / np.arange(1, 20)
    rows = [
        random.choice(19, size=random.integers(0, 30), p=weights / weights.sum()) for _ in range(sequences)
    ]
    return [np.where(row % 3 == 0, np.roll(row, 1), row).tolist() for row in rows]


@pytest.mark.parametrize(("order", "sequences"), [(1, 40), (2, 40), (3, 3), (4, 40), (5, 120)])
def test_equal_to_the_definition(order: int, sequences: int) -> None:
    rows = corpus(1, sequences)
    model, reference = NgramModel.fit(rows, 20, order), Reference(rows, 20, order)
    estimated = [discounts.estimated for discounts in model.discounts]
    assert any(estimated) == (order > 1)  # the counts of 19 words are all large
    assert not all(estimated) or sequences > 3
    for found, expected in zip(model.discounts, reference.discounts, strict=True):
        np.testing.assert_allclose(found[:3], expected, rtol=1e-12)
    unseen = [19, 19, 5, 7, 0, 19, 1, 2, 3, 4]
    for row in [*rows[:10], unseen, []]:
        expected = [
            math.log(reference.probability(token, (20, *row[:place]))) for place, token in enumerate(row)
        ]
        np.testing.assert_allclose(model.log_probabilities(row), expected, rtol=1e-10)
        history = (20, *row[:7])
        np.testing.assert_allclose(
            model.distribution(row[:7]),
            [reference.probability(token, history) for token in range(20)],
            rtol=1e-10,
        )


def test_discounts_fall_back_as_stated() -> None:
    assert Discounts.of(np.array([1, 1, 1, 2, 2, 3, 4]))[:3] == pytest.approx((3 / 7, 2 - 9 / 14, 3 - 12 / 7))
    assert Discounts.of(np.array([1, 1, 2, 3])) == (*FALLBACK, False)  # no count of 4
    assert Discounts.of(np.array([1, 2, 3, 3, 3, 3, 4])) == (*FALLBACK, False)  # D2 would be negative


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="order: must be 1 to 5, found 6"):
        NgramModel.fit([[0]], 1, 6)
    with pytest.raises(UsageError, match="holds 7; ids must be 0 to 6"):
        NgramModel.fit([[3, 7]], 7)
    with pytest.raises(UsageError, match="holds no ids"):
        NgramModel.fit([[], []], 7)


@pytest.mark.skipif(
    not (DATA / "lm_austen").is_dir() or not TOKENIZERS.is_dir(), reason="shared data are absent"
)
def test_two_novels_of_austen_predict_a_third() -> None:
    tokenizer = gpt2_tokenizer(TOKENIZERS / "gpt2_bpe_encoder.json", TOKENIZERS / "gpt2_bpe_vocab.bpe")
    novels = ("northangerabbey", "prideprejudice", "persuasion")
    texts = [(DATA / "lm_austen" / f"{novel}.txt").read_text(encoding="utf-8") for novel in novels]
    *train, held_out = tokenizer.pieces(texts)
    bits = {}
    for order in (1, 2, 5):
        model = NgramModel.fit(train, tokenizer.vocab_size, order)
        bits[order] = -model.log_probabilities(held_out).sum() / len(texts[-1]) / math.log(2)
        assert all(discounts.estimated for discounts in model.discounts)
        for n in (0, 1, 2, 3, 4, 100):
            assert model.distribution(held_out[1000 : 1000 + n]).sum() == pytest.approx(1, abs=1e-9)
    assert 1.95 < bits[5] < 2.05 < bits[2] < 2.15 < bits[1] < 2.45
