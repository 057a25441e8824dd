"""The parts of a recipe, alone and composed."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from headway.blocks.dropout import dropouts
from headway.blocks.ragged import Tokens
from headway.core.errors import UsageError
from headway.core.progress import Silent
from headway.models.bert import Bert, BertConfig
from headway.models.heads import ClassificationHead, Classifier
from headway.training.averaging import ExponentialMean, StochasticMean
from headway.training.companions import EarlyStop
from headway.training.fresh import freshen
from headway.training.loop import train
from headway.training.recipe import compose
from headway.training.settings import TrainingSettings

SETTINGS = TrainingSettings(epochs=4, learning_rate=0.01, schedule="constant", warmup=0.0)


def _model() -> Classifier:
    torch.manual_seed(0)
    bert = Bert(BertConfig(vocab_size=20, d_model=8, d_ff=12, num_heads=2, num_layers=3, max_positions=8))
    return Classifier(bert, ClassificationHead(8, 2, 0.1))


def _train(model: Classifier, settings: TrainingSettings, **more: object) -> dict[str, list[Tensor]]:
    """Train on two batches an epoch; return each layer group's weights before and after each epoch."""
    draw = torch.Generator().manual_seed(1)
    batches = [torch.randint(20, (4, 5), generator=draw) for _ in range(2)]
    targets = torch.tensor([0, 1, 0, 1])
    named = {group.name: group.parameters[0] for group in model.backbone.layer_groups()} | {  # type: ignore[operator]
        "head": model.head.classifier.weight
    }
    seen = {name: [parameter.detach().clone()] for name, parameter in named.items()}

    def note(epoch: int) -> None:
        for name, parameter in named.items():
            seen[name].append(parameter.detach().clone())

    groups, companions = compose(model, settings)
    train(
        model,
        groups,
        lambda batch: nn.functional.cross_entropy(
            model(Tokens.pack([row.numpy() for row in batch])), targets
        ),
        lambda epoch: batches,
        settings,
        0,
        Silent(),
        after_epoch=note,
        companions=[*companions, *more.get("companions", ())],  # type: ignore[misc]
    )
    return seen


def _moved(states: list[Tensor]) -> list[bool]:
    return [not torch.equal(before, after) for before, after in pairwise(states)]


def test_each_layer_group_has_its_rate() -> None:
    groups, _ = compose(_model(), replace(SETTINGS, layer_decay=0.5, frozen_groups=1, head_factor=3.0))
    rates = [group["lr"] for group in groups]
    assert sorted(set(rates)) == pytest.approx([0.00125, 0.0025, 0.005, 0.01, 0.03])
    assert {group["weight_decay"] for group in groups} == {0.0, 0.01}
    model = _model()
    groups, _ = compose(model, SETTINGS)
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    with pytest.raises(UsageError, match=r"has 5 layer groups, found 6\n.*embeddings, layers\.0"):
        compose(_model(), replace(SETTINGS, frozen_groups=6))


def test_frozen_groups_stay_and_the_others_learn() -> None:
    seen = _train(_model(), replace(SETTINGS, frozen_groups=2))
    moved = {name: any(_moved(states)) for name, states in seen.items()}
    assert moved == {
        "embeddings": False, "layers.0": False, "layers.1": True, "layers.2": True, "pooler": True, "head": True,
    }  # fmt: skip


def test_the_layers_thaw_one_after_the_other_from_the_top() -> None:
    model = _model()
    seen = _train(model, replace(SETTINGS, thaw=1, frozen_groups=1))
    moved = {name: _moved(states) for name, states in seen.items()}
    assert moved["pooler"] == moved["head"] == [True] * 4
    assert moved["layers.2"] == [False, True, True, True]
    assert moved["layers.1"] == [False, False, True, True]
    assert moved["layers.0"] == [False, False, False, True]
    assert moved["embeddings"] == [False] * 4
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_fresh_layers_are_drawn_from_the_seed_and_the_others_are_kept() -> None:
    before = _model().state_dict()
    first, again, other = _model(), _model(), _model()
    freshen(first.backbone, 2, 5)  # type: ignore[arg-type]
    freshen(again.backbone, 2, 5)  # type: ignore[arg-type]
    freshen(other.backbone, 2, 6)  # type: ignore[arg-type]
    matrices = {name for name, tensor in before.items() if tensor.ndim > 1}
    changed = {name for name in matrices if not torch.equal(before[name], first.state_dict()[name])}
    assert changed == {
        name
        for name in matrices
        if name.startswith(("backbone.layers.1", "backbone.layers.2", "backbone.pooler"))
    }
    assert all(torch.equal(first.state_dict()[name], again.state_dict()[name]) for name in before)
    assert not torch.equal(
        first.state_dict()["backbone.pooler.weight"], other.state_dict()["backbone.pooler.weight"]
    )
    with pytest.raises(UsageError, match="4 layers cannot be drawn anew in a Bert that has 3"):
        freshen(_model().backbone, 4, 0)  # type: ignore[arg-type]


