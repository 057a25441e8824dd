"""The kill matrix: a run is killed (`kill -9`) at random moments and resumed until it ends, again and again.

    python tests/robustness/kill_matrix.py            # 50 kills; about 10 minutes on 2 cores
    python tests/robustness/kill_matrix.py --kills 5

A ladder of four rungs on a tiny encoder and a tiny language model, which start from pairs and from a fitted head, and
whose layers thaw one after the other (so that frozen ones' outputs are kept). It saves twenty times a second, so that
kills fall inside saves too. After the kills each run's models, predictions and tokenizers must be byte for byte those
of a run that was left alone.
Prints where the kills fell; the exit status is 1 if any byte differs.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

RUNGS = "ngrams,ulmfit,distilled,finetuned"
RECIPE = {"thaw": 1, "start": "probe", "contrastive": 12}
TIMED = {"run.json", "report.html", "plan.json"}  # hold seconds and dates
CHILD = """
import json, sys
from headway.training import checkpoints
checkpoints.EVERY_SECONDS, checkpoints.SAVING_SHARE = 0.05, 1e9
import headway
data, options, out, resume = sys.argv[1:]
print("started", flush=True)
if resume == "resume":
    headway.fit(resume=out)
else:
    headway.fit(data, out=out, **json.loads(options))
"""


def make_data(folder: Path, rows: int = 60) -> Path:
    """Write a table of made-up texts on two topics."""
    draw = random.Random(0)
    words = {"weather": "rain sun cloud storm wind".split(), "food": "bread soup cheese rice apple".split()}
    lines = ["text,topic"]
    for number in range(rows):
        topic = list(words)[number % 2]
        lines.append(f"{' '.join(draw.choices(words[topic], k=4))} {number},{topic}")
    path = folder / "topics.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def make_model(folder: Path) -> Path:
    """Write a BERT of a few thousand weights in the published layout."""
    import torch

    from headway.models.bert import Bert, BertConfig
    from headway.weights.pretrained import save_encoder

    folder.mkdir()
    words = "rain sun cloud storm wind bread soup cheese rice apple".split()
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *words,
        *"0123456789",
        *(f"##{d}" for d in range(10)),
    ]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    torch.manual_seed(0)
    sizes = {"vocab_size": len(pieces), "d_model": 16, "d_ff": 24, "num_heads": 2, "num_layers": 2}
    save_encoder(Bert(BertConfig(**sizes, max_positions=32)), folder)  # type: ignore[arg-type]
    return folder


def make_language_model(folder: Path) -> Path:
    """Write an AWD-LSTM of a few thousand weights, which knows half of the words, in fastai's layout."""
    import torch

    from headway.data.word_vocabulary import train_words
    from headway.models.awd_lstm import AwdLstm, AwdLstmConfig, AwdLstmLanguageModel
    from headway.weights.pretrained import save_language_model

    folder.mkdir()
    tokenizer = train_words(["rain sun cloud bread soup"], 50, lowercase=True, least=1)
    torch.manual_seed(0)
    config = AwdLstmConfig(vocab_size=tokenizer.vocab_size, d_model=12, d_cell=16, num_layers=2)
    save_language_model(AwdLstmLanguageModel(AwdLstm(config)), folder)
    tokenizer.save(folder)
    return folder


def start(data: Path, options: dict[str, Any], out: Path) -> subprocess.Popen[str]:
    """Start a run, or go on with it where there is a plan."""
    resume = "resume" if (out / "plan.json").is_file() else "new"
    if resume == "new" and out.is_dir():  # killed before its plan stood: nothing was done yet
        subprocess.run(["rm", "-r", str(out)], check=True)
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(data), json.dumps(options), str(out), resume],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def finished(out: Path) -> bool:
    """Return whether nothing is left to do."""
    return (out / "run.json").is_file() and not (out / "unfinished").exists()


def where(out: Path) -> str:
    """Name the place where a kill found the run."""
    if list(out.rglob(".step-*")) or list(out.rglob(".finished.*")) or list(out.rglob(".measured.*")):
        return "inside a save"
    checkpoints = list(out.rglob("step-*"))
    if checkpoints:
        return f"training {checkpoints[0].parents[2].name}"
    return "before its plan" if not (out / "plan.json").is_file() else "between trainings"


def contents(out: Path) -> dict[str, bytes]:
    """Return every file of a run whose bytes are determined."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in TIMED
    }


def texts(folder: Path, rungs: str = RUNGS) -> tuple[Path, dict[str, Any]]:
    """Write made-up texts and tiny models; return the data, and how they are fitted."""
    models = {
        "model": make_model(folder / "model"),
        "language_model": make_language_model(folder / "language-model"),
    }
    return make_data(folder), {
        "rungs": rungs,
        "recipe": RECIPE,
        **{name: str(path) for name, path in models.items()},
    }


def matrix(
    folder: Path, kills: int, data: Path, options: dict[str, Any], seed: int = 0
) -> tuple[Counter[str], list[str]]:
    """Kill runs on the data ``kills`` times; return where the kills fell and which files differ from those of the run
    that was left alone.
    """
    began = time.monotonic()
    alone = start(data, options, folder / "alone")
    assert alone.stdout is not None
    alone.stdout.readline()
    setup = time.monotonic() - began
    _, error = alone.communicate()
    if alone.returncode:
        raise RuntimeError(error)
    whole = time.monotonic() - began
    wanted = contents(folder / "alone")
    draw, fell, wrong = random.Random(seed), Counter[str](), []
    done, number = 0, 0
    while done < kills:
        out = folder / f"run-{number}"
        while not finished(out):
            child = start(data, options, out)
            moment = setup + draw.uniform(0.05, 0.7) * (whole - setup) if done < kills else None
            try:
                _, error = child.communicate(timeout=moment)
                if child.returncode:
                    raise RuntimeError(error)
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                child.communicate()
                done += 1
                fell[where(out)] += 1
        found = contents(out)
        wrong += [
            f"{out.name}/{name}"
            for name in sorted(wanted.keys() | found.keys())
            if wanted.get(name) != found.get(name)
        ]
        number += 1
    return fell, wrong


def main() -> None:
    """Run the matrix and print what it found."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--seed", type=int, default=0)
    asked = options.parse_args()
    with TemporaryDirectory() as folder:
        fell, wrong = matrix(Path(folder), asked.kills, *texts(Path(folder)), asked.seed)
    print(json.dumps({"kills": sum(fell.values()), "fell": dict(fell), "files that differ": wrong}, indent=2))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
