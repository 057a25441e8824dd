"""Vectors of texts with MiniLM: Headway against sentence-transformers and plain transformers, texts a second.

Mean-pooled last-layer vectors in float32; tokenization is part of the work on every side. The outputs are compared
first: a contender that computes something else is not timed.
"""

import sys

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from texts import load
from timing import alternate, report
from transformers import AutoModel, AutoTokenizer

from headway.tasks.encoder import TextEncoder


def main(folder: str, rounds: int = 5) -> None:
    """Time bulk and single-text encoding."""
    encoder = TextEncoder.from_zoo("minilm", torch.device("cpu"))
    sentence = SentenceTransformer(folder, device="cpu")
    sentence.max_seq_length = 256
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()

    def ours(texts: list[str]) -> np.ndarray:
        return encoder.layer_means(texts, 1)

    def theirs(texts: list[str]) -> np.ndarray:
        return sentence.encode(texts, batch_size=32, normalize_embeddings=False, show_progress_bar=False)

    def plain(texts: list[str]) -> np.ndarray:
        order = np.argsort([len(text) for text in texts])
        out = np.empty((len(texts), model.config.hidden_size), np.float32)
        with torch.inference_mode():
            for start in range(0, len(texts), 32):
                rows = order[start : start + 32]
                batch = tokenizer(
                    [texts[row] for row in rows],
                    padding=True,
                    truncation=True,
                    max_length=256,
                    return_tensors="pt",
                )
                mask = batch["attention_mask"][..., None]
                hidden = model(**batch).last_hidden_state
                out[rows] = ((hidden * mask).sum(1) / mask.sum(1)).numpy()
        return out

    for name, count in (("sst2", 512), ("banking77", 512), ("imdb", 96)):
        texts = load(name, count)
        wanted = ours(texts)
        for contender in (theirs, plain):
            found = contender(texts)
            found = found * (np.linalg.norm(wanted, axis=1) / np.linalg.norm(found, axis=1))[:, None]
            np.testing.assert_allclose(found, wanted, atol=2e-4)
        contenders = {
            "headway": ours,
            "sentence-transformers": theirs,
            "transformers, sorted by length": plain,
        }
        times = alternate({key: (lambda f=f, t=texts: f(t)) for key, f in contenders.items()}, rounds)
        report(f"{name}: {count} texts at once", times, "headway", count, "texts/s")
        single = texts[:20]
        times = alternate(
            {key: (lambda f=f, t=single: [f([x]) for x in t]) for key, f in contenders.items()}, rounds
        )
        report(f"{name}: one text at a time", times, "headway", len(single), "texts/s")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
