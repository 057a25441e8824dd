"""The public surface, pinned: exports, commands, options, and that it is light to load."""

import subprocess
import sys
import time

import typer

import headway
from headway.cli.main import app


def test_exports() -> None:
    assert sorted(headway.__all__) == ["HeadwayError", "Run", "__version__", "fit", "load"]
    assert all(hasattr(headway, name) for name in headway.__all__)


def test_the_options_of_fit_and_predict() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    options = {
        name: sorted(option for parameter in command.params for option in parameter.opts if option[0] == "-")
        for name, command in commands.items()
    }
    assert options["fit"] == sorted(
        "--text --label --task --test --model --metric --rungs --budget --tolerance --seed --out --fetch --refit "
        "--device --max-rows --drop-limit --drop-rare --student --unlabelled --vectors --language-model --set --resume "
        "--allow-inexact --quiet -q --json".split()
    )
    assert options["predict"] == sorted("--rung --text --all --keep".split())
    assert options["show"] == ["--json"]
    assert options["generate"] == sorted(
        "--stream --max-tokens --temperature --top-k --top-p --beams --seed --weights".split()
    )
    assert options["ngram"] == sorted("--order --by --out".split())
    assert options["evaluate"] == sorted(
        "--glue --snli --squad --out --stride --baseline --shots --template --normalize --text --label --rung "
        "--max-rows --seed --weights --quiet -q".split()
    )


def test_the_options_of_vectors() -> None:
    commands = typer.main.get_command(app).commands["vectors"].commands  # type: ignore[attr-defined]
    options = {
        name: sorted(option for parameter in command.params for option in parameter.opts if option[0] == "-")
        for name, command in commands.items()
    }
    assert options == {
        "train": sorted(
            "--architecture --objective --dimensions --window --negatives --shared --min-count --sample --epochs "
            "--rate --threads --split --phrases --seed --out --quiet -q --json".split()
        ),
        "nearest": ["--count", "--format"],
        "analogy": ["--count", "--format"],
        "evaluate": ["--analogies", "--format", "--judgements"],
        "convert": ["--format", "--to"],
        "picture": ["--format", "--out"],
    }


def test_help_and_import_load_nothing_heavy() -> None:
    heavy = (
        "{'torch', 'numpy', 'polars', 'sklearn', 'scipy', 'tokenizers', 'huggingface_hub', 'jinja2', 'numba'}"
    )
    for program in ("import headway", "import headway.cli.main"):
        check = f"{program}\nimport sys\nprint(sorted({heavy} & set(sys.modules)))"
        done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
        assert done.stdout == "[]\n", program


def test_help_answers_at_once() -> None:
    """The goal is 0.3 s on a quiet machine (`benchmarks/`); this bound only catches a heavy import."""
    command = [sys.executable, "-c", "from headway.cli.main import main; main()", "--help"]
    times = []
    for _ in range(3):
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        times.append(time.perf_counter() - started)
    assert "fit" in done.stdout and min(times) < 2.0
