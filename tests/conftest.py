"""Data that several tests use."""

import csv
import random
from pathlib import Path

import pytest

TOPICS = {
    "weather": "rain sun cloud storm wind snow forecast umbrella thunder hail".split(),
    "food": "bread soup cheese rice apple kitchen dinner salt butter oven".split(),
    "travel": "train ticket hotel flight luggage border station passport map taxi".split(),
}


@pytest.fixture(scope="session")
def topics_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 240 made-up texts on three topics that share a third of their words."""
    random.seed(5)
    path = tmp_path_factory.mktemp("data") / "topics.csv"
    shared = "the a with of today we think about some more".split()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "topic"])
        for number in range(240):
            topic = list(TOPICS)[number % 3]
            words = random.choices(TOPICS[topic], k=2) + random.choices(shared, k=4)
            words += random.choices([word for other in TOPICS.values() for word in other], k=1)
            random.shuffle(words)
            writer.writerow([" ".join(words) + f" {number}", topic])
    return path