def test_the_means_are_those_of_the_weights_seen() -> None:
    weights = torch.tensor([[1.0], [2.0], [4.0], [8.0]])
    model = nn.Linear(1, 1, bias=False)
    exponential, stochastic = ExponentialMean(model, 0.25), StochasticMean(model, first=2)
    wanted = weights[0]
    for step, value in enumerate(weights):
        with torch.no_grad():
            model.weight.copy_(value.view(1, 1))
        exponential.after_step(step)
        stochastic.after_epoch(step)
        decay = min(0.25, (1 + step) / (10 + step))
        wanted = value if step == 0 else decay * wanted + (1 - decay) * value
    exponential.after_training()
    assert model.weight.item() == pytest.approx(wanted.item(), rel=1e-6)
    stochastic.after_training()
    assert model.weight.item() == 6.0


@pytest.mark.parametrize("average", ["ema", "swa"])
def test_an_average_takes_the_place_of_the_last_weights(average: str) -> None:
    last, averaged = _model(), _model()
    _train(last, SETTINGS)
    _train(averaged, replace(SETTINGS, average=average))
    pairs = list(zip(last.parameters(), averaged.parameters(), strict=True))
    if average == "swa":  # only the last of four epochs counts
        assert all(torch.equal(a, b) for a, b in pairs)
    else:
        assert not any(torch.equal(a, b) for a, b in pairs if a.ndim > 1)


def test_an_early_stop_keeps_the_best_epoch() -> None:
    model, scores = _model(), iter([0.5, 0.9, 0.7, 0.8])
    stop = EarlyStop(model, lambda: next(scores), patience=2)
    seen = _train(model, replace(SETTINGS, epochs=9), companions=[stop])
    assert len(seen["head"]) == 5  # ended after the fourth epoch
    assert torch.equal(model.head.classifier.weight, seen["head"][2])
    assert stop.best == 0.9


def test_settings_without_meaning_are_refused() -> None:
    for wrong, message in (
        ({"epochs": 0}, "epochs: must be at least 1"),
        ({"epochs": 2.5}, "epochs: must be a whole number"),
        ({"learning_rate": -1.0}, "learning_rate: must be at least 0"),
        ({"schedule": "linear"}, "(?s)unknown schedule 'linear'.*warmup_linear"),
        ({"start": "linear"}, "(?s)unknown start 'linear'.*fresh, probe"),
        ({"contrastive": -1}, "contrastive: must be at least 0"),
        ({"contrastive": 5, "shard": 1}, "warmed up"),
        ({"average": "ema", "patience": 2}, "cannot both be kept"),
        ({"warmup": 2.0}, "share of the steps"),
        ({"rate": 1}, "(?s)unknown key 'rate'.*learning_rate"),
    ):
        with pytest.raises(UsageError, match=message):
            TrainingSettings.from_dict({"epochs": 1, "learning_rate": 1.0} | wrong)


def test_an_optimizer_that_must_be_validated_on_running_text_is_refused() -> None:
    with pytest.raises(UsageError, match=r"optimizer: nt-asgd needs running text.*\n.*--arch awd-lstm"):
        compose(_model(), replace(SETTINGS, optimizer="nt-asgd"))
    with pytest.raises(UsageError, match=r"unknown optimizer 'adam'\n.*adamw, nt-asgd"):
        replace(SETTINGS, optimizer="adam")


def test_the_dropout_factor_holds_for_the_training_and_for_every_dropout() -> None:
    """Without dropout a step's random numbers do not matter; a model's own dropouts are back afterwards."""
    ends = {}
    for factor in (0.0, 1.0):
        for seed in (0, 1):
            model = _model()
            settings = replace(SETTINGS, dropout_factor=factor)
            groups, companions = compose(model, settings)
            ids = Tokens.pack([np.arange(5), np.arange(5, 10)])
            train(
                model,
                groups,
                lambda batch, model=model: nn.functional.cross_entropy(model(batch), torch.tensor([0, 1])),
                lambda epoch, ids=ids: [ids],
                settings,
                seed,
                Silent(),
                companions=companions,
            )
            ends[factor, seed] = model.head.classifier.weight.detach()
            assert [p for _, _, p in dropouts(model)] == [p for _, _, p in dropouts(_model())]
    assert torch.equal(ends[0.0, 0], ends[0.0, 1])
    assert not torch.equal(ends[1.0, 0], ends[1.0, 1])
    assert not torch.equal(ends[0.0, 0], ends[1.0, 0])


def test_a_dropout_factor_that_drops_everything_is_refused() -> None:
    with pytest.raises(UsageError, match=r"dropout_factor: makes a dropout of 0\.1 one of 1\.2"):
        compose(_model(), replace(SETTINGS, dropout_factor=12.0))
