"""AWD-LSTM: without dropout, torch's own stack in values and gradients; fastai's layout both ways; long texts."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from noise import fill
from torch import Tensor, nn

from headway.blocks.pooling import mean_pool
from headway.blocks.ragged import Tokens
from headway.core.errors import LayoutError, WeightsError
from headway.models.awd_lstm import AwdLstm, AwdLstmConfig, AwdLstmLanguageModel
from headway.models.heads import Classifier, PooledHead
from headway.weights.convert import fill_model, to_ours, to_theirs
from headway.weights.formats import awd_lstm as layout

DROPOUTS = ("embedding_dropout", "input_dropout", "hidden_dropout", "output_dropout", "weight_dropout")
SIZES = {"vocab_size": 23, "d_model": 6, "d_cell": 9, "num_layers": 3}
CONFIG = AwdLstmConfig(**SIZES, **dict.fromkeys(DROPOUTS, 0.0))  # type: ignore[arg-type]


class Plain(nn.Module):
    """The same network as one would write it with nn.LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(23, 6)
        self.lstms = nn.ModuleList(nn.LSTM(*sizes, batch_first=True) for sizes in ((6, 9), (9, 9), (9, 6)))
        self.decoder = nn.Linear(6, 23)
        self.decoder.weight = self.words.weight

    def forward(self, ids: Tensor, states: list[tuple[Tensor, Tensor] | None]) -> tuple[Tensor, list]:  # type: ignore[type-arg]
        x, after = self.words(ids), []
        for lstm, state in zip(self.lstms, states, strict=True):
            x, new = lstm(x, state)
            after.append(new)
        return self.decoder(x), after


def published(plain: Plain, *, year: int) -> dict[str, Tensor]:
    """Its tensors as fastai published them: in 2018, or since."""
    words = plain.words.weight.detach()
    dropped = "encoder_with_dropout.embed" if year == 2018 else "encoder_dp.emb"
    tensors = {
        "0.encoder.weight": words,
        f"0.{dropped}.weight": words.clone(),
        "1.decoder.weight": words.clone(),
    }
    if year > 2018:
        tensors["1.decoder.bias"] = plain.decoder.bias.detach()
    for i, lstm in enumerate(plain.lstms):
        for name, tensor in lstm.state_dict().items():
            tensors[f"0.rnns.{i}.module.{name}"] = tensor
        raw = tensors.pop(f"0.rnns.{i}.module.weight_hh_l0")
        if year == 2018:
            tensors[f"0.rnns.{i}.module.weight_hh_l0_raw"] = raw
        else:
            tensors[f"0.rnns.{i}.weight_hh_l0_raw"] = raw
            tensors[f"0.rnns.{i}.module.weight_hh_l0"] = F.dropout(raw, 0.5)  # what a last step had left
    return tensors


def _pair(year: int = 2020, dtype: torch.dtype = torch.float64) -> tuple[Plain, AwdLstmLanguageModel]:
    torch.manual_seed(0)
    plain = Plain().double()
    fill(plain)
    plain = plain.to(dtype)
    ours = AwdLstmLanguageModel(AwdLstm(CONFIG)).to(dtype)
    tensors = published(plain, year=year)
    fill_model(ours, tensors, layout.language_rules(tensors), where="published")
    return plain, ours


def _ids(rows: int, length: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 23, (rows, length)))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_two_windows_in_a_row_give_torchs_logits_and_gradients(dtype: torch.dtype) -> None:
    plain, ours = _pair(dtype=dtype)
    ours.train()  # with every dropout at zero
    ids, more, targets = _ids(4, 11), _ids(4, 7, 1), _ids(4, 18, 2)
    first, states = plain(ids, [None] * 3)
    second, _ = plain(more, states)
    wanted = torch.cat([first, second], dim=1)

    def read(part: Tensor, state: object) -> tuple[Tensor, object]:
        _, x, state = ours.read(Tokens.pack(list(part.numpy())), state)  # type: ignore[arg-type]
        return ours.unembed(x.values).view(*part.shape, -1), state

    a, state = read(ids, None)
    b, _ = read(more, state)
    found = torch.cat([a, b], dim=1)
    tolerance = {"rtol": 0, "atol": (1e-10 if dtype == torch.float64 else 1e-5) * wanted.abs().max().item()}
    torch.testing.assert_close(found, wanted, **tolerance)
    for logits in (found, wanted):
        F.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
    theirs = {
        "bias": plain.decoder.bias,
        "backbone.embeddings.word.weight": plain.words.weight,
        **{
            f"backbone.layers.{i}.{name.removesuffix('_l0')}": tensor
            for i, lstm in enumerate(plain.lstms)
            for name, tensor in lstm.named_parameters()
        },
    }
    gradients = {name: parameter.grad for name, parameter in ours.named_parameters()}
    assert gradients.keys() == theirs.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, theirs[name].grad, **tolerance)


def test_ragged_texts_equal_each_alone() -> None:
    plain, ours = _pair()
    ids = [_ids(1, length, length)[0] for length in (5, 1, 9, 3)]
    found = torch.split(
        ours.eval().logits(Tokens.pack([row.numpy() for row in ids])), [len(row) for row in ids]
    )
    for row, logits in zip(ids, found, strict=True):
        torch.testing.assert_close(logits, plain(row[None], [None] * 3)[0][0], atol=1e-10, rtol=0)


