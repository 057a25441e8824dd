"""Our GPT against transformers' OpenAI GPT on noise-filled models: logits, depths, gradients, generation, weights both
ways, texts.
"""

import json
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from language_models import (
    LENGTHS,
    PROMPTS,
    TEXTS,
    VOCAB,
    close,
    load,
    packed,
    padded,
    set_fused,
    texts,
    up_to,
)
from noise import fill
from torch import Tensor

from headway.blocks.ragged import Tokens
from headway.core.errors import LayoutError, WeightsError
from headway.data.bpe import gpt_tokenizer, read_vocabulary, recover_merges
from headway.data.tokenizers import Tokenizer
from headway.models.generate import beam_search, generate, power_penalty
from headway.models.gpt import GptConfig
from headway.tasks.decoder import TextDecoder
from headway.weights.convert import to_ours, to_theirs
from headway.weights.formats import gpt as layout
from headway.weights.pretrained import (
    load_classifier,
    load_encoder,
    save_classifier,
    save_encoder,
    save_language_model,
)
from shared_files import TOKENIZERS

transformers = pytest.importorskip("transformers", reason="the reference, transformers, is not installed")

SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    "n_embd": 20,
    "n_head": 4,
    "n_layer": 3,
    "n_positions": 40,
    "layer_norm_epsilon": 1e-3,  # large enough to be seen
    "resid_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
}


def _reference(kind: str = "OpenAIGPTLMHeadModel", **more: Any) -> Any:
    model = getattr(transformers, kind)(transformers.OpenAIGPTConfig(**SIZES | more))
    fill(model)
    return model.double().eval()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_logits_at_all_positions_and_every_depth(
    tmp_path: Path, dtype: torch.dtype, fused: bool, activation: str
) -> None:
    reference = _reference(afn=activation)
    model = load(tmp_path, reference, dtype)
    reference.to(dtype)
    set_fused(model, fused)
    ids = texts()
    with torch.no_grad():
        wanted = reference(**padded(ids), output_hidden_states=True)
        depths = model.intermediates(Tokens.pack(ids))
        assert len(depths) == len(wanted.hidden_states) == 4
        for ours, theirs in zip(depths, wanted.hidden_states, strict=True):
            close(ours.values, packed(theirs))
        close(model.logits(Tokens.pack(ids)), packed(wanted.logits))
        logits, _ = model.step(Tokens.pack(ids), model.start(len(ids)))
        close(logits, wanted.logits[torch.arange(len(ids)), torch.tensor(LENGTHS) - 1])


def test_gradients_in_training(tmp_path: Path) -> None:
    reference = _reference()
    model = load(tmp_path, reference).train()
    reference.train()
    ids = texts()
    random = torch.Generator().manual_seed(1)
    weight = torch.randn(sum(LENGTHS), VOCAB, dtype=torch.float64, generator=random)
    (packed(reference(**padded(ids)).logits) * weight).sum().backward()
    (model.logits(Tokens.pack(ids)) * weight).sum().backward()
    theirs = {name: parameter.grad for name, parameter in reference.named_parameters()}
    ours = to_ours(theirs, layout.LANGUAGE, {name: p.shape for name, p in model.named_parameters()}).tensors
    largest = max(gradient.abs().max() for gradient in ours.values())
    for name, parameter in model.named_parameters():
        assert (parameter.grad - ours[name]).abs().max() <= 1e-10 * largest, name


@pytest.mark.parametrize("beams", [1, 3])
def test_greedy_and_beam_ids_are_equal(tmp_path: Path, beams: int) -> None:
    """The reference has no cache and does not mask padding on the left, so it gets each prompt by itself."""
    reference = _reference()
    model = load(tmp_path, reference)
    ids = texts(PROMPTS)
    stop = generate(model, Tokens.pack(ids), max_tokens=12)[0][3]
    wanted = []
    for row in ids:
        theirs = reference.generate(
            input_ids=torch.from_numpy(row)[None],
            max_new_tokens=12,
            num_beams=beams,
            do_sample=False,
            eos_token_id=stop,
            pad_token_id=stop,
        )
        wanted.append(up_to(theirs[0, len(row) :].tolist(), stop))
    if beams == 1:
        assert generate(model, Tokens.pack(ids), max_tokens=12, stop={stop}) == wanted
    found = beam_search(
        model, Tokens.pack(ids), beams=beams, max_tokens=12, stop={stop}, penalty=power_penalty(1.0)
    )
    assert [list(row[0].ids) for row in found] == wanted
    assert len({len(row) for row in wanted}) > 1


