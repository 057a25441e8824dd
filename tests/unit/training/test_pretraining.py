"""What all pretrained architectures share."""

from pathlib import Path

import pytest
import torch

from headway.core.arithmetic import Arithmetic
from headway.data.corpus import read_corpus
from headway.training.pretraining import ARCHITECTURES, Order, Size, pretraining_class, seconds_per_step


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_three_sizes_are_on_offer_each_larger_than_the_one_before(arch: str) -> None:
    sizes = pretraining_class(arch).sizes
    assert list(sizes) == ["tiny", "mini", "small"]
    vocabularies = [size.vocab_size for size in sizes.values() if isinstance(size, Size)]
    widths = [size.d_model for size in sizes.values() if isinstance(size, Size)]
    assert vocabularies == sorted(set(vocabularies)) and widths == sorted(set(widths))


def test_timing_a_few_steps_leaves_the_weights_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{number}\t{number % 7}\n" for number in range(400)))
    kind = pretraining_class("transformer")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "sizes", {"tiny": Size(1, 32, 270, 512, 1e-3)})
        order = Order(corpus=path, architecture="transformer", size="tiny", epochs=3)
        work = kind.prepare(read_corpus(path), order, torch.device("cpu"))
    before = {name: tensor.clone() for name, tensor in work.model.state_dict().items()}
    drawn = torch.random.get_rng_state()
    seconds = seconds_per_step(work, 0, Arithmetic(device="cpu"))
    assert 0 < seconds < 10
    assert all(torch.equal(tensor, before[name]) for name, tensor in work.model.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), drawn)
