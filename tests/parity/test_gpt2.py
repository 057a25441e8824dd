"""Our GPT-2 against transformers' on noise-filled models: logits, depths, gradients, caches, generation, weights both
ways, texts.
"""

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
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
from headway.data.bpe import gpt2_tokenizer
from headway.data.tokenizers import Tokenizer
from headway.models.generate import beam_search, generate, keep_top_k, keep_top_p, power_penalty
from headway.models.gpt2 import GPT2_SIZES, GPT3_SIZES, Gpt2, Gpt2Config
from headway.tasks.decoder import TextDecoder
from headway.weights.catalog import CATALOG
from headway.weights.convert import to_ours, to_theirs
from headway.weights.formats import gpt2 as layout
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
    "n_inner": 36,
    "n_layer": 3,
    "n_positions": 40,
    "layer_norm_epsilon": 1e-3,  # large enough to be seen
    "resid_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
    "bos_token_id": 0,
    "eos_token_id": 0,
}


def _reference(kind: str = "GPT2LMHeadModel", **more: Any) -> Any:
    config = transformers.GPT2Config(**SIZES | more, attn_implementation="eager")
    model = getattr(transformers, kind)(config)
    fill(model)
    return model.double().eval()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("activation", ["gelu_new", "gelu", "relu"])
def test_logits_at_all_positions_and_every_depth(
    tmp_path: Path, dtype: torch.dtype, fused: bool, activation: str
) -> None:
    reference = _reference(activation_function=activation)
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
        ends = torch.tensor(LENGTHS) - 1
        close(model.summarize(Tokens.pack(ids)), wanted.hidden_states[-1][torch.arange(len(ids)), ends])


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


@pytest.mark.parametrize("fused", [False, True])
def test_cached_steps_equal_the_references_cached_and_uncached(tmp_path: Path, fused: bool) -> None:
    """Ragged prompts, left-padded in the reference, then one token at a time."""
    reference = _reference()
    model = load(tmp_path, reference)
    set_fused(model, fused)
    ids, more = texts(PROMPTS), texts((5,) * len(PROMPTS), 89)
    with torch.no_grad():
        batch = padded(ids, left=True)
        mask = batch["attention_mask"]
        places = (mask.cumsum(1) - 1).clamp(min=0)
        wanted = reference(**batch, position_ids=places, use_cache=True)
        logits, cache = model.step(Tokens.pack(ids), model.start(len(ids)))
        close(logits, wanted.logits[:, -1])
        for at in range(5):
            new = torch.tensor([[row[at]] for row in more])
            mask = torch.cat([mask, torch.ones_like(new)], 1)
            wanted = reference(
                input_ids=new,
                attention_mask=mask,
                position_ids=mask.sum(1, keepdim=True) - 1,
                past_key_values=wanted.past_key_values,
            )
            logits, cache = model.step(Tokens.pack([row[at : at + 1] for row in more]), cache)
            close(logits, wanted.logits[:, -1])
            whole = [np.concatenate([a, b[: at + 1]]) for a, b in zip(ids, more, strict=True)]
            uncached = model.logits(Tokens.pack(whole)).split([len(row) for row in whole])
            close(logits, torch.stack([part[-1] for part in uncached]))


def _stop(model: Any) -> int:
    """A token that greedy generation soon comes to, so that stopping is seen."""
    return generate(model, Tokens.pack(texts(PROMPTS)), max_tokens=12)[0][3]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_greedy_ids_are_equal(tmp_path: Path, dtype: torch.dtype) -> None:
    reference = _reference()
    model = load(tmp_path, reference, dtype)
    stop = _stop(model)
    reference.to(dtype)
    ids = texts(PROMPTS)
    theirs = reference.generate(
        **padded(ids, left=True), max_new_tokens=20, do_sample=False, eos_token_id=stop, pad_token_id=stop
    )
    new = [up_to(row, stop) for row in theirs[:, max(PROMPTS) :].tolist()]
    ours = generate(model, Tokens.pack(ids), max_tokens=20, stop={stop})
    assert ours == new
    assert len({len(row) for row in ours}) > 1  # some stopped


