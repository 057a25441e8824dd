"""The engines that `generate.py` compares, each made from the same GPT-2: a function (prompt ids, count) -> new ids.

llama.cpp, CTranslate2 and gguf are not needed: an engine that is not installed is left out, and named.
"""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from headway.blocks.ragged import Tokens
from headway.blocks.stored import store_weights, stored_bytes
from headway.blocks.stored_matrix import STORAGES
from headway.models.generate import generate
from headway.models.gpt2 import Gpt2
from headway.weights.pretrained import load_language_model

Write = Callable[[Sequence[int], int], list[int]]


@dataclass(frozen=True)
class Engine:
    """A way to write."""

    megabytes: float  # of weights that a token reads
    write: Write


# name and weights; the first is the one that the others are compared with
ENGINES = (
    ("transformers", "float32"),
    ("transformers", "bfloat16"),
    ("headway, torch", "float32"),
    *(("headway", storage) for storage in STORAGES),
    ("llama.cpp", "float32"),
    ("llama.cpp", "bfloat16"),
    ("llama.cpp", "Q8_0"),
    ("CTranslate2", "float32"),
    ("CTranslate2", "int8"),
)
_BYTES = {"float32": 4, "bfloat16": 2, "int8": 1, "Q8_0": 34 / 32}


def engine(name: str, weights: str, folder: Path, threads: int) -> Engine:
    """Make one of `ENGINES` from a model as published; raises ImportError where it is not installed."""
    model = cast("Gpt2", load_language_model(folder)[0].eval())
    matrices = [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.ndim == 2 and "position" not in name
    ]
    megabytes = 1e-6 * _BYTES[weights] * sum(parameter.numel() for parameter in matrices)
    if name == "transformers":
        return Engine(megabytes, _transformers(folder, weights))
    if name == "llama.cpp":
        return Engine(megabytes, _llama(model, folder, weights, threads))
    if name == "CTranslate2":
        return Engine(megabytes, _ctranslate2(model, folder, weights, threads))
    if name == "headway":
        store_weights(model, weights)
        megabytes = 1e-6 * stored_bytes(model)
    return Engine(megabytes, _ours(model))


def _ours(model: Gpt2) -> Write:
    def write(prompt: Sequence[int], count: int) -> list[int]:
        return generate(model, Tokens.pack([np.array(prompt)]), max_tokens=count)[0]

    return write


def _transformers(folder: Path, weights: str) -> Write:
    from transformers import GPT2LMHeadModel

    model = GPT2LMHeadModel.from_pretrained(folder, dtype=getattr(torch, weights)).eval()
    model.generation_config.eos_token_id = None

    def write(prompt: Sequence[int], count: int) -> list[int]:
        ids = torch.tensor([prompt])
        options = {"attention_mask": torch.ones_like(ids), "do_sample": False, "pad_token_id": 0}
        with torch.inference_mode():
            found = model.generate(ids, max_new_tokens=count, use_cache=True, **options)
        return found[0, len(prompt) :].tolist()

    return write


def _llama(model: Gpt2, folder: Path, weights: str, threads: int) -> Write:
    """llama.cpp by its own functions, without its Python wrapper's sampling."""
    import gguf  # noqa: F401
    import llama_cpp
    from llama_cpp._logger import set_verbose

    set_verbose(False)
    plain = path = folder / "model-float32.gguf"
    _write_gguf(model, plain)
    kind = {"float32": None, "bfloat16": "BF16", "Q8_0": "Q8_0"}[weights]
    if kind is not None:
        path = folder / f"model-{kind}.gguf"
        options = llama_cpp.llama_model_quantize_default_params()
        options.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind}")
        options.nthread = threads
        asked = (str(plain).encode(), str(path).encode(), ctypes.byref(options))
        if llama_cpp.llama_model_quantize(*asked) != 0:
            raise RuntimeError(f"llama.cpp cannot make {kind}")
    llm = llama_cpp.Llama(str(path), n_ctx=1024, n_threads=threads, n_threads_batch=threads, verbose=False)
    return _llama_writer(llm)


