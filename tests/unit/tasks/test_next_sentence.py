import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.core.errors import DataError
from headway.models.bert import Bert, BertConfig
from headway.models.pretraining_heads import BertPretraining
from headway.tasks import next_sentence
from headway.tasks.masked_language import Vocabulary, mask
from headway.tasks.next_sentence import Document, pairs

CLS, SEP, MASK = 1, 2, 3


def _numbered(sizes: list[list[int]]) -> tuple[list[Document], np.ndarray]:
    """Make documents whose tokens are 10, 11, 12, ... in the order of the corpus, and each token's document."""
    token = 10
    documents: list[Document] = []
    owners = []
    for number, document in enumerate(sizes):
        lines = []
        for size in document:
            lines.append(np.arange(token, token + size))
            token += size
            owners += [number] * size
        documents.append(lines)
    return documents, np.array([-1] * 10 + owners)


@given(
    st.lists(st.lists(st.integers(1, 12), min_size=1, max_size=8), min_size=1, max_size=5),
    st.integers(5, 30),
    st.integers(0, 2**32),
)
@settings(max_examples=200, deadline=None)
def test_what_every_pair_keeps_to(sizes: list[list[int]], max_tokens: int, seed: int) -> None:
    documents, owner = _numbered(sizes)
    if sum(map(len, sizes)) < 2:
        with pytest.raises(DataError, match="1 lines"):
            list(pairs(documents, max_tokens, np.random.default_rng(seed)))
        return
    found = list(pairs(documents, max_tokens, np.random.default_rng(seed)))
    for pair in found:
        assert len(pair.first) and len(pair.second)
        assert len(pair.first) + len(pair.second) + next_sentence.FRAME <= max_tokens
        for span in (pair.first, pair.second):  # running text of one document
            assert (np.diff(span) == 1).all()
            assert len(set(owner[span])) == 1
        if pair.follows:
            assert owner[pair.first[0]] == owner[pair.second[0]] and pair.first[-1] < pair.second[0]
        assert not set(pair.first) & set(pair.second)
    again = list(pairs(documents, max_tokens, np.random.default_rng(seed)))
    assert [pair.first.tolist() for pair in again] == [pair.first.tolist() for pair in found]


def test_half_of_the_pairs_follow_and_a_pass_reads_every_line() -> None:
    documents, _ = _numbered(
        [[5] * 4000, [6] * 3000, [3] * 5000]
    )  # twelve, ten or twenty lines fill 60 tokens
    found = list(pairs(documents, 63, np.random.default_rng(0), short=0.0))
    share = np.mean([pair.follows for pair in found])
    assert abs(share - 0.5) < 4 * np.sqrt(0.25 / len(found))
    following = [pair for pair in found if pair.follows]
    assert all(pair.second[0] == pair.first[-1] + 1 for pair in following)
    read = [token for pair in found for token in pair.first] + [
        token for pair in following for token in pair.second
    ]
    assert len(read) == len(set(read))  # a line not used begins the next pair, and none is read twice
    assert len(read) > 0.99 * 53_000


def test_half_of_the_pairs_follow_where_one_line_is_longer_than_a_pair() -> None:
    documents, _ = _numbered([[25] * 2000])
    found = list(pairs(documents, 23, np.random.default_rng(0)))
    share = np.mean([pair.follows for pair in found])
    assert abs(share - 0.5) < 4 * np.sqrt(0.25 / len(found))


def test_pairs_are_framed_and_their_answers_are_0_for_following() -> None:
    pair = next_sentence.Pair(np.array([10, 11]), np.array([12]), follows=True)
    ids, segments = pair.framed(CLS, SEP)
    assert ids.tolist() == [CLS, 10, 11, SEP, 12, SEP]
    assert segments.tolist() == [0, 0, 0, 0, 1, 1]
    vocabulary = Vocabulary(20, MASK, (0, CLS, SEP, MASK))
    masked = [mask(ids, vocabulary, np.random.default_rng(0))] * 2
    examples = next_sentence.batch(masked, [segments] * 2, [True, False], torch.device("cpu"))
    assert examples.elsewhere.tolist() == [0, 1]
    torch.manual_seed(0)
    sizes = {"vocab_size": 20, "d_model": 8, "d_ff": 12, "num_heads": 2, "num_layers": 1, "max_positions": 8}
    model = BertPretraining(Bert(BertConfig(**sizes))).eval()
    words, answers = model.both(examples.masked.tokens, examples.masked.places)
    expected = -words.log_softmax(1)[[0, 1], examples.masked.targets].mean()
    expected = expected - answers.log_softmax(1)[[0, 1], [0, 1]].mean()
    assert next_sentence.loss(model, examples).item() == pytest.approx(expected.item(), rel=1e-5)
    assert next_sentence.accuracy(model, [examples]) == 0.5  # the same pair is called both
