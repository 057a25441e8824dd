import torch
from torch import nn

from headway.training.memory import kept_bytes


def test_what_the_backward_pass_reads_is_counted_once_and_weights_are_not() -> None:
    linear = nn.Linear(8, 16, bias=False)
    x = torch.randn(5, 8)

    def loss() -> torch.Tensor:
        y = linear(x)  # keeps x: 5 * 8
        return (y * y).sum()  # keeps y, twice the same: 5 * 16

    assert kept_bytes(linear, loss) == 4 * (5 * 8 + 5 * 16)