def _llama_writer(llm: Any) -> Write:
    import llama_cpp

    vocabulary = llm.n_vocab()

    def step(ids: Sequence[int]) -> int:
        array = (llama_cpp.llama_token * len(ids))(*ids)
        if llama_cpp.llama_decode(llm.ctx, llama_cpp.llama_batch_get_one(array, len(ids))) != 0:
            raise RuntimeError("llama.cpp could not decode")
        logits = llama_cpp.llama_get_logits_ith(llm.ctx, -1)
        return int(np.ctypeslib.as_array(logits, (vocabulary,)).argmax())

    def write(prompt: Sequence[int], count: int) -> list[int]:
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(llm.ctx), True)
        new = [step(prompt)]
        while len(new) < count:
            new.append(step(new[-1:]))
        return new

    return write


def _write_gguf(model: Gpt2, path: Path) -> None:
    import gguf

    config = model.config
    out = gguf.GGUFWriter(path, "gpt2")
    out.add_context_length(config.max_positions)
    out.add_embedding_length(config.d_model)
    out.add_feed_forward_length(config.d_ff)
    out.add_block_count(config.num_layers)
    out.add_head_count(config.num_heads)
    out.add_layer_norm_eps(config.norm_eps)
    out.add_file_type(gguf.LlamaFileType.ALL_F32)
    out.add_tokenizer_model("gpt2")  # ids are all that is asked for; the pieces only have to be there
    out.add_tokenizer_pre("gpt-2")
    out.add_token_list([f"<{token}>" for token in range(config.vocab_size)])
    out.add_token_types([gguf.TokenType.NORMAL] * config.vocab_size)
    out.add_token_merges(["< 0"])
    names = {
        "embeddings.word": "token_embd",
        "embeddings.position": "position_embd",
        "norm": "output_norm",
        "attention_norm_before": "attn_norm",
        "attention.qkv": "attn_qkv",
        "attention.output": "attn_output",
        "feedforward_norm_before": "ffn_norm",
        "feedforward.inner": "ffn_up",
        "feedforward.outer": "ffn_down",
    }
    for name, parameter in model.named_parameters():
        module, part = name.rsplit(".", 1)
        layer = ""
        if module.startswith("layers."):
            _, number, module = module.split(".", 2)
            layer = f"blk.{number}."
        out.add_tensor(f"{layer}{names[module]}.{part}", parameter.detach().numpy())
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def _ctranslate2(model: Gpt2, folder: Path, weights: str, threads: int) -> Write:
    import ctranslate2
    from ctranslate2.specs import TransformerDecoderModelSpec, common_spec

    config = model.config
    spec = TransformerDecoderModelSpec.from_config(
        config.num_layers, config.num_heads, activation=common_spec.Activation.GELUTanh
    )
    _fill_spec(model, spec)
    spec.register_vocabulary([f"<{token}>" for token in range(config.vocab_size)])
    spec.config.bos_token = spec.config.eos_token = spec.config.unk_token = f"<{config.vocab_size - 1}>"
    spec.validate()
    spec.optimize()
    path = folder / f"ctranslate2-{weights}"
    path.mkdir()
    spec.save(str(path))
    generator = ctranslate2.Generator(str(path), compute_type=weights, intra_threads=threads, inter_threads=1)

    def write(prompt: Sequence[int], count: int) -> list[int]:
        (found,) = generator.generate_batch(
            [[f"<{token}>" for token in prompt]],
            max_length=count,
            min_length=count,
            sampling_topk=1,
            include_prompt_in_result=False,
        )
        return found.sequences_ids[0]

    return write


def _fill_spec(model: Gpt2, spec: Any) -> None:
    """Set the tensors of CTranslate2's form of the model."""
    decoder = spec.decoder
    decoder.scale_embeddings = False
    decoder.embeddings.weight = _array(model.embeddings.word.weight)
    decoder.position_encodings.encodings = _array(model.embeddings.position.weight)
    decoder.projection.weight = decoder.embeddings.weight
    pairs = [(decoder.layer_norm, model.norm)]
    for theirs, ours in zip(decoder.layer, model.layers, strict=True):
        pairs += [
            (theirs.self_attention.layer_norm, ours.attention_norm_before),
            (theirs.self_attention.linear[0], ours.attention.qkv),
            (theirs.self_attention.linear[1], ours.attention.output),
            (theirs.ffn.layer_norm, ours.feedforward_norm_before),
            (theirs.ffn.linear_0, ours.feedforward.inner),
            (theirs.ffn.linear_1, ours.feedforward.outer),
        ]
    for theirs, ours in pairs:
        if isinstance(ours, torch.nn.LayerNorm):
            theirs.gamma, theirs.beta = _array(ours.weight), _array(ours.bias)
        else:
            theirs.weight, theirs.bias = _array(ours.weight), _array(ours.bias)


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy()
