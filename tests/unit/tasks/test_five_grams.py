"""The counted baseline of language models."""

import numpy as np
import pytest

from headway.core.errors import UsageError
from headway.models.ngram_lm import NgramModel
from headway.tasks.five_grams import FiveGrams


def test_a_small_corpus_is_counted_whole_and_a_larger_one_as_far_as_the_name_says() -> None:
    sequences = [np.arange(7) % 3, np.arange(5) % 2, np.zeros(4, np.int64)]
    tried = np.array([0, 1, 2, 0, 1])
    whole, cut = FiveGrams.of(sequences, 3), FiveGrams.of(sequences, 3, most=9)
    assert whole.name == "5-grams" and cut.name == "5-grams of the first 9 tokens"
    for counted, expected in ((whole, sequences), (cut, [sequences[0], sequences[1][:2]])):
        log_probabilities = NgramModel.fit(expected, 3).log_probabilities(tried)
        assert counted.nats(tried) == pytest.approx(-log_probabilities.sum(), rel=1e-12)
    assert FiveGrams.of(sequences, 3, most=16).name == "5-grams"
    with pytest.raises(UsageError, match="holds no ids"):
        FiveGrams.of([], 3)