@pytest.mark.parametrize("year", [2018, 2020])
def test_the_published_layout_both_ways(year: int) -> None:
    plain, ours = _pair(year)
    if year == 2018:
        assert not ours.bias.any()  # it had none
    tensors = published(plain, year=year)
    shapes = {name: tensor.shape for name, tensor in ours.state_dict().items()}
    rules = layout.language_rules(tensors)
    used = to_ours(tensors, rules, shapes).used
    silent = [rule for rule, count in zip(rules, used, strict=True) if not count]
    assert len(silent) == (4 if year == 2018 else 2)  # what only the other year has
    written = to_theirs(ours.state_dict(), layout.PUBLISHED)
    expected = published(plain, year=2020)
    assert written.keys() == expected.keys()
    for name, tensor in written.items():
        if name.endswith("module.weight_hh_l0"):
            torch.testing.assert_close(
                tensor, written[name.replace("module.weight_hh_l0", "weight_hh_l0_raw")]
            )
        elif year == 2020 or name != "1.decoder.bias":
            assert torch.equal(tensor, expected[name]), name
    again = AwdLstmLanguageModel(AwdLstm(CONFIG)).double()
    small = to_theirs(ours.state_dict(), layout.LANGUAGE)
    assert sum(tensor.numel() for tensor in small.values()) == sum(p.numel() for p in ours.parameters())
    fill_model(again, small, layout.language_rules(small), where="ours")
    for name, tensor in ours.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)


def test_untied_words_and_foreign_keys_are_refused() -> None:
    plain, ours = _pair()
    tensors = published(plain, year=2020)
    tensors["1.decoder.weight"] = tensors["1.decoder.weight"] + 1
    with pytest.raises(LayoutError, match=r"1\.decoder\.weight: differs from 0\.encoder\.weight"):
        fill_model(ours, tensors, layout.language_rules(tensors), where="published")
    with pytest.raises(WeightsError, match="qrnn is True"):
        layout.read_config({"vocab_size": 23, "qrnn": True})
    with pytest.raises(WeightsError, match="unknown key 'depth'"):
        layout.read_config({"vocab_size": 23, "depth": 3})
    assert layout.read_config(layout.write_config(CONFIG)) == CONFIG


def test_the_classifiers_layout_both_ways() -> None:
    torch.manual_seed(0)
    backbone = AwdLstm(CONFIG)
    model = Classifier(backbone, PooledHead(backbone.num_pooled, 4, 0.1))
    theirs = to_theirs(model.state_dict(), layout.CLASSIFIER)
    assert {"0.module.encoder.weight", "1.layers.0.running_mean", "1.layers.6.bias"} <= theirs.keys()
    other = AwdLstm(CONFIG)
    again = Classifier(other, PooledHead(other.num_pooled, 4, 0.1))
    theirs["1.layers.0.num_batches_tracked"] = torch.tensor(3)
    fill_model(again, theirs, layout.rules_for(theirs, classifier=True), where="classifier")
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)


def test_in_training_each_sequence_has_one_mask_and_evaluation_has_none() -> None:
    torch.manual_seed(0)
    config = AwdLstmConfig(**SIZES, **dict.fromkeys(DROPOUTS, 0.0) | {"input_dropout": 0.5})  # type: ignore[arg-type]
    model = AwdLstm(config).train()
    dropped = model.embeddings(Tokens.pack([np.full(8, 3), np.full(5, 3)])).values
    rows = [part.unique(dim=0) for part in dropped.split([8, 5])]
    assert [len(row) for row in rows] == [1, 1] and not torch.equal(rows[0], rows[1])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.eval()
    batch = Tokens.pack([np.arange(8), np.arange(5)])
    assert torch.equal(model.features(batch).tokens.values, model.features(batch).tokens.values)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_long_text_is_summarized_window_by_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """In values, all of it; in gradients, exactly what comes from its last words, whatever stands beside it."""
    _, language_model = _pair()
    model = language_model.backbone.eval()
    ids = [_ids(1, length, length)[0].numpy() for length in (23, 4, 12, 31)]
    wanted = model.pooled(model.features(Tokens.pack(ids)))
    whole = torch.autograd.grad(wanted.square().sum(), list(model.parameters()))
    monkeypatch.setattr(AwdLstm, "window", 5)
    monkeypatch.setattr(AwdLstm, "gradient_windows", 7)
    found = model.summarize(Tokens.pack(ids))
    torch.testing.assert_close(found, wanted, atol=1e-10, rtol=0)
    gradients = torch.autograd.grad(found.square().sum(), list(model.parameters()))
    for a, b in zip(gradients, whole, strict=True):
        torch.testing.assert_close(a, b)
    depths = model.intermediates(Tokens.pack(ids))
    for mean, depth in zip(model.mean_depths(Tokens.pack(ids)), depths, strict=True):
        torch.testing.assert_close(mean, mean_pool(depth))
    monkeypatch.setattr(AwdLstm, "gradient_windows", 2)
    seen: list[list[Tensor]] = []
    for beside in (ids, [ids[0], ids[1]]):
        rows = model.summarize(Tokens.pack(beside))
        torch.testing.assert_close(rows[:2], wanted[:2], atol=1e-10, rtol=0)
        seen.append(list(torch.autograd.grad(rows[:2].square().sum(), list(model.parameters()))))
    for a, b in zip(*seen, strict=True):
        torch.testing.assert_close(a, b)
    assert not torch.allclose(seen[0][0], whole[0])
