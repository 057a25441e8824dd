"""Recipe: small models pretrained here, each against what it must beat.

    python -m recipes.pretrain_small.run gpt2              # or bert, or t5: the estimate, every missing cell, the table
    python -m recipes.pretrain_small.run gpt2 --estimate   # the estimate alone
    python -m recipes.pretrain_small.run gpt2 --table      # the table of what is there

Hardware: 2 cores, designed for at most 30 minutes for each architecture, most of them the pretraining; each cell is
written as JSON when it ends, and one that is there is not run again. Corpora: for gpt2 Jane Austen's novels (public
domain; lm_austen of the shared data), for bert and t5 4,000 film reviews without their labels (imdb; of sst2's test
rows one stands in them, "do not see this film ."; the weights are not shipped), for bert the phrases of sst2's training
part beside them, without labels and without those that any arm is trained on or its rate chosen by. Of each file the
last 5 % of the lines are held out.

Expected:
gpt2    five novels; on Persuasion, which neither has seen, fewer bits per character than an interpolated modified
        Kneser-Ney 5-gram over the same ids of the same text. The pieces are of bytes: there are no unknowns.
bert    held-out masked tokens named rightly more often than by the unigram model;
t5      held-out spans told with less loss than by the unigram model;
both    on sst2's validation part: fine-tuned minus from scratch, paired over rows and 3 seeds, with a lower end above
        0. Both arms have the same network, vocabulary and steps, and each its own learning rate, chosen on sentences of
        the training part, none of whose phrases is trained on.
"""

import argparse
import sys
import time

import torch
from recipes.cells import Cell, missing
from recipes.pretrain_small import finetuning, ngrams
from recipes.pretrain_small.backbone import BACKBONES, Backbone

from headway.core.device import cores
from headway.core.times import human_seconds


def cells(backbone: Backbone) -> list[Cell]:
    """Return all that is to be run, in its order."""
    compared = ngrams.cells(backbone) if backbone.name == "gpt2" else finetuning.cells(backbone)
    return [backbone.cell(), *compared]


def main() -> None:
    """Say the estimate, run what is missing, print the table."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("architecture", choices=sorted(BACKBONES))
    options.add_argument("--estimate", action="store_true", help="only say how long it would take")
    options.add_argument("--table", action="store_true", help="only print what is there")
    asked = options.parse_args()
    backbone = BACKBONES[asked.architecture]
    todo = cells(backbone)
    if not asked.table:
        torch.set_num_threads(min(2, cores()))
        backbone.gather()
        seconds = sum(cell.estimate() for cell in missing(todo))
        print(f"{len(missing(todo))} cells, about {human_seconds(seconds)}", flush=True)
        if asked.estimate:
            return
        for cell in missing(todo):
            started = time.perf_counter()
            cell.run()
            print(f"{cell.path.stem}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    for name, value in backbone.cell().stored().get("figures", {}).items():
        print(f"held-out {name} {value:.3f}")
    (ngrams.table if backbone.name == "gpt2" else finetuning.table)(backbone)


if __name__ == "__main__":
    main()
