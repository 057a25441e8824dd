"""Cold start: seconds from starting a process to one printed label, Headway's runs against the peers' libraries.

RUN is a folder made by `headway fit` that has the n-gram and the fine-tuned rung. transformers opens the same
fine-tuned folder; sentence-transformers encodes the text with the same MiniLM (its least work before any classifier).
"""

import subprocess
import sys

from timing import alternate, report

TEXT = "I still have not received my new card"


def main(run: str, folder: str, rounds: int = 5) -> None:
    """Time each contender in fresh processes."""
    transformers = (
        "import torch; from transformers import AutoModelForSequenceClassification as M, AutoTokenizer as T\n"
        f"f = {run + '/rungs/finetuned'!r}; m = M.from_pretrained(f).eval(); t = T.from_pretrained(f)\n"
        f"print(m.config.id2label[int(m(**t({TEXT!r}, return_tensors='pt')).logits.argmax())])"
    )
    sentence = (
        "from sentence_transformers import SentenceTransformer\n"
        f"print(SentenceTransformer({folder!r}, device='cpu').encode({TEXT!r})[:1])"
    )
    headway = [
        sys.executable,
        "-c",
        "from headway.cli.main import main; main()",
        "predict",
        run,
        TEXT,
        "--rung",
    ]
    commands = {
        "headway, n-grams": [*headway, "ngrams"],
        "headway, fine-tuned": [*headway, "finetuned"],
        "transformers, fine-tuned": [sys.executable, "-c", transformers],
        "sentence-transformers, encode only": [sys.executable, "-c", sentence],
    }
    contenders = {
        name: (lambda command=command: subprocess.run(command, check=True, capture_output=True))
        for name, command in commands.items()
    }
    times = alternate(contenders, rounds)
    report("one text, cold (starts a second)", times, "headway, fine-tuned", 1, "starts/s")
    report("one text, cold, against n-grams", times, "headway, n-grams", 1, "starts/s")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
