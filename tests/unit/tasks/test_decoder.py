"""A text decoder over a tiny GPT-2: texts in, texts out; perplexity with a stride; few-shot prompting."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from headway.blocks.ragged import Tokens
from headway.core.errors import UsageError, WeightsError
from headway.data.bpe import gpt2_tokenizer, write_merges
from headway.data.examples import Examples
from headway.data.sentencepiece import SentencePieceTokenizer
from headway.models.generate import sampling
from headway.models.gpt2 import Gpt2, Gpt2Config
from headway.models.t5 import T5, T5Config
from headway.tasks.decoder import TextDecoder
from headway.tasks.fewshot import FewShotClassifier, Template, draw_shots, label_words
from headway.tasks.scoring import perplexity
from headway.weights.encoder_decoder import save_encoder_decoder
from headway.weights.pretrained import save_language_model
from shared_files import TOKENIZERS

MERGES = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("c", "a"), ("ca", "t"), ("Ġ", "cat"), ("Ã", "©")]
PIECES = [*"abcdeghilnorstu :.", "Ġ", "Ċ", "Ã", "©", *(a + b for a, b in MERGES), "<|endoftext|>"]
CONTEXT = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A noisy GPT-2 with a vocabulary of a few pieces, in Hugging Face's layout and GPT-2's two tokenizer files."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "vocab.json").write_text(json.dumps({piece: index for index, piece in enumerate(PIECES)}))
    write_merges(folder / "merges.txt", MERGES)
    torch.manual_seed(0)
    config = Gpt2Config(
        vocab_size=len(PIECES), d_model=12, d_ff=20, num_heads=3, num_layers=2, max_positions=CONTEXT
    )
    model = Gpt2(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.5 * torch.randn(parameter.shape))
    save_language_model(model, folder)
    return folder


@pytest.fixture(scope="module")
def decoder(folder: Path) -> TextDecoder:
    return TextDecoder.open(folder, torch.device("cpu"))


def test_pieces_of_a_stream_are_the_whole(decoder: TextDecoder) -> None:
    for seed in range(6):
        choose = {"temperature": 2.0}
        (whole,) = decoder.complete(["the cat"], sampling(seed, **choose), 15)
        pieces = list(decoder.stream("the cat", sampling(seed, **choose), 15))
        assert "".join(pieces) == whole
        assert all(pieces)
    assert decoder.complete(["the cat", "the"], max_tokens=5) == [
        decoder.complete([text], max_tokens=5)[0] for text in ("the cat", "the")
    ]


def test_a_character_of_two_bytes_comes_in_one_piece(decoder: TextDecoder) -> None:
    first, second = PIECES.index("Ã"), PIECES.index("©")
    tokens = iter([first, second, first, second, second])

    def choose(logits: torch.Tensor, rows: object) -> torch.Tensor:
        return torch.tensor([next(tokens)])

    assert list(decoder.stream("the", choose, 5)) == ["é", "é", "\ufffd"]


def test_the_end_of_a_text_ends_it_and_an_empty_prompt_begins_with_it(decoder: TextDecoder) -> None:
    end = decoder.tokenizer.end

    def choose(logits: torch.Tensor, rows: object) -> torch.Tensor:
        return torch.tensor([end])

    assert decoder.complete([""], choose) == [""]
    assert decoder.prompts(["", "the"]).values.tolist() == [end, PIECES.index("the")]


def test_without_a_number_it_writes_what_fits(decoder: TextDecoder) -> None:
    long = "the cat " * 9
    assert decoder.prompts([long]).lengths.longest == 19
    assert len(list(decoder.stream(long))) <= 5
    with pytest.raises(UsageError, match="a prompt of 25 tokens leaves no room: the model reads 24"):
        decoder.complete(["the cat " * 12])


def test_a_search_has_the_best_first(decoder: TextDecoder) -> None:
    (found,) = decoder.search(["the cat"], beams=3, max_tokens=6)
    scores = [score for _, score in found]
    assert len(found) == 3 and scores == sorted(scores, reverse=True)


def test_a_vocabulary_that_does_not_match_the_embedding_is_refused(
    folder: Path, decoder: TextDecoder, tmp_path: Path
) -> None:
    write_merges(tmp_path / "merges.txt", [])
    few = [*PIECES[:20], "<|endoftext|>"]
    (tmp_path / "vocab.json").write_text(json.dumps({piece: index for index, piece in enumerate(few)}))
    small = gpt2_tokenizer(tmp_path / "vocab.json", tmp_path / "merges.txt")
    TextDecoder(decoder.model, small, decoder.device)  # rows up to a multiple of 128 are let pass
    many = [*PIECES[:20], *(chr(0x4E00 + at) for at in range(100)), "<|endoftext|>"]
    (tmp_path / "vocab.json").write_text(json.dumps({piece: index for index, piece in enumerate(many)}))
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(
        WeightsError, match=rf"vocabulary has 121 pieces, [a-z' ]*embedding {len(PIECES)} rows"
    ):
        TextDecoder.open(tmp_path)


def test_what_is_no_language_model_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(UsageError, match="neither a folder nor a model of the zoo"):
        TextDecoder.open("nowhere")


TEXT = "the cat the tan hat. the rat sat: cat or the rat " * 3


@pytest.mark.parametrize("stride", [1, 5, 12, 24, None])
def test_each_token_is_predicted_once_from_its_window(decoder: TextDecoder, stride: int | None) -> None:
    found = perplexity(decoder, TEXT, stride=stride)
    ids = [decoder.tokenizer.end, *decoder.ids([TEXT])[0].tolist()]
    assert found.tokens == len(ids) - 1 and found.unpredicted == 0
    step = stride or CONTEXT // 2
    nats = 0.0
    with torch.no_grad():
        for at in range(1, len(ids)):
            windows_before = max(0, -(-(at - CONTEXT) // step))  # the first window that reaches this token
            begin = windows_before * step
            batch = Tokens.pack([np.array(ids[begin:at])])
            nats -= decoder.model.logits(batch)[-1].double().log_softmax(-1)[ids[at]].item()
    assert found.nats == pytest.approx(nats, rel=1e-5)


def test_a_stride_beyond_the_window_is_refused(decoder: TextDecoder) -> None:
    with pytest.raises(UsageError, match="stride must be 1 to 24, found 25"):
        perplexity(decoder, TEXT, stride=25)
    with pytest.raises(UsageError, match="no words to score"):
        perplexity(decoder, "")


def _classifier(decoder: TextDecoder, normalization: str = "sum", shots: int = 1) -> FewShotClassifier:
    return FewShotClassifier(
        decoder=decoder,
        labels=("animal", "thing"),
        words=("cat", "the hat"),
        template=Template(example="{text}: {label}", between="\n"),
        shots=(("a rat", "cat"),) * shots,
        normalization=normalization,
    )


def test_labels_are_weighed_by_the_likelihood_of_their_words(decoder: TextDecoder) -> None:
    texts = ["the cat", "a tan hat", "a hat"]
    classifier = _classifier(decoder)
    assert classifier.prompt("the cat") == "a rat: cat\nthe cat:"
    wanted = np.zeros((3, 2))
    for row, text in enumerate(texts):
        for label, words in enumerate((" cat", " the hat")):
            prompt, after = decoder.ids([classifier.prompt(text)])[0], decoder.ids([words])[0]
            with torch.no_grad():
                logits = decoder.model.logits(Tokens.pack([np.concatenate([prompt, after])]))
            chances = logits.double().log_softmax(-1)
            for at, token in enumerate(after):
                wanted[row, label] += chances[len(prompt) + at - 1, token].item()
    np.testing.assert_allclose(classifier.log_likelihoods(texts), wanted, rtol=1e-5)
    summed = np.exp(wanted) / np.exp(wanted).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.probabilities(texts), summed, rtol=1e-4)
    lengths = [len(decoder.ids([words])[0]) for words in (" cat", " the hat")]
    assert lengths[0] == 1 and lengths[1] > 1
    per_token = np.exp(wanted / lengths)
    found = _classifier(decoder, "mean").probabilities(texts)
    np.testing.assert_allclose(found, per_token / per_token.sum(axis=1, keepdims=True), rtol=1e-4)
    alone = np.concatenate([classifier.probabilities([text]) for text in texts])
    np.testing.assert_allclose(classifier.probabilities(texts), alone, rtol=1e-5)


def test_prompts_that_are_too_long_lose_their_beginning_and_are_counted(decoder: TextDecoder) -> None:
    classifier = _classifier(decoder, shots=3)
    assert classifier.cut(["a", "the cat the cat the cat"]) == 2
    assert _classifier(decoder, shots=0).cut(["a", "the cat the cat the cat"]) == 0
    assert classifier.probabilities(["a"]).shape == (1, 2)


def test_a_template_says_what_it_lacks() -> None:
    with pytest.raises(UsageError, match=r"needs \{text\} and \{label\}"):
        Template(example="{label}")
    with pytest.raises(UsageError, match=r"must end with \{label\}"):
        Template(example="{label}: {text}")
    form = Template(example="Q: {text}\nA:{label}")
    assert form.prompt([("x {label}", "yes")], "y") == "Q: x {label}\nA:yes\n\nQ: y\nA:"
    assert form.continuation("yes") == "yes" and Template().continuation("yes") == " yes"
    assert label_words("card_arrival ") == "card arrival"


def test_shots_come_from_all_labels_in_turn() -> None:
    examples = Examples.of_texts([f"t{at}" for at in range(12)], "aaaaaaaabbcc", "x")
    drawn = draw_shots(examples, 7, seed=0)
    assert sorted(drawn.targets.tolist()) == [0, 0, 0, 1, 1, 2, 2]
    assert sorted(drawn.targets[:3].tolist()) == [0, 1, 2]
    assert drawn.inputs == draw_shots(examples, 7, seed=0).inputs != draw_shots(examples, 7, seed=1).inputs
    assert len(set(draw_shots(examples, 12, seed=0).inputs)) == 12
    assert len(draw_shots(examples, 0, seed=0)) == 0
    with pytest.raises(UsageError, match="13 shots, but there are 12"):
        draw_shots(examples, 13, seed=0)


def test_an_encoder_decoder_answers(tmp_path: Path) -> None:
    vocabulary = TOKENIZERS / "t5_tokenizer_base.model"
    if not vocabulary.is_file():
        pytest.skip("T5's vocabulary is not among the fixtures")
    torch.manual_seed(0)
    sizes = {"d_model": 8, "d_ff": 12, "d_kv": 3, "num_heads": 2, "num_layers": 1, "num_decoder_layers": 2}
    model = T5(T5Config(**sizes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.5 * torch.randn(parameter.shape))
    save_encoder_decoder(model, tmp_path)
    tokenizer = SentencePieceTokenizer.from_model(vocabulary)
    tokenizer.save(tmp_path, max_tokens=512)
    decoder = TextDecoder.open(tmp_path, torch.device("cpu"))
    questions = ["sst2 sentence: a fine film", "how are you?"]
    sources = tokenizer.encode(questions, 99).ids
    wanted = []
    for source in sources:
        target = [tokenizer.pad]
        for _ in range(6):
            with torch.no_grad():
                logits = model.logits(Tokens.pack([source]), Tokens.pack([np.array(target)]))
            target.append(int(logits[-1].argmax()))
        wanted.append(tokenizer.decode(target[1:]))
    assert decoder.complete(questions, max_tokens=6) == wanted
    assert "".join(decoder.stream(questions[0], max_tokens=6)) == wanted[0]
    assert len(decoder.search(questions, beams=2, max_tokens=6)[1]) == 2
    with pytest.raises(UsageError, match="no text a likelihood by itself"):
        perplexity(decoder, TEXT)
    classifier = FewShotClassifier(
        decoder=decoder,
        labels=("good", "bad"),
        words=("good", "very bad"),
        template=Template(),
        shots=(("a poor film", "very bad"),),
        normalization="sum",
    )
    likelihoods = classifier.log_likelihoods(questions)
    for row, question in enumerate(questions):
        for label, words in enumerate(("good", "very bad")):
            (source, target) = tokenizer.encode([classifier.prompt(question), f" {words}"], 99).ids
            begun = np.concatenate([[tokenizer.pad], target[:-1]])
            with torch.no_grad():
                chances = model.logits(Tokens.pack([source]), Tokens.pack([begun])).double().log_softmax(-1)
            said = chances[range(len(target)), torch.from_numpy(target).long()].sum().item()
            assert likelihoods[row, label] == pytest.approx(said, rel=1e-5)
