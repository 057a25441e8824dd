"""Made-up questions on contexts, as SQuAD's JSON."""

import json
import random
from pathlib import Path
from typing import Any

from conftest import TOPICS


def squad(paragraphs: int, seed: int, unanswerable: bool = True) -> dict[str, Any]:
    """Contexts of a few words, some too long for a window, in which the digit is always the answer, if there is one."""
    draw = random.Random(seed)
    words = [word for topic in TOPICS.values() for word in topic]
    articles = []
    for number in range(paragraphs):
        context = draw.choices(words, k=draw.choice([4, 7, 25]))
        answered = not unanswerable or draw.random() < 0.7
        place = draw.randrange(len(context))
        if answered:
            context[place] = str(draw.randrange(10))
        text = "  ".join(context)
        start = len("  ".join(context[:place])) + 2 * (place > 0)
        entry = {
            "id": f"{seed}-{number}",
            "question": " ".join(draw.choices(words, k=3)),
            "answers": [{"text": context[place], "answer_start": start}] if answered else [],
        }
        if unanswerable:
            entry["is_impossible"] = not answered
        articles.append({"title": f"Article {number}", "paragraphs": [{"context": text, "qas": [entry]}]})
    return {"version": "v2.0" if unanswerable else "1.1", "data": articles}


def write(path: Path, stored: dict[str, Any]) -> Path:
    path.write_text(json.dumps(stored), encoding="utf-8")
    return path
