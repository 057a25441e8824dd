"""Recipe: the stand-ins for ULMFiT's and ELMo's published weights, from corpora whose licences allow it.

    python -m recipes.stand_ins.run awd-tiny            # or awd-tiny-backward, awd-tiny-ko, elmo-tiny

Hardware: one core, 10 to 15 minutes each on a quiet machine; a pretraining that was killed goes on when the command is
given again. Each ends as a folder zoo/NAME: weights in half precision, configuration, tokenizer, and a card with
corpus, licence, figures and sha256. `headway.weights.catalog` names the hashes: they are printed at the end.

Expected perplexity a word on the last 5 % of each document's lines: see the cards.
"""

import argparse
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from recipes.text_ladder.rows import DATA

from headway import api
from headway.cli.display import PlainLines
from headway.core.files import human_bytes, read_json, sha256_file, write_text
from headway.data.corpus import read_corpus
from headway.training.pretraining import RECORD_FILE
from headway.weights.read import read_tensors, write_safetensors

RESULTS = Path(__file__).parent / "results"
ZOO = Path(__file__).parents[2] / "zoo"

_NOVELS = {path.stem: path for path in sorted((DATA / "lm_austen").glob("*.txt"))}
ENGLISH = {
    **_NOVELS,
    "king-james-bible": DATA / "lm_kjv/kjv.txt",
    "tiny-shakespeare": DATA / "lm_tinyshakespeare/input.txt",
}
KOREAN = {"film-reviews": DATA / "lm_korean_reviews/train.txt"}
PUBLIC_DOMAIN = (
    "Jane Austen's six novels (Project Gutenberg's texts by way of janeaustenr), the King James Bible (Debian's "
    "bible-kjv) and Tiny Shakespeare (karpathy/char-rnn): public domain, except that in the United Kingdom the King "
    "James Bible is under Crown letters patent"
)
REVIEWS = (
    "54,000 Korean film reviews of 140 characters at most, none of which stands in nsmc's official labelled files "
    "(github e9t/nsmc): CC0 1.0"
)


@dataclass(frozen=True)
class Network:
    """An architecture, as `headway pretrain` names it: what it is, and the files that its users need."""

    architecture: str
    title: str
    whose: str  # published weights these stand in for
    files: tuple[str, ...]
    worth: str  # the command that measures what it is worth


AWD_LSTM = Network(
    "awd-lstm",
    "An AWD-LSTM language model (Merity et al. 2018; Howard and Ruder 2018)",
    "ULMFiT",
    ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
    "`python -m recipes.ulmfit.run twins`",
)
ELMO = Network(
    "elmo",
    "An ELMo (Peters et al. 2018), without the layer that names the words it was pretrained to predict",
    "ELMo",
    ("config.json", "model.safetensors", "characters.json"),
    "`python -m recipes.elmo.run`",
)


@dataclass(frozen=True)
class StandIn:
    """One set of weights: what it reads, in which direction, how often."""

    network: Network
    texts: Mapping[str, Path]
    corpus: str  # and its licence, in words
    epochs: int
    backward: bool = False


STAND_INS = {
    "awd-tiny": StandIn(AWD_LSTM, ENGLISH, PUBLIC_DOMAIN, epochs=2),
    "awd-tiny-backward": StandIn(AWD_LSTM, ENGLISH, PUBLIC_DOMAIN, epochs=2, backward=True),
    "awd-tiny-ko": StandIn(AWD_LSTM, KOREAN, REVIEWS, epochs=10),
    "elmo-tiny": StandIn(ELMO, ENGLISH, PUBLIC_DOMAIN, epochs=2),
}


def lay_out(name: str) -> Path:
    """Return a folder with the texts that a stand-in reads."""
    corpus = RESULTS / f"{name}-corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for title, path in STAND_INS[name].texts.items():
        shutil.copyfile(path, corpus / f"{title}.txt")
    return corpus


def make(name: str) -> None:
    """Pretrain, or go on with it, and put what ships into the zoo."""
    stand_in = STAND_INS[name]
    corpus, folder = lay_out(name), RESULTS / name
    if folder.with_name(f"{name}-unfinished").is_dir():
        api.pretrain(resume=folder, progress=PlainLines())
    elif not folder.is_dir():
        api.pretrain(
            corpus,
            arch=stand_in.network.architecture,
            epochs=stand_in.epochs,
            backward=stand_in.backward,
            out=folder,
            device="cpu",
            progress=PlainLines(),
        )
    target = ZOO / name
    target.mkdir(parents=True, exist_ok=True)
    for file in stand_in.network.files:
        shutil.copyfile(folder / file, target / file)
    tensors = read_tensors(folder / "model.safetensors")
    halves = {key: tensor.to(torch.float16) for key, tensor in tensors.items()}
    write_safetensors(target / "model.safetensors", halves)
    write_text(target / "CARD.md", card(name, folder, target))
    print((target / "CARD.md").read_text())


def card(name: str, folder: Path, target: Path) -> str:
    """Return the card: what it is, what it read, whose that is, what it is worth."""
    stand_in, record = STAND_INS[name], read_json(folder / RECORD_FILE)
    network = stand_in.network
    corpus = read_corpus(RESULTS / f"{name}-corpus")
    figures = "\n".join(f"- {what}: {value:.3g}" for what, value in record["figures"].items())
    files = "\n".join(
        f"| {file} | {human_bytes((target / file).stat().st_size)} | {(target / file).stat().st_size} "
        f"| {sha256_file(target / file)} |"
        for file in stand_in.network.files
    )
    return f"""# {name}

{network.title}, pretrained by Headway's authors as a
stand-in: **these are not the published weights** of {network.whose}, and a far smaller corpus than theirs was read.

- What: {record["described"]}; {record["parameters"]:,} parameters in pretraining. The
  files hold half precision.
- Corpus: {stand_in.corpus}. {corpus.characters:,} characters, read {record["order"]["epochs"]} times; sha256 of the
  files one after the other {record["corpus_sha256"]}.
- Licence of the weights: Apache-2.0, as the project's.
- Recipe: `python -m recipes.stand_ins.run {name}`, seed {record["order"]["seed"]}, {record["steps"]:,} steps,
  {record["seconds"]:.0f} s by the clock, the machine shared with other work; {record["arithmetic"]}.

On the last 5 % of each document's lines, before rounding to half precision:

{figures}

What it is worth: {network.worth}; what came out stands in docs/results.md.

| file | size | bytes | sha256 |
|---|---|---|---|
{files}
"""


def main() -> None:
    """Make the one that is named."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("name", choices=sorted(STAND_INS))
    make(options.parse_args().name)


if __name__ == "__main__":
    main()
