import pytest
import torch
from torch import Tensor

from headway.core.errors import LayoutError
from headway.weights.convert import to_ours, to_theirs
from headway.weights.rules import Concat, Drop, Omit, Rename, Respell, Tie, Transpose, under

RULES = (
    Respell(".gamma", ".scale"),
    Drop("positions", "a constant"),
    Rename("block.{i}.norm.{part}", "layers.{i}.norm.{part}"),
    Concat(("block.{i}.q", "block.{i}.k"), "layers.{i}.qk"),
)


def _theirs() -> dict[str, Tensor]:
    return {
        "positions": torch.arange(4),
        "block.0.norm.scale": torch.tensor([1.0, 2.0]),
        "block.10.norm.gamma": torch.tensor([3.0, 4.0]),
        "block.0.q": torch.tensor([[1.0], [2.0]]),
        "block.0.k": torch.tensor([[3.0], [4.0]]),
    }


OURS = {
    "layers.0.norm.scale": torch.Size([2]),
    "layers.10.norm.scale": torch.Size([2]),
    "layers.0.qk": torch.Size([4, 1]),
}


def test_reading_uses_each_rule_and_tells_what_was_dropped() -> None:
    conversion = to_ours(_theirs(), RULES, OURS)
    assert conversion.tensors["layers.10.norm.scale"].tolist() == [3.0, 4.0]
    assert conversion.tensors["layers.0.qk"].flatten().tolist() == [1.0, 2.0, 3.0, 4.0]
    assert conversion.dropped == {"positions": "a constant"}
    assert conversion.fresh == ()
    assert conversion.used == (1, 1, 2, 2)


def test_writing_is_the_reverse_in_todays_spelling() -> None:
    back = to_theirs(to_ours(_theirs(), RULES, OURS).tensors, RULES)
    theirs = _theirs()
    del theirs["positions"]
    theirs["block.10.norm.scale"] = theirs.pop("block.10.norm.gamma")
    assert back.keys() == theirs.keys()
    assert all(torch.equal(back[name], theirs[name]) for name in back)


def test_prefixes_go_in_front_of_all_names() -> None:
    prefixed = {f"model.{name}": tensor for name, tensor in _theirs().items()}
    shapes = {f"inner.{name}": shape for name, shape in OURS.items()}
    conversion = to_ours(prefixed, under(RULES, "model.", "inner."), shapes)
    assert conversion.tensors.keys() == shapes.keys()


def test_both_lists_are_printed_when_the_accounts_do_not_balance() -> None:
    theirs = _theirs() | {"extra": torch.zeros(1), "another": torch.zeros(1)}
    del theirs["block.0.k"], theirs["block.0.norm.scale"]
    with pytest.raises(LayoutError) as caught:
        to_ours(theirs, RULES, OURS, where="model.safetensors")
    message = str(caught.value)
    for name in ("extra", "another", "block.0.q"):
        assert f"in the file, but without a place in the model: {name}" in message
    for name in ("layers.0.qk", "layers.0.norm.scale"):
        assert f"in the model, but not in the file: {name}" in message
    assert message.startswith("model.safetensors: ")


def test_what_may_be_missing_is_named_and_reported() -> None:
    shapes = OURS | {"head.weight": torch.Size([2, 2])}
    with pytest.raises(LayoutError, match=r"not in the file: head\.weight"):
        to_ours(_theirs(), RULES, shapes)
    assert to_ours(_theirs(), RULES, shapes, fresh=("head.",)).fresh == ("head.weight",)


def test_a_tensor_of_another_shape_is_refused() -> None:
    theirs = _theirs() | {"block.0.norm.scale": torch.zeros(3)}
    with pytest.raises(LayoutError, match=r"layers\.0\.norm\.scale is \[3\], the model's is \[2\]"):
        to_ours(theirs, RULES, OURS)


