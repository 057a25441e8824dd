import pytest
import torch

from headway.blocks.ragged import Tokens
from headway.core.errors import UsageError
from headway.models.bert import Bert, BertConfig
from headway.models.distilbert import view_of
from headway.models.student import chosen_layers, student_of

SIZES = {"vocab_size": 30, "d_model": 12, "d_ff": 20, "num_heads": 3, "max_positions": 16}


def test_the_layers_are_those_of_distilbert() -> None:
    assert chosen_layers(12, 6) == [0, 2, 4, 7, 9, 11]
    assert chosen_layers(6, 3) == [0, 2, 5]
    assert chosen_layers(6, 1) == [5]


def test_a_student_computes_with_the_teachers_own_layers() -> None:
    torch.manual_seed(0)
    bert = Bert(BertConfig(num_layers=5, **SIZES)).eval()  # type: ignore[arg-type]
    batch = Tokens.pack([torch.arange(7).numpy(), torch.arange(3).numpy()])
    for teacher in (bert, view_of(bert)):
        student = student_of(teacher, 3).eval()  # type: ignore[attr-defined]
        by_hand = teacher._embed(batch)
        for place in (0, 2, 4):
            by_hand = teacher.layers[place](by_hand)
        assert torch.equal(student.features(batch).tokens.values, by_hand.values)
        before = teacher.state_dict()["layers.0.feedforward.inner.weight"].clone()
        with torch.no_grad():
            for parameter in student.parameters():
                parameter.zero_()
        assert torch.equal(
            teacher.state_dict()["layers.0.feedforward.inner.weight"], before
        )  # nothing is shared


def test_half_the_layers_unless_told() -> None:
    bert = Bert(BertConfig(num_layers=5, **SIZES))  # type: ignore[arg-type]
    assert student_of(bert).config.num_layers == 3  # type: ignore[attr-defined]
    for wrong in (0, 5, 9):
        with pytest.raises(UsageError, match=f"must be from 1 to 4, found {wrong}"):
            student_of(bert, wrong)
