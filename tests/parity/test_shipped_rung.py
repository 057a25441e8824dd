"""What `fit` ships opens in transformers: the same ids, the same uncalibrated logits, the same label names."""

from pathlib import Path

import numpy as np
import pytest
import torch

import headway
from headway.bundle.predictors import load_predictor

transformers = pytest.importorskip("transformers", reason="transformers is not installed (make test-parity)")

TEXTS = ["rain and a storm", "the cheese of today 7", "Überall ☔ train station", "snow " * 60, "x"]


def test_the_finetuned_rung_opens_in_transformers(tiny_zoo: Path, topics_csv: Path, tmp_path: Path) -> None:
    run = headway.fit(topics_csv, rungs="frozen,finetuned", fetch=True, out=tmp_path / "run")
    folder = run.folder / "rungs" / "finetuned"
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    batch = tokenizer(TEXTS, padding=True, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        logits = model(**batch).logits
    ours = np.log(load_predictor(folder).predictor.predict(TEXTS))
    np.testing.assert_allclose(logits.double().log_softmax(1).numpy(), ours, atol=1e-5)
    names = [model.config.id2label[int(index)] for index in logits.argmax(1)]
    assert names == [prediction.label for prediction in run.predict(TEXTS, rung="finetuned")]


def test_the_frozen_rung_opens_as_an_encoder(tiny_zoo: Path, topics_csv: Path, tmp_path: Path) -> None:
    run = headway.fit(topics_csv, rungs="frozen", fetch=True, out=tmp_path / "run")
    folder = run.folder / "rungs" / "frozen"
    model = transformers.AutoModel.from_pretrained(folder).eval()
    batch = transformers.AutoTokenizer.from_pretrained(folder)(TEXTS[:1], return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**batch, output_hidden_states=True).hidden_states[-3:]
    expected = torch.cat([layer.mean(1) for layer in hidden], dim=1)
    frozen = load_predictor(folder).predictor
    np.testing.assert_allclose(frozen.embed(TEXTS[:1], 3), expected.numpy(), atol=1e-5)  # type: ignore[attr-defined]


def test_pairs_and_numbers_open_in_transformers(tiny_zoo: Path, tmp_path: Path) -> None:
    words = "rain sun cloud storm wind snow train ticket hotel flight".split()
    rows = [
        (words[i % 10], f"{words[i * 3 % 10]} and {words[i * 7 % 10]}", i % 7 + i / 100) for i in range(80)
    ]
    (tmp_path / "pairs.tsv").write_text(
        "\n".join(["sentence1\tsentence2\tscore", *("\t".join(map(str, row)) for row in rows)])
    )
    run = headway.fit(tmp_path / "pairs.tsv", rungs="finetuned", fetch=True, out=tmp_path / "run")
    folder = run.folder / "rungs" / "finetuned"
    pairs = [
        ("rain and a storm", "the cheese"),
        ("", "x"),
        ("snow " * 60, "Überall ☔ train"),
        ("a", "wind " * 80),
    ]
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    first, second = (list(texts) for texts in zip(*pairs, strict=True))
    batch = tokenizer(first, second, padding=True, truncation=True, return_tensors="pt")
    assert batch["token_type_ids"].max() == 1
    with torch.inference_mode():
        numbers = model(**batch).logits[:, 0]
    np.testing.assert_allclose(run.predict(pairs), numbers.double().numpy(), atol=1e-4)
