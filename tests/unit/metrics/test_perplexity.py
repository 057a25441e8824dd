import math

import pytest

from headway.core.errors import UsageError
from headway.metrics.perplexity import of_text


def test_one_cost_spread_over_tokens_words_and_characters() -> None:
    found = of_text("to be  or\nnot", nats=12 * math.log(2), tokens=6)
    assert (found.tokens, found.words, found.characters) == (6, 4, 13)
    assert found.per_token == pytest.approx(4)
    assert found.per_word == pytest.approx(8)
    assert found.per_character == pytest.approx(2 ** (12 / 13))
    assert found.bits_per_character == pytest.approx(12 / 13)


def test_a_cost_beyond_a_float_is_infinite() -> None:
    assert of_text("x" * 1000, nats=2000.0, tokens=500).per_word == math.inf


@pytest.mark.parametrize(("text", "tokens"), [("", 1), ("  ", 1), ("word", 0)])
def test_nothing_to_score_is_refused(text: str, tokens: int) -> None:
    with pytest.raises(UsageError, match="no words to score"):
        of_text(text, 1.0, tokens)
