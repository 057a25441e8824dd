import numpy as np
import pytest
import torch

from headway.core.progress import Silent
from headway.models.transformer import Transformer, TransformerConfig
from headway.tasks import transduction
from headway.training.averaging import LastStates
from headway.training.groups import parameter_groups
from headway.training.loop import train
from headway.training.schedules import inverse_square_root
from headway.training.settings import TrainingSettings

CPU = torch.device("cpu")
START, END = 0, 1


def _model() -> Transformer:
    torch.manual_seed(0)
    sizes = {"d_model": 32, "d_ff": 64, "num_heads": 2, "num_layers": 1, "dropout": 0.0}
    return Transformer(TransformerConfig(vocab_size=12, **sizes))


def _pairs(count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Texts of 1 to 5 tokens; a target is its source from end to beginning."""
    random = np.random.default_rng(seed)
    rows = [random.integers(2, 12, random.integers(1, 6)) for _ in range(count)]
    return [(row, row[::-1]) for row in rows]


def _batch(pairs: list[tuple[np.ndarray, np.ndarray]]) -> transduction.Batch:
    sources, targets = zip(*pairs, strict=True)
    return transduction.batch(sources, targets, start=START, end=END, device=CPU)


def test_a_batch_asks_for_the_target_and_its_end() -> None:
    batch = _batch([(np.array([5, 6]), np.array([7, 8, 9])), (np.array([4]), np.array([], np.int64))])
    assert batch.source.values.tolist() == [5, 6, 4]
    assert batch.inputs.values.tolist() == [START, 7, 8, 9, START]
    assert batch.inputs.lengths.sizes == (4, 1)
    assert batch.targets.tolist() == [7, 8, 9, END, END]


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_label_smoothing_is_its_formula(smoothing: float) -> None:
    model, batch = _model().double(), _batch(_pairs(7, seed=1))
    logits = model.logits(batch.source, batch.inputs)
    logs = logits - logits.exp().sum(-1, keepdim=True).log()
    right = logs[torch.arange(len(logs)), batch.targets]
    wanted = -((1 - smoothing) * right + smoothing * logs.mean(-1)).mean()
    found = transduction.loss(model, batch, smoothing=smoothing)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)
    assert found.item() == criterion(logits, batch.targets).item()


def test_a_score_is_over_tokens_and_leaves_out_those_that_are_named() -> None:
    model, pairs = _model().double().train(), _pairs(9, seed=2)
    whole = transduction.score(model, [_batch(pairs)])
    parts = transduction.score(model, [_batch(pairs[:2]), _batch(pairs[2:])])
    assert model.training and parts == pytest.approx(whole, rel=1e-12)
    batch = _batch(pairs)
    logits = model.eval().logits(batch.source, batch.inputs).log_softmax(-1)
    counted = batch.targets != END
    named = logits[counted].gather(1, batch.targets[counted, None])
    found = transduction.score(model, [batch], [END])
    assert found.loss == pytest.approx(-named.mean().item(), rel=1e-12)
    assert found.accuracy == (logits[counted].argmax(1) == batch.targets[counted]).double().mean().item()


def test_a_transformer_learns_to_turn_texts_around() -> None:
    """By the whole recipe: smoothed labels, the paper's schedule, averaged states, beam search."""
    model, pairs = _model(), _pairs(1500, seed=3)
    settings = TrainingSettings(epochs=8, learning_rate=8e-3, warmup=0.2, weight_decay=0.0)
    losses: list[float] = []

    def after_epoch(epoch: int) -> None:
        losses.append(transduction.score(model, [_batch(pairs[:200])]).loss)

    train(
        model,
        parameter_groups(model.parameters(), (), settings),
        lambda batch: transduction.loss(model, batch, smoothing=0.1),
        lambda epoch: [_batch(pairs[start : start + 50]) for start in range(0, 1500, 50)],
        settings,
        0,
        Silent(),
        schedule=inverse_square_root,
        after_epoch=after_epoch,
        companions=(LastStates(model, 2),),
    )
    assert len(losses) == 8
    assert transduction.score(model, [_batch(pairs[:200])]).loss < 0.5 * losses[0]
    fresh = _pairs(100, seed=4)
    found = transduction.answers(
        model, [source for source, _ in fresh], start=START, end=END, max_tokens=8, device=CPU
    )
    right = sum(answer == tuple(target) for answer, (_, target) in zip(found, fresh, strict=True))
    assert right >= 80