def _published(reference: Any) -> dict[str, Tensor]:
    """Spell the tensors as the published file is: no prefix, no head, each layer's mask."""
    state = {
        name.removeprefix("transformer."): tensor
        for name, tensor in reference.state_dict().items()
        if name != "lm_head.weight"
    }
    return state | {f"h.{i}.attn.bias": torch.ones(1, 1, 40, 40).tril() for i in range(3)}


@pytest.mark.parametrize("published", [True, False])
def test_every_published_spelling_loads_and_each_rule_fires(tmp_path: Path, published: bool) -> None:
    reference = _reference().float()
    reference.config.save_pretrained(tmp_path)
    state = {name: tensor.clone() for name, tensor in reference.state_dict().items()}
    names = _published(reference) | {"position_ids": torch.arange(40)} if published else state
    torch.save(names, tmp_path / "pytorch_model.bin")
    model, conversion = load_encoder(tmp_path)
    ids = texts()
    with torch.no_grad():
        close(cast("Any", model).logits(Tokens.pack(ids)), packed(reference(**padded(ids)).logits))
    rules = layout.rules_for(names, classifier=False)
    silent = {
        getattr(rule, "theirs", str(rule))
        for rule, used in zip(rules, conversion.used, strict=True)
        if not used
    }
    absent = {"lm_head.weight"} if published else {"transformer.h.{i}.attn.bias", "transformer.position_ids"}
    assert silent == absent | {"score.weight", "multiple_choice_head.{rest}"}


def test_a_key_too_many_and_one_too_few_are_both_told(tmp_path: Path) -> None:
    reference = _reference().float()
    reference.config.save_pretrained(tmp_path)
    state = _published(reference) | {"ln_f.weight": torch.ones(20)}
    del state["positions_embed.weight"]
    torch.save(state, tmp_path / "pytorch_model.bin")
    with pytest.raises(LayoutError) as caught:
        load_encoder(tmp_path)
    assert "in the file, but without a place in the model: ln_f.weight" in str(caught.value)
    assert "in the model, but not in the file: embeddings.position.weight" in str(caught.value)


def test_the_weights_go_back_unchanged_and_transformers_opens_them(tmp_path: Path) -> None:
    reference = _reference()
    model = load(tmp_path, reference)
    theirs = to_theirs(model.state_dict(), layout.LANGUAGE)
    state = reference.state_dict()
    assert theirs.keys() == state.keys() - {"lm_head.weight"}
    assert all(torch.equal(theirs[name], state[name]) for name in theirs)
    for name in ("language", "encoder"):
        (tmp_path / name).mkdir()
    save_language_model(model.float(), tmp_path / "language")
    save_encoder(model, tmp_path / "encoder")
    ids = texts()
    with torch.no_grad():
        wanted = reference.float()(**padded(ids), output_hidden_states=True)
        language = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "language")
        assert type(language) is transformers.OpenAIGPTLMHeadModel
        close(language(**padded(ids)).logits, wanted.logits)
        encoder = transformers.AutoModel.from_pretrained(tmp_path / "encoder")
        close(encoder(**padded(ids)).last_hidden_state, wanted.hidden_states[-1])