def test_a_tensor_filled_twice_is_refused() -> None:
    rules = (*RULES, Rename("copy.{part}", "layers.0.norm.{part}"))
    with pytest.raises(LayoutError, match=r"filled twice: layers\.0\.norm\.scale"):
        to_ours(_theirs() | {"copy.scale": torch.zeros(2)}, rules, OURS)


def test_a_file_with_both_spellings_of_a_name_is_refused() -> None:
    theirs = _theirs() | {"block.0.norm.gamma": torch.zeros(2)}
    with pytest.raises(LayoutError, match=r"without a place in the model: layers\.0\.norm\.gamma"):
        to_ours(theirs, RULES, OURS)


def test_writing_refuses_a_tensor_that_no_rule_knows() -> None:
    with pytest.raises(LayoutError, match="no rule writes unknown"):
        to_theirs({"unknown": torch.zeros(1)}, RULES)


TIED = (Tie("{part}.decoder", "{part}.words"), Rename("{part}.words", "{part}.embedding"))


@pytest.mark.parametrize("left_out", [None, "bert.decoder", "bert.words"])
def test_a_tied_tensor_may_be_there_twice_or_under_either_name(left_out: str | None) -> None:
    tensors = {"bert.words": torch.ones(3, 2), "bert.decoder": torch.ones(3, 2)}
    tensors.pop(left_out or "", None)
    conversion = to_ours(tensors, TIED, {"bert.embedding": torch.Size([3, 2])})
    assert torch.equal(conversion.tensors["bert.embedding"], torch.ones(3, 2))
    assert to_theirs(conversion.tensors, TIED).keys() == {"bert.words"}


def test_tied_tensors_that_differ_are_refused() -> None:
    tensors = {"bert.words": torch.ones(3, 2), "bert.decoder": torch.zeros(3, 2)}
    with pytest.raises(LayoutError, match=r"bert\.decoder: differs from bert\.words"):
        to_ours(tensors, TIED, {"bert.embedding": torch.Size([3, 2])})


def test_matrices_stored_the_other_way_round_are_transposed_and_then_joined() -> None:
    rules = (
        Transpose(Concat(("a.{i}.q", "a.{i}.k"), "layers.{i}.qk")),
        Rename("a.{i}.bias", "layers.{i}.bias"),
    )
    theirs = {"a.0.q": torch.randn(3, 2), "a.0.k": torch.randn(3, 2), "a.0.bias": torch.randn(2)}
    shapes = {"layers.0.qk": torch.Size([4, 3]), "layers.0.bias": torch.Size([2])}
    conversion = to_ours(theirs, rules, shapes)
    assert conversion.used == (2, 1)
    assert torch.equal(conversion.tensors["layers.0.qk"], torch.cat([theirs["a.0.q"].T, theirs["a.0.k"].T]))
    back = to_theirs(conversion.tensors, rules)
    assert back.keys() == theirs.keys()
    assert all(torch.equal(back[name], theirs[name]) and back[name].is_contiguous() for name in theirs)
    prefixed = under(rules, "m.", "inner.")
    assert to_theirs({"inner.layers.0.qk": torch.zeros(4, 3)}, prefixed).keys() == {"m.a.0.q", "m.a.0.k"}


def test_what_their_layout_has_no_place_for_is_not_written_and_must_be_named_to_be_read() -> None:
    rules = (Omit("pooler.{part}", "they have none"), Rename("w", "w"))
    shapes = {"w": torch.Size([1]), "pooler.bias": torch.Size([1])}
    assert to_theirs({name: torch.zeros(shape) for name, shape in shapes.items()}, rules).keys() == {"w"}
    with pytest.raises(LayoutError, match=r"not in the file: pooler\.bias"):
        to_ours({"w": torch.zeros(1)}, rules, shapes)
    assert to_ours({"w": torch.zeros(1)}, rules, shapes, fresh=("pooler.",)).fresh == ("pooler.bias",)
