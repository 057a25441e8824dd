import pytest
import torch
from torch import nn

from headway.core.errors import ResourceError
from headway.training.memory import BASE, MOST_AT_ONCE, SHARE, Need, kept_bytes


def test_what_the_backward_pass_reads_is_counted_once_and_weights_are_not() -> None:
    linear = nn.Linear(8, 16, bias=False)
    x = torch.randn(5, 8)

    def loss() -> torch.Tensor:
        y = linear(x)  # keeps x: 5 * 8
        return (y * y).sum()  # keeps y, twice the same: 5 * 16

    assert kept_bytes(linear, loss) == 4 * (5 * 8 + 5 * 16)


def test_the_need_is_that_of_the_weights_and_of_the_tokens_at_once() -> None:
    need = Need.of(nn.Linear(100, 10), kept=3000, tokens=30, longest=50, batch_size=4)
    assert need.fixed == BASE + 16 * 1010
    assert need.per_token == 150
    assert need.memory(80) - need.fixed == 80 * 150
    assert need.memory(1) == need.memory(50)  # a row is computed whole
    assert need.memory(4096) == need.memory(4 * 50)  # no batch has more


@pytest.mark.parametrize(
    ("fits", "chosen"),
    [(10**6, MOST_AT_ONCE), (5000, 4096), (4000, 2048), (1024, 1024), (600, 512), (10, 512)],
)
def test_so_many_tokens_are_computed_at_once_that_memory_holds(fits: int, chosen: int) -> None:
    need = Need(fixed=1e9, per_token=1e6, longest=512, batch=32 * 512)
    free = int((1e9 + 1e6 * fits) / SHARE)
    assert need.tokens_at_once(free) == chosen
    assert need.memory(chosen) <= SHARE * free or chosen == need.longest


def test_a_row_that_cannot_fit_is_an_error() -> None:
    need = Need(fixed=1e9, per_token=1e6, longest=512, batch=32 * 512)
    need.require(512, int(1.6e9))
    with pytest.raises(
        ResourceError,
        match=r"one text of 512 tokens at a time would need about 1\.5 GB .* 1\.2 GB are free\n",
    ):
        need.require(512, int(1.2e9))
    with pytest.raises(ResourceError, match="texts of at most 2,048 tokens at a time"):
        need.require(2048, int(1.2e9))
