"""GPT-2 against n-grams: bits per character of a novel that neither has seen, over the same ids."""

import time
from collections.abc import Callable
from typing import Any

from recipes.cells import Cell
from recipes.pretrain_small.backbone import NOVELS, RESULTS, Backbone

from headway import api
from headway.metrics.perplexity import Perplexity

NOVEL = NOVELS["austen-persuasion"]
STRIDE = 32  # of windows of 128: beyond the first each token sees the 96 before it or more
ORDERS = (3, 4, 5)


def cells(backbone: Backbone) -> list[Cell]:
    """Return the comparison: the n-grams are counted in all of the corpus, what was held out of it included."""

    def work() -> dict[str, Any]:
        folder, corpus = backbone.folder, backbone.corpus
        found = {"GPT-2": _figures(lambda: api.perplexity(folder, NOVEL, stride=STRIDE, device="cpu"))}
        for order in ORDERS:
            found[f"Kneser-Ney {order}-gram"] = _figures(
                lambda order=order: api.ngram_perplexity(folder, corpus, NOVEL, order=order)
            )
        return found

    return [Cell(RESULTS / "gpt2-persuasion.json", work, lambda: 120)]


def table(backbone: Backbone) -> None:
    """Print the bits per character of each."""
    for name, found in cells(backbone)[0].stored().items():
        print(
            f"Persuasion, {name:18} {found['bits per character']:.4f} bits per character, "
            f"{found['tokens']:,} tokens, {found['unknown']} unknown"
        )


def _figures(score: Callable[[], Perplexity]) -> dict[str, float]:
    started = time.perf_counter()
    found = score()
    return {
        "bits per character": found.bits_per_character,
        "perplexity per token": found.per_token,
        "tokens": found.tokens,
        "characters": found.characters,
        "unknown": found.unknown,
        "unpredicted": found.unpredicted,
        "seconds": time.perf_counter() - started,
    }
