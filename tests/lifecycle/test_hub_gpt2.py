"""`headway zoo fetch gpt2` and `headway generate gpt2`, in fresh processes, against a hub on this machine.

The files have the published layout. The tokenizer's are the published bytes, so the catalog's own hashes hold; the
weights are noise of a smaller size, so their hash and sizes take the place of the catalog's.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from headway.models.gpt2 import Gpt2, Gpt2Config
from headway.tasks.decoder import TextDecoder
from headway.weights import catalog
from headway.weights.convert import to_theirs
from headway.weights.formats import gpt2 as layout
from headway.weights.read import write_safetensors
from headway.weights.sources import HubRepo
from hub_server import Hub, serve
from shared_files import TOKENIZERS

SIZES = {"vocab_size": 50257, "d_model": 60, "d_ff": 36, "num_heads": 4, "num_layers": 3, "max_positions": 64}
REPO = next(source for source in catalog.find("gpt2").sources if isinstance(source, HubRepo))
PROMPT = "It is a truth universally"

SCRIPT = """
import dataclasses, json, sys
from headway.weights import catalog
from headway.weights.sources import PublishedFile

row, (weights, config) = catalog.find("gpt2"), json.loads(sys.argv.pop(1))
files = (PublishedFile(*weights), *row.files[1:])
catalog.CATALOG = {"gpt2": dataclasses.replace(row, config=config, files=files)}
from headway.cli.main import main
main()
"""


def _noise() -> Gpt2:
    torch.manual_seed(0)
    model = Gpt2(Gpt2Config(**SIZES))  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return model.eval()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The three files as the hub has them; the weights beside each layer's mask, and no head."""
    if not (TOKENIZERS / "gpt2_bpe_encoder.json").is_file():
        pytest.skip("GPT-2's vocabulary is not among the fixtures")
    path = tmp_path_factory.mktemp("published") / "model.safetensors"
    masks = {f"h.{i}.attn.bias": torch.ones(64, 64).tril()[None, None] for i in range(3)}
    write_safetensors(path, to_theirs(_noise().state_dict(), layout.ENCODER) | masks)
    return {
        "model.safetensors": path.read_bytes(),
        "vocab.json": (TOKENIZERS / "gpt2_bpe_encoder.json").read_bytes().removesuffix(b"\n"),
        "merges.txt": (TOKENIZERS / "gpt2_bpe_vocab.bpe").read_bytes(),
    }


@pytest.fixture
def hub(published: dict[str, bytes]) -> Iterator[str]:
    with serve(REPO.repo, REPO.revision, published, {"model.safetensors"}) as endpoint:
        yield endpoint


def _headway(
    tmp_path: Path, weights: list[Any], *arguments: str, status: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    inherited.pop("HEADWAY_WEIGHTS", None)
    inherited |= {
        "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
        "HEADWAY_CACHE": str(tmp_path / "cache"),
        "HF_HOME": str(tmp_path / "hf"),
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, json.dumps([weights, SIZES]), *arguments],
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done


def test_fetched_resumed_verified_converted_generated(
    hub: str, published: dict[str, bytes], tmp_path: Path
) -> None:
    data = published["model.safetensors"]
    weights = ["model.safetensors", hashlib.sha256(data).hexdigest(), len(data)]
    Hub.fail_after, Hub.fail_times = 11 << 20, 1
    _headway(tmp_path, weights, "zoo", "fetch", "gpt2", HF_ENDPOINT=hub)
    downloads = [request for request in Hub.files() if "GET" in request and "safetensors" in request]
    assert [request.split(" ")[2:] for request in downloads] == [[], [f"bytes={10 << 20}-"]]
    folder = tmp_path / "cache" / "gpt2"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == published
    asked = len(Hub.requests)
    options = ("--max-tokens", "12")
    done = _headway(tmp_path, weights, "generate", "gpt2", PROMPT, *options, HF_ENDPOINT=hub)
    assert len(Hub.requests) == asked  # what is cached opens no connection
    (folder / "config.json").write_text(json.dumps(layout.write_config(Gpt2Config(**SIZES))))  # type: ignore[arg-type]
    decoder = TextDecoder.open(folder, torch.device("cpu"))
    for name, tensor in _noise().state_dict().items():
        assert torch.equal(decoder.model.state_dict()[name], tensor), name  # type: ignore[attr-defined]
    (wanted,) = decoder.complete([PROMPT], max_tokens=12)
    assert done.stdout == f"{wanted}\n" and wanted.strip()
    streamed = _headway(tmp_path, weights, "generate", "gpt2", PROMPT, "--stream", *options)
    assert streamed.stdout == done.stdout


def test_other_bytes_are_refused_and_nothing_is_kept(
    hub: str, published: dict[str, bytes], tmp_path: Path
) -> None:
    data = bytearray(published["model.safetensors"])
    data[-1] ^= 1
    Hub.served["model.safetensors"] = bytes(data)
    wanted = hashlib.sha256(published["model.safetensors"]).hexdigest()
    weights = ["model.safetensors", wanted, len(data)]
    done = _headway(tmp_path, weights, "zoo", "fetch", "gpt2", status=1, HF_ENDPOINT=hub)
    assert f"is damaged or another file: its sha256 is {hashlib.sha256(data).hexdigest()}" in done.stderr
    assert not any(path.is_file() for path in (tmp_path / "cache").rglob("*"))
    missing = _headway(tmp_path, weights, "generate", "gpt2", PROMPT, status=1)
    assert "headway zoo fetch gpt2" in missing.stderr
