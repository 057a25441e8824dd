"""Which parameters share a rate."""

from pathlib import Path

import pytest
import torch
from torch import nn

from headway.training.groups import size_scaled_groups
from headway.training.settings import TrainingSettings


def test_a_rate_follows_the_size_of_what_it_changes() -> None:
    large, small, zero = (nn.Parameter(size * torch.ones(3, 2)) for size in (2.0, 0.1, 0.0))
    vector = nn.Parameter(torch.tensor([3.0, 4.0]))
    settings = TrainingSettings(epochs=1, learning_rate=0.01, weight_decay=0.1)
    groups = size_scaled_groups([large, small, zero, vector], settings)
    assert [group["params"] for group in groups] == [[large], [small], [zero], [vector]]
    assert [group["lr"] for group in groups] == pytest.approx([0.02, 0.001, 1e-5, 0.01 * 12.5**0.5])
    assert [group["weight_decay"] for group in groups] == [0.1, 0.1, 0.1, 0.0]


def test_a_t5_is_pretrained_with_such_rates(tmp_path: Path) -> None:
    from headway.data.corpus import read_corpus
    from headway.training.pretraining import Order, pretraining_class

    path = tmp_path / "text.txt"
    path.write_text(
        "".join(f"the {word} train was late again\n" for word in ("red", "blue", "last") for _ in range(99))
    )
    order = Order(corpus=path, architecture="t5", size="tiny", epochs=1)
    work = pretraining_class("t5").prepare(read_corpus(path), order, torch.device("cpu"))
    rates = {id(group["params"][0]): group["lr"] / work.settings.learning_rate for group in work.groups()}
    by_name = {name: rates[id(parameter)] for name, parameter in work.model.named_parameters()}
    (words,) = (rate for name, rate in by_name.items() if name.endswith("word.weight"))
    (query, *_) = (rate for name, rate in by_name.items() if name.endswith("qkv.weight"))
    assert words == pytest.approx(1.0, rel=0.05) and query < 0.2