def test_a_classifier_there_and_back(tmp_path: Path) -> None:
    reference = _reference("OpenAIGPTForSequenceClassification", num_labels=3, pad_token_id=96).float()
    for name in ("theirs", "ours"):
        (tmp_path / name).mkdir()
    reference.save_pretrained(tmp_path / "theirs")
    model, labels = load_classifier(tmp_path / "theirs")
    ids = [row % 96 for row in texts()]
    with torch.no_grad():
        batch = padded(ids)
        batch["input_ids"][batch["attention_mask"] == 0] = 96
        wanted = reference(**batch).logits
        close(model(Tokens.pack(ids)), wanted)
        save_classifier(model, labels, tmp_path / "ours")
        opened = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "ours")
        assert type(opened) is transformers.OpenAIGPTForSequenceClassification
        close(opened(input_ids=torch.from_numpy(ids[4])[None]).logits, wanted[4:5])


def test_the_configuration_goes_there_and_back() -> None:
    config = layout.read_config(transformers.OpenAIGPTConfig(**SIZES).to_dict())
    assert (config.d_model, config.d_ff, config.num_heads, config.num_layers) == (20, 80, 4, 3)
    assert (config.norm_eps, config.embedding_dropout, config.activation) == (1e-3, 0.0, "gelu_tanh")
    assert layout.read_config(layout.write_config(config)) == config
    left_out = layout.read_config(transformers.OpenAIGPTConfig().to_diff_dict())
    assert (left_out.d_model, left_out.max_positions, left_out.vocab_size) == (768, 512, 40478)
    with pytest.raises(WeightsError, match="d_ff is 36"):
        layout.write_config(GptConfig(vocab_size=9, d_model=20, d_ff=36, num_heads=4, num_layers=1))


@pytest.mark.parametrize(
    ("key", "value"),
    [("afn", "swish"), ("tie_word_embeddings", False), ("model_type", "gpt"), ("rotary_base", 10000)],
)
def test_a_configuration_that_means_other_mathematics_is_refused(key: str, value: Any) -> None:
    with pytest.raises(WeightsError, match=key):
        layout.read_config(transformers.OpenAIGPTConfig(**SIZES).to_dict() | {key: value})


def _vocabulary() -> Path:
    path = TOKENIZERS / "openai-gpt-vocab.json"
    if not path.is_file():
        pytest.skip("GPT's vocabulary is not among the fixtures")
    return path


def test_texts_become_the_same_ids_and_ids_the_same_texts(tmp_path: Path) -> None:
    """With merges recovered from the vocabulary: against transformers' tokenizer, and AutoTokenizer on our folder."""
    path = _vocabulary()
    ours = gpt_tokenizer(path)
    pieces = read_vocabulary(path)
    merges = recover_merges(pieces, suffix="</w>", special=("<unk>",))
    theirs = transformers.OpenAIGPTTokenizer(vocab=json.loads(path.read_text()), merges=merges)
    ours.save(tmp_path, max_tokens=32)
    opened = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert type(opened) is transformers.OpenAIGPTTokenizer and opened.model_max_length == 32
    again = Tokenizer.load(tmp_path / "tokenizer.json")
    for limit in (500, 5):
        wanted = theirs(TEXTS, truncation=True, max_length=limit)["input_ids"]
        for tokenizer in (ours, again):
            assert [row.tolist() for row in tokenizer.encode(TEXTS, limit).ids] == wanted
        assert opened(TEXTS, truncation=True, max_length=limit)["input_ids"] == wanted
        for ids in wanted:
            assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True)
            assert ours.decode(ids, special=True) == theirs.decode(ids)


def test_a_text_goes_on_with_the_same_words(tmp_path: Path) -> None:
    """The published vocabulary on a noise-filled model, from string to string."""
    reference = _reference(vocab_size=40478).float()
    reference.save_pretrained(tmp_path)
    gpt_tokenizer(_vocabulary()).save(tmp_path, max_tokens=40)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    decoder = TextDecoder.open(tmp_path, torch.device("cpu"))
    for prompt in ("It is a truth", "Once"):
        batch = tokenizer(prompt, return_tensors="pt")
        theirs = reference.generate(input_ids=batch["input_ids"], max_new_tokens=12, do_sample=False)
        (ours,) = decoder.complete([prompt], max_tokens=12)
        assert prompt.lower() + ours == tokenizer.decode(theirs[0], skip_special_tokens=True)
        assert "".join(decoder.stream(prompt, max_tokens=12)) == ours