@pytest.mark.parametrize("beams", [2, 4])
@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_beam_ids_and_scores_are_equal(tmp_path: Path, beams: int, power: float) -> None:
    reference = _reference()
    model = load(tmp_path, reference)
    stop = _stop(model)
    ids = texts(PROMPTS)
    theirs = reference.generate(
        **padded(ids, left=True),
        max_new_tokens=12,
        num_beams=beams,
        num_return_sequences=beams,
        length_penalty=power,
        do_sample=False,
        eos_token_id=stop,
        pad_token_id=stop,
        return_dict_in_generate=True,
        output_scores=True,
    )
    new = [up_to(row, stop) for row in theirs.sequences[:, max(PROMPTS) :].tolist()]
    found = beam_search(
        model, Tokens.pack(ids), beams=beams, max_tokens=12, stop={stop}, penalty=power_penalty(power)
    )
    ours = [best for row in found for best in row]
    assert [list(best.ids) for best in ours] == new
    scores = torch.tensor([best.score for best in ours])
    torch.testing.assert_close(scores, theirs.sequences_scores, rtol=1e-5, atol=1e-5)
    assert len({len(row) for row in new}) > 1


def test_what_sampling_keeps_is_what_transformers_keeps() -> None:
    logits = torch.randn(9, VOCAB, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3
    logits[:, 5] = logits[:, 6]
    ids = torch.zeros(9, 1, dtype=torch.int64)
    for k in (1, 3, 50, 200):
        theirs = transformers.TopKLogitsWarper(k)(ids, logits) if k <= VOCAB else logits
        assert torch.equal(keep_top_k(logits, k), theirs)
    for p in (0.05, 0.5, 0.93, 0.999):
        assert torch.equal(keep_top_p(logits, p), transformers.TopPLogitsWarper(p)(ids, logits))


def _published(reference: Any) -> dict[str, Tensor]:
    """Spell the tensors as the published files of GPT-2 are: no prefix, no head, masks beside the weights."""
    state = {
        name.removeprefix("transformer."): tensor
        for name, tensor in reference.state_dict().items()
        if name != "lm_head.weight"
    }
    masks = {f"h.{i}.attn.bias": torch.ones(1, 1, 40, 40).tril().bool() for i in range(3)}
    scores = {f"h.{i}.attn.masked_bias": torch.tensor(-1e4) for i in range(3)}
    return state | masks | scores


@pytest.mark.parametrize("file", ["published", "language", "doubled"])
def test_every_published_spelling_loads_and_each_rule_fires(tmp_path: Path, file: str) -> None:
    kind = "GPT2DoubleHeadsModel" if file == "doubled" else "GPT2LMHeadModel"
    reference = _reference(kind, num_labels=1).float()
    reference.config.save_pretrained(tmp_path)
    state = {name: tensor.clone() for name, tensor in reference.state_dict().items()}
    assert "lm_head.weight" in state
    torch.save(_published(reference) if file == "published" else state, tmp_path / "pytorch_model.bin")
    model, conversion = load_encoder(tmp_path)
    ids = texts()
    with torch.no_grad():
        close(cast("Any", model).logits(Tokens.pack(ids)), packed(reference(**padded(ids)).logits))
    reasons = {name.split(".")[-1]: reason for name, reason in conversion.dropped.items()}
    if file == "published":
        assert set(reasons) == {"bias", "masked_bias"} and "causal mask" in reasons["bias"]
    if file == "doubled":
        assert all("chooses an answer" in reason for reason in reasons.values()) and reasons
    names = _published(reference) if file == "published" else state
    silent = {
        getattr(rule, "theirs", str(rule))
        for rule, used in zip(layout.rules_for(names, classifier=False), conversion.used, strict=True)
        if not used
    }
    prefix = "" if file == "published" else "transformer."
    masks = {f"{prefix}h.{{i}}.attn.bias", f"{prefix}h.{{i}}.attn.masked_bias"}
    heads = {"score.weight", "multiple_choice_head.{rest}"}
    wanted = {
        "published": heads | {"lm_head.weight"},
        "language": heads | masks,
        "doubled": masks | {"score.weight"},
    }
    assert silent == wanted[file]


def test_a_key_too_many_and_one_too_few_are_both_told(tmp_path: Path) -> None:
    reference = _reference().float()
    reference.config.save_pretrained(tmp_path)
    state = _published(reference)
    state["h.0.attn.rotary"] = torch.zeros(3)
    del state["h.2.mlp.c_fc.bias"]
    torch.save(state, tmp_path / "pytorch_model.bin")
    with pytest.raises(LayoutError) as caught:
        load_encoder(tmp_path)
    assert "in the file, but without a place in the model: h.0.attn.rotary" in str(caught.value)
    assert "in the model, but not in the file: layers.2.feedforward.inner.bias" in str(caught.value)
    untied = {**reference.state_dict(), "lm_head.weight": torch.zeros(VOCAB, 20)}
    torch.save(untied, tmp_path / "pytorch_model.bin")
    with pytest.raises(LayoutError, match=r"lm_head\.weight: differs from transformer\.wte\.weight"):
        load_encoder(tmp_path)


def test_the_weights_go_back_unchanged(tmp_path: Path) -> None:
    reference = _reference()
    model = load(tmp_path, reference)
    theirs = to_theirs(model.state_dict(), layout.LANGUAGE)
    state = reference.state_dict()
    assert theirs.keys() == state.keys() - {"lm_head.weight"}
    assert all(torch.equal(theirs[name], state[name]) for name in theirs)


def test_transformers_opens_what_we_write(tmp_path: Path) -> None:
    reference = _reference().float()
    model = load(tmp_path, reference, torch.float32)
    for name in ("language", "encoder"):
        (tmp_path / name).mkdir()
    save_language_model(model, tmp_path / "language")
    save_encoder(model, tmp_path / "encoder")
    ids = texts()
    with torch.no_grad():
        wanted = reference(**padded(ids), output_hidden_states=True)
        language = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "language")
        assert type(language) is transformers.GPT2LMHeadModel
        close(language(**padded(ids)).logits, wanted.logits)
        encoder = transformers.AutoModel.from_pretrained(tmp_path / "encoder")
        assert type(encoder) is transformers.GPT2Model
        close(encoder(**padded(ids)).last_hidden_state, wanted.hidden_states[-1])
    again, _ = load_encoder(tmp_path / "encoder")
    assert again.config == model.config


