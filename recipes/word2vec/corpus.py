"""The shared English corpora together, one paragraph a line, in small letters without punctuation, shuffled.

    python recipes/word2vec/corpus.py corpus.txt

Austen's novels, the King James Bible, Tiny Shakespeare, WikiText-2, TinyStories and the film reviews of imdb: about 3
million words. Shuffled, because on text in its own order the end of the training weighs most, and the held-out loss of
one and the same algorithm moves by 0.1 between runs. No text of trec or ag_news, on which vectors are scored.
"""

import json
import os
import random
import sys
from pathlib import Path

from headway.data.word_corpus import lowercase_words

SHARED = Path(os.environ.get("HEADWAY_SHARED", Path(__file__).parents[3] / "shared")) / "data"
LINES = ["lm_kjv/kjv.txt", "lm_wikitext2/valid.txt", "lm_wikitext2/test.txt"]
WRAPPED = [
    "lm_tinyshakespeare/input.txt",
    "lm_tinystories_sample/tinystories.txt",
]  # an empty line between paragraphs
REVIEWS = ["imdb/train.jsonl", "imdb/test.jsonl"]
HELD_OUT = 0.05


def paragraphs() -> list[str]:
    """Return all paragraphs with two words or more, shuffled, words set apart by single spaces."""
    texts: list[str] = []
    for name in LINES:
        texts += (SHARED / name).read_text(encoding="utf-8").split("\n")
    for path in [*sorted((SHARED / "lm_austen").glob("*.txt")), *(SHARED / name for name in WRAPPED)]:
        texts += path.read_text(encoding="utf-8").split("\n\n")
    for name in REVIEWS:
        texts += [json.loads(line)["text"] for line in (SHARED / name).open(encoding="utf-8")]
    lines = [" ".join(words) for text in texts if len(words := lowercase_words(text)) > 1]
    random.Random(0).shuffle(lines)
    return lines


def split() -> tuple[list[str], list[str]]:
    """Return the paragraphs for training and the held-out ones."""
    lines = paragraphs()
    held_out = int(HELD_OUT * len(lines))
    return lines[held_out:], lines[:held_out]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text("\n".join(paragraphs()) + "\n", encoding="utf-8")
