"""`headway generate` and `headway evaluate` on a folder with a tiny GPT-2."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

from headway import api
from headway.blocks.stored import STORAGES
from headway.cli.main import app
from headway.core.errors import HeadwayError
from headway.data.bpe import write_merges
from headway.models.gpt2 import Gpt2, Gpt2Config
from headway.weights.pretrained import save_language_model

BYTES = [*map(chr, range(33, 127)), *map(chr, range(0xA1, 0x144))]  # GPT-2's spelling of bytes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A noisy GPT-2 of single bytes, with a context of 64."""
    folder = tmp_path_factory.mktemp("tiny")
    pieces = [*BYTES, "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({piece: index for index, piece in enumerate(pieces)}))
    write_merges(folder / "merges.txt", [])
    torch.manual_seed(0)
    sizes = {"d_model": 12, "d_ff": 20, "num_heads": 3, "num_layers": 2, "max_positions": 64}
    model = Gpt2(Gpt2Config(vocab_size=len(pieces), **sizes))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.5 * torch.randn(parameter.shape))
    save_language_model(model, folder)
    return str(folder)


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_a_prompt_goes_on(folder: str) -> None:
    plain = _run("generate", folder, "the cat", "--max-tokens", "9").stdout
    assert plain == api.generate(folder, "the cat", max_tokens=9) + "\n" and len(plain) > 1
    assert _run("generate", folder, "the cat", "--max-tokens", "9", "--stream").stdout == plain
    assert "".join(api.stream(folder, "the cat", max_tokens=9)) + "\n" == plain
    searched = _run("generate", folder, "the cat", "--max-tokens", "9", "--beams", "3")
    assert searched.exit_code == 0 and len(searched.stdout) > 1


def test_a_seed_draws_the_same_text(folder: str) -> None:
    options = ("--max-tokens", "9", "--temperature", "1.5", "--top-k", "50", "--top-p", "0.99")
    drawn = [_run("generate", folder, "the", *options, "--seed", seed).stdout for seed in ("1", "1", "2")]
    assert drawn[0] == drawn[1] != drawn[2]
    assert _run("generate", folder, "the", *options, "--seed", "1", "--stream").stdout == drawn[0]


def test_weights_are_held_as_asked(folder: str, tmp_path: Path) -> None:
    options = ("generate", folder, "the cat", "--max-tokens", "20")
    plain = _run(*options).stdout
    assert _run(*options, "--weights", "float32").stdout == plain
    assert _run(*options, "--weights", "float32", "--stream").stdout == plain
    for storage in ("int8", "bfloat16"):
        written = api.generate(folder, "the cat", max_tokens=20, weights=storage)
        assert _run(*options, "--weights", storage).stdout == written + "\n"
    text = tmp_path / "text.txt"
    text.write_text("The rain in Spain stays mainly in the plain. " * 9)
    exact = api.perplexity(folder, text, stride=8).per_token
    found = {storage: api.perplexity(folder, text, stride=8, weights=storage) for storage in STORAGES}
    assert found["float32"].per_token == pytest.approx(exact, rel=1e-6)
    for storage in ("int8", "bfloat16"):
        assert 1e-6 < abs(found[storage].per_token / exact - 1) < 0.05
    done = _run("evaluate", folder, str(text), "--stride", "8", "--quiet", "--weights", "int8")
    assert f"perplexity per token      {found['int8'].per_token:,.2f}" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a" * 64], "a prompt of 64 tokens leaves no room: the model reads 64"),
        (["a", "--max-tokens", "64"], "Ask for at most 63 new tokens"),
        (["a", "--temperature", "0"], "temperature must be more than 0"),
        (["a", "--top-p", "2"], "top_p must be more than 0 and at most 1"),
        (["a", "--beams", "2", "--top-k", "3"], "a search draws nothing"),
        (["a", "--weights", "int4"], "Known: float32, bfloat16, int8"),
    ],
)
def test_what_cannot_be_generated_is_told(folder: str, arguments: list[str], told: str) -> None:
    error = _run("generate", folder, *arguments).exception
    assert isinstance(error, HeadwayError) and told in str(error)


def test_a_search_does_not_stream(folder: str) -> None:
    done = _run("generate", folder, "a", "--beams", "2", "--stream")
    assert done.exit_code == 2 and "leave out --stream or --beams" in done.output


def test_an_unknown_model_is_told(folder: str) -> None:
    error = _run("generate", "gpt5", "a").exception
    assert isinstance(error, HeadwayError) and "neither a folder nor a model of the zoo" in str(error)


def test_perplexities_of_a_text_file(folder: str, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("The rain in Spain stays mainly in the plain. " * 9)
    done = _run("evaluate", folder, str(path), "--stride", "8", "--quiet")
    found = api.perplexity(folder, path, stride=8)
    assert f"perplexity per token      {found.per_token:,.2f}  (405 tokens)" in done.stdout
    assert f"bits per character        {found.bits_per_character:.3f}" in done.stdout
    path.write_bytes(b"\xff\xfe\x00")
    error = _run("evaluate", folder, str(path), "-q").exception
    assert isinstance(error, HeadwayError) and "Give a text file in UTF-8" in str(error)


def test_few_shot_shows_its_template_and_scores_the_held_out_rows(folder: str, topics_csv: Path) -> None:
    options = ("--shots", "2", "--template", r"{text}\nTopic: {label}", "--normalize", "sum", "--quiet")
    done = _run("evaluate", folder, str(topics_csv), *options)
    assert done.exit_code == 0, done.exception
    assert "What the model reads, 2 examples and the first text:" in done.stdout
    assert done.stdout.count("| Topic:") == 3
    assert "Labels: food, travel, weather (likelihoods compared by sum)" in done.stdout
    assert "240 held-out rows" in done.stdout and "accuracy" in done.stdout
    error = _run("evaluate", folder, str(topics_csv), "--shots", "2", "--template", "{label}").exception
    assert isinstance(error, HeadwayError) and "needs {text} and {label}" in str(error)


def test_counted_ngrams_are_a_baseline_and_a_model(folder: str, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("the cat sat on the mat\nthe dog sat on the cat\n" * 20, encoding="utf-8")
    text = tmp_path / "text.txt"
    text.write_text("the dog sat on the mat\n", encoding="utf-8")
    done = _run("evaluate", folder, str(text), "--baseline", str(corpus))
    assert done.exit_code == 0, done.exception
    model, baseline = done.stdout.split(f"5-grams of the same tokens, counted in {corpus}:")
    assert model.count("bits per character") == baseline.count("bits per character") == 1
    assert model.count("(23 tokens)") == baseline.count("(23 tokens)") == 1
    for name, options in {"ngrams": ["--order", "3"], "ngrams.arpa": [], "bytes": ["--by", folder]}.items():
        done = _run("ngram", str(corpus), "--out", str(tmp_path / name), *options)
        assert done.exit_code == 0, done.exception
        assert f"headway evaluate {tmp_path / name} FILE" in done.stdout
        done = _run("evaluate", str(tmp_path / name), str(text))
        assert done.exit_code == 0 and "perplexity per word" in done.stdout
        done = _run("generate", str(tmp_path / name), "the dog sat", "--max-tokens", "3")
        assert done.exit_code == 0 and done.stdout.strip()
    assert "on the" in _run("generate", str(tmp_path / "ngrams.arpa"), "the dog sat").stdout