def test_a_classifier_there_and_back(tmp_path: Path) -> None:
    reference = _reference("GPT2ForSequenceClassification", num_labels=3, pad_token_id=96).float()
    for name in ("theirs", "ours"):
        (tmp_path / name).mkdir()
    reference.save_pretrained(tmp_path / "theirs")
    model, labels = load_classifier(tmp_path / "theirs")
    assert labels == ("LABEL_0", "LABEL_1", "LABEL_2")
    ids = [row % 96 for row in texts()]
    with torch.no_grad():
        batch = padded(ids)
        batch["input_ids"][batch["attention_mask"] == 0] = 96
        wanted = reference(**batch).logits
        close(model(Tokens.pack(ids)), wanted)
        save_classifier(model, labels, tmp_path / "ours")
        opened = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "ours")
        assert type(opened) is transformers.GPT2ForSequenceClassification
        close(opened(input_ids=torch.from_numpy(ids[4])[None]).logits, wanted[4:5])


def test_the_configuration_goes_there_and_back() -> None:
    config = layout.read_config(transformers.GPT2Config(**SIZES, activation_function="relu").to_dict())
    assert (config.d_model, config.d_ff, config.num_heads, config.num_layers) == (20, 36, 4, 3)
    assert (config.norm_eps, config.embedding_dropout, config.activation) == (1e-3, 0.0, "relu")
    assert layout.read_config(layout.write_config(config)) == config
    left_out = layout.read_config(transformers.GPT2Config().to_diff_dict())  # without what is at its default
    assert (left_out.d_model, left_out.d_ff, left_out.dropout) == (768, 3072, 0.1)
    with pytest.raises(WeightsError, match="no banded attention"):
        layout.write_config(Gpt2Config(**GPT3_SIZES["gpt3-small"], band=128))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scale_attn_weights", False),
        ("scale_attn_by_inverse_layer_idx", True),
        ("activation_function", "swish"),
        ("add_cross_attention", True),
        ("tie_word_embeddings", False),
        ("model_type", "gpt_neo"),
        ("rotary_base", 10000),
    ],
)
def test_a_configuration_that_means_other_mathematics_is_refused(key: str, value: Any) -> None:
    with pytest.raises(WeightsError, match=key):
        layout.read_config(transformers.GPT2Config(**SIZES).to_dict() | {key: value})


def test_the_published_sizes_have_the_published_parameters() -> None:
    for name, sizes in GPT2_SIZES.items():
        with torch.device("meta"):
            model = transformers.GPT2Model(layout_config(name))
        ours = layout.read_config(model.config.to_dict())
        assert ours == Gpt2Config(**sizes) == Gpt2Config.from_dict(dict(CATALOG[name].config))
        assert _parameters(ours) == model.num_parameters() == CATALOG[name].parameters


def layout_config(name: str) -> Any:
    """transformers' own configuration of a published size."""
    sizes = GPT2_SIZES[name]
    return transformers.GPT2Config(
        n_layer=sizes["num_layers"], n_embd=sizes["d_model"], n_head=sizes["num_heads"]
    )


