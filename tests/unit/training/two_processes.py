"""What `test_processes.py` starts with torchrun: train a small network on shares of global batches, print the losses.

Each process prints nothing but the first, which prints losses and the sum of the weights.
"""

import torch
from launching import run_together
from torch import Tensor, nn

from headway.core.progress import Silent
from headway.training.groups import parameter_groups
from headway.training.loop import train
from headway.training.processes import Processes
from headway.training.settings import TrainingSettings

ROWS = 11  # odd, and the last batch holds a single row: one process has none


def run(processes: Processes) -> tuple[list[float], float]:
    """Return the mean loss of each of three epochs and the sum of the trained weights."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(9, 6), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    ids = torch.randint(9, (ROWS,))
    targets = torch.randint(3, (ROWS,))

    def batches(epoch: int) -> list[Tensor | None]:
        order = torch.randperm(ROWS, generator=torch.Generator().manual_seed(epoch)).tolist()
        shares = [processes.own(order[start : start + 5]) for start in range(0, ROWS, 5)]
        return [torch.tensor(share) if len(share) else None for share in shares]

    def loss(rows: Tensor) -> Tensor:
        return nn.functional.cross_entropy(model(ids[rows]), targets[rows])

    found = []
    for epochs in (1, 2, 3):  # each from the start: the mean loss of its last epoch
        torch.manual_seed(1)
        for layer in model:
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
        settings = TrainingSettings(epochs=epochs, learning_rate=0.1, schedule="constant", warmup=0.0)
        groups = parameter_groups(model.parameters(), (), settings)
        found.append(
            train(model, groups, loss, batches, settings, 0, Silent(), processes=processes, weight=len)  # type: ignore[arg-type]
        )
    return found, sum(parameter.double().sum().item() for parameter in model.parameters())


if __name__ == "__main__":
    run_together(run)
