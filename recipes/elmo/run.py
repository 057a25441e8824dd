"""Recipe: ELMo's layers against word vectors of the same width, as features of the same tagger, on wnut17.

    python -m recipes.elmo.run               # on the test part
    python -m recipes.elmo.run validation    # on the validation part, by which settings may be chosen

Hardware: 2 cores, 5 minutes. ELMo is `elmo-tiny` of the zoo, frozen, its depths mixed by weights that are learned with
the tagger (the rung `mixed`): 128 numbers a word. The word vectors are skip-gram's, of 128 numbers, trained on the same
corpus, one thread, 5 epochs. The tagger is logistic regression on a word's numbers; in a second arm those of its
neighbours stand beside the word vector's, as in the rung `vectors`. Intervals resample sentences.

Expected: ELMo's span F1 above that of word vectors of its width, the paired difference's lower end above 0. Against the
arm with neighbours, which reads three times as many numbers, this is so on the validation part alone.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from recipes.stand_ins.run import ZOO, lay_out
from recipes.text_ladder.rows import DATA

from headway import api
from headway.core.progress import Silent
from headway.data.examples import Examples
from headway.ladder.intake import Intake, take_in
from headway.ladder.mixed_training import MixedTagging
from headway.ladder.tag_judge import TagJudge
from headway.models.vector_tagger import VectorTagger, VectorTaggerConfig
from headway.models.word_vectors import WordVectors
from headway.weights.vectors.files import open_vectors

RESULTS = Path(__file__).parent / "results"
WIDTH = 128


def word_vectors() -> WordVectors:
    """Return skip-gram's vectors of the corpus that ELMo read, trained once."""
    folder = RESULTS / f"vectors-{WIDTH}"
    if not folder.is_dir():
        RESULTS.mkdir(exist_ok=True)
        api.train_vectors(lay_out("elmo-tiny"), dimensions=WIDTH, threads=1, out=folder)
    return open_vectors(str(folder))


def taggers(training: Examples) -> dict[str, Any]:
    """Fit the taggers, by what their words are read as."""
    vectors = word_vectors()
    given = training.names, training.inputs, training.targets, vectors
    fitted: dict[str, Any] = {
        f"word vectors, {name}": VectorTagger.fit(*given, VectorTaggerConfig(neighbours=neighbours))
        for name, neighbours in (("the word's", 0), ("and its neighbours'", 1))
    }
    elmo = MixedTagging(str(ZOO / "elmo-tiny"), torch.device("cpu"))
    return fitted | {"ELMo, mixed": elmo.fit(training, 0, Silent())}


def main() -> None:
    """Fit, score, compare."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("part", nargs="?", choices=("test", "validation"), default="test")
    wnut = DATA / "wnut17"
    asked = Intake(data=wnut / "train.conll", test=wnut / f"{options.parse_args().part}.conll")
    rows, _ = take_in(asked, Silent())
    training, held_out = (rows.examples.take(each) for each in (rows.parts[0].train, rows.parts[0].held_out))
    judge = TagJudge(training.names)
    metric = judge.metrics[0]
    said = {name: judge.said(fitted.predict(held_out.inputs)) for name, fitted in taggers(training).items()}
    for name, tags in said.items():
        found = metric.interval(held_out.targets, tags, 0)
        line = f"{name:36} span F1 {100 * found.value:.1f} ({100 * found.low:.1f} to {100 * found.high:.1f})"
        if "ELMo" not in name:
            over = metric.paired(held_out.targets, said["ELMo, mixed"], tags, 0)
            line += f"  ELMo over it {100 * over.difference:+.1f} ({100 * over.low:+.1f} to {100 * over.high:+.1f})"
        print(line)


if __name__ == "__main__":
    main()
