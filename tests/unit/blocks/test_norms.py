import torch

from headway.blocks.norms import RMSNorm


def test_the_root_mean_square_becomes_the_weight() -> None:
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0]], dtype=torch.float64)
    norm = RMSNorm(2, eps=0.0).double()
    assert torch.allclose(norm(x[:1]), x[:1] / 12.5**0.5, rtol=1e-15)
    norm = RMSNorm(2, eps=1e-6).double()
    torch.nn.init.constant_(norm.weight, 2.0)
    assert not norm(x)[1].any()
    assert torch.allclose(norm(x)[0].square().mean(), torch.tensor(4.0, dtype=torch.float64), rtol=1e-6)


def test_it_is_torchs_own() -> None:
    torch.manual_seed(0)
    x = torch.randn(5, 7, dtype=torch.float64)
    ours, theirs = RMSNorm(7, eps=1e-3).double(), torch.nn.RMSNorm(7, eps=1e-3).double()
    with torch.no_grad():
        theirs.weight.copy_(torch.nn.init.normal_(ours.weight))
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-13, atol=1e-13)