def _parameters(config: Gpt2Config) -> int:
    """Count without making: 12 D^2 + 13 D a layer where F = 4 D, the embeddings, the last norm."""
    D, F = config.d_model, config.d_ff
    layer = 4 * D * D + 4 * D + 2 * D * F + F + D + 4 * D
    return config.num_layers * layer + (config.vocab_size + config.max_positions) * D + 2 * D


def test_gpt3s_sizes_have_the_parameters_that_its_table_states() -> None:
    stated = [125e6, 350e6, 760e6, 1.3e9, 2.7e9, 6.7e9, 13e9, 175e9]
    for sizes, wanted in zip(GPT3_SIZES.values(), stated, strict=True):
        assert _parameters(Gpt2Config(**sizes)) == pytest.approx(wanted, rel=0.025)
    tiny = {**GPT3_SIZES["gpt3-small"], "d_model": 12, "d_ff": 48, "num_heads": 3, "num_layers": 4}
    model = Gpt2(Gpt2Config(**tiny | {"vocab_size": 30}, band=5))
    assert [layer.attention.window for layer in cast("Any", model.layers)] == [None, 5, None, 5]
    assert sum(parameter.numel() for parameter in model.parameters()) == _parameters(model.config)


def _fixtures() -> tuple[Path, Path]:
    files = (TOKENIZERS / "gpt2_bpe_encoder.json", TOKENIZERS / "gpt2_bpe_vocab.bpe")
    if not all(file.is_file() for file in files):
        pytest.skip("GPT-2's vocabulary is not among the fixtures")
    return files


def test_texts_become_the_same_ids_and_ids_the_same_texts(tmp_path: Path) -> None:
    """Against transformers' own GPT2Tokenizer, and against AutoTokenizer on the folder that we write."""
    vocabulary, merges = _fixtures()
    ours = gpt2_tokenizer(vocabulary, merges)
    pairs = [tuple(line.split(" ")) for line in merges.read_text().split("\n")[1:] if line]
    theirs = transformers.GPT2Tokenizer(vocab=json.loads(vocabulary.read_text()), merges=pairs)
    ours.save(tmp_path, max_tokens=32)
    opened = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert opened.model_max_length == 32 and opened.eos_token_id == ours.end == 50256
    again = Tokenizer.load(tmp_path / "tokenizer.json")
    for limit in (500, 5):
        wanted = theirs(TEXTS, truncation=True, max_length=limit)["input_ids"]
        for tokenizer in (ours, again):
            assert [row.tolist() for row in tokenizer.encode(TEXTS, limit).ids] == wanted
        assert opened(TEXTS, truncation=True, max_length=limit)["input_ids"] == wanted
        for ids in wanted:
            assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True)
            assert ours.decode(ids, special=True) == again.decode(ids, special=True) == theirs.decode(ids)
    assert [ours.decode(row, special=True) for row in ours.encode(TEXTS, 500).ids] == TEXTS


def test_a_text_goes_on_with_the_same_words(tmp_path: Path) -> None:
    """The published vocabulary on a noise-filled model, from string to string."""
    reference = _reference(vocab_size=50257, bos_token_id=50256, eos_token_id=50256).float()
    reference.save_pretrained(tmp_path)
    gpt2_tokenizer(*_fixtures()).save(tmp_path, max_tokens=40)
    options = {"padding_side": "left", "pad_token": "<|endoftext|>"}
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path, **options)
    prompts = ["It is a truth", "Café 😀", "Once"]
    batch = tokenizer(prompts, return_tensors="pt", padding=True)
    options = {"max_new_tokens": 12, "do_sample": False, "pad_token_id": 50256}
    theirs = _new_texts(tokenizer, batch, reference.generate(**batch, **options))
    decoder = TextDecoder.open(tmp_path, torch.device("cpu"))
    ours = decoder.complete(prompts, max_tokens=12)
    assert ours == theirs
    assert "".join(decoder.stream(prompts[1], max_tokens=12)) == ours[1]
    searched = _new_texts(tokenizer, batch, reference.generate(**batch, **options, num_beams=3))
    assert [row[0][0] for row in decoder.search(prompts, beams=3, max_tokens=12)] == searched


def _new_texts(tokenizer: Any, batch: Any, ids: Tensor) -> list[str]:
    """The texts without their prompts."""
    new: list[str] = tokenizer.batch_decode(ids[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    return new
