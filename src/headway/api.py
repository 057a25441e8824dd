"""What Python users call, and what the command line calls: ``fit`` and ``load``, ``generate`` and what goes with it."""

import inspect
import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headway.bundle.run import PREDICTIONS_FILE, RECORD_FILE, REPORT_FILE, Run
from headway.core import device as machine
from headway.core.errors import DataError, FetchError, RunError, UsageError
from headway.core.files import disk_errors, write_json, write_text
from headway.core.progress import Progress, Silent

if TYPE_CHECKING:
    from headway.bundle.record import RunRecord
    from headway.ladder.climb import Ascent
    from headway.ladder.fewshot import FewShotScore
    from headway.ladder.kept import Kept
    from headway.ladder.preparation import Prepared
    from headway.ladder.rungs import Rung
    from headway.metrics.perplexity import Perplexity
    from headway.metrics.word_vectors import Answered, Correlation
    from headway.models.generate import Choose
    from headway.models.word_vectors import WordVectors
    from headway.tasks.decoder import TextDecoder
    from headway.training.range_test import RangeTest
    from headway.weights.catalog import Published

__all__ = [
    "Run",
    "distill",
    "few_shot",
    "fit",
    "generate",
    "learning_rates",
    "load",
    "ngram",
    "ngram_perplexity",
    "perplexity",
    "pretrain",
    "score_vectors",
    "stream",
    "train_vectors",
]

VECTORS_PAGE = "vectors.html"  # in a folder of vectors: the neighbourhoods of some of its words


def load(folder: str | Path) -> Run:
    """Open a run folder. Raises RunError when it is missing, unfinished, damaged or of a later version."""
    return Run.open(folder)


def fit(
    data: Any | None = None,
    *,
    text: str | None = None,
    label: str | None = None,
    test: Any | None = None,
    model: str | Path = "minilm",
    student: str | Path | int | None = None,
    unlabelled: str | Path | None = None,
    recipe: Mapping[str, Any] | None = None,
    metric: str | None = None,
    rungs: str | Sequence[str] | None = None,
    budget: str | float = "10m",
    tolerance: float = 1.0,
    seed: int = 0,
    out: str | Path | None = None,
    fetch: bool | Callable[["Published"], bool] | None = None,
    refit: bool = True,
    device: str | None = None,
    max_rows: int = 100_000,
    drop_limit: float = 5.0,
    drop_rare: bool = False,
    resume: str | Path | None = None,
    allow_inexact: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Climb the ladder on a table of texts and labels and return the finished run.

    Arguments:
        data, test: paths (CSV, TSV, JSONL, Parquet) or data frames; ``test`` replaces the held-out rows.
        text, label: the columns; inferred and said when left out.
        model: the pretrained encoder: a name in the zoo, or a folder in a published layout, such as `pretrain` makes.
        student: what the distilled rung teaches: so many layers of the model (half of them when left out), or another
            model as ``model`` names one.
        unlabelled: a table or a .txt file with texts that it is taught on as well, and word vectors are trained on.
        recipe: settings of fine-tuning that are not to be chosen by the rows, by the names of
            `headway.training.settings.TrainingSettings`: {"epochs": 5, "layer_decay": 0.9}.
        metric: "accuracy" or "macro-f1"; by the class balance when left out.
        rungs: names, or "all"; when left out, those of the usual ones whose estimates fit ``budget``.
        budget: seconds, or "90s", "5m", "1h", for all rungs together.
        tolerance: points (of 100) by which a cheaper rung that ships may be worse.
        out: the run folder; beside nothing else, ``<data>-run`` in the working folder.
        fetch: whether to fetch missing weights: True, False (never open a connection), or a function that is asked;
            None skips the rungs that need them and says how to fetch.
        refit: train the rung that ships again on all rows.
        max_rows: a stratified sample of this many rows is used when there are more.
        drop_limit: percent of the rows that may lack a text or a label.
        resume: the folder of a run that did not finish: go on where it stood, as its plan says. Nothing else is given
            with it but ``fetch``, ``allow_inexact`` and, where the run was made from a data frame, that one again.
        allow_inexact: go on although processor, threads or versions are not what they were.

    A run that fails or is interrupted keeps what was finished, unless that is nothing, and says how to go on.
    Raises HeadwayError: DataError, UsageError, WeightsError, FetchError, ResourceError, TrainingError, RunError.
    """
    options = {name: value for name, value in locals().items() if name in inspect.signature(fit).parameters}
    progress = progress or Silent()
    if resume is not None:
        return _resume(Path(resume), options, progress)
    if data is None:
        raise UsageError("no data given", where="data", remedy="Give a table, or --resume and a run folder.")
    from headway.ladder.kept import Kept
    from headway.ladder.preparation import Options

    started = time.monotonic()
    plain: dict[str, Any] = {
        name: str(value) if isinstance(value, Path) else value for name, value in options.items()
    }
    wanted = Options(**{name: plain[name] for name in Options.__dataclass_fields__})
    wanted.check()
    stem = Path(data).name.split(".")[0] if isinstance(data, str | Path) else "frame"
    folder = _new_folder(out, f"{stem}-run")
    prepared = wanted.prepare(progress)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return _fit_together(prepared, folder, fetch, progress, _command(data, options), started)
    with disk_errors(folder):
        folder.mkdir(parents=True)
    kept = Kept(folder)
    with kept.held(), _left_resumable(folder, kept):
        prepared = _decided(prepared, folder, fetch, progress, _command(data, options))
        return _climb(prepared, folder, kept, progress, started)


def _decided(
    prepared: "Prepared",
    folder: Path,
    fetch: bool | Callable[["Published"], bool] | None,
    progress: Progress,
    command: str,
) -> "Prepared":
    """Decide what depends on machine and clock, and write the plan, before the first step."""
    from headway.ladder.plan import decide
    from headway.ladder.preparation import machine_facts

    missing = _missing_weights(prepared.rungs, fetch, progress)
    plan = replace(
        prepared.plan,
        command=command,
        decisions=decide(prepared.rows, prepared.rungs, prepared.plan, missing, progress),
        machine=machine_facts(prepared.plan.options["device"]),
    )
    plan.save(folder)
    return replace(prepared, plan=plan)


def _fit_together(
    prepared: "Prepared",
    folder: Path,
    fetch: bool | Callable[["Published"], bool] | None,
    progress: Progress,
    command: str,
    started: float,
) -> Run:
    """Climb in the processes that torchrun started, which see one file system: the first one writes and is watched.

    The others go the same way in a temporary folder; the encoder's fine-tuning is shared out among all.
    """
    from headway.ladder.kept import Kept
    from headway.ladder.plan import Plan
    from headway.training.processes import Processes

    processes = Processes.joined()
    processes.wait()  # all have found the same folder's name free
    if processes.rank == 0:
        with disk_errors(folder):
            folder.mkdir(parents=True)
        kept = Kept(folder)
        with kept.held(), _left_resumable(folder, kept):
            prepared = _decided(prepared, folder, fetch, progress, command)
            processes.wait()
            _climb(prepared, folder, kept, progress, started)
    else:
        processes.wait()
        with tempfile.TemporaryDirectory() as name:
            home = Path(name)
            kept = Kept(home)
            with kept.held():
                _climb(replace(prepared, plan=Plan.load(folder)), home, kept, Silent(), started)
    processes.wait()
    return Run.open(folder)


def distill(
    run: str | Path,
    *,
    layers: int | None = None,
    student: str | Path | None = None,
    unlabelled: str | Path | None = None,
    out: str | Path | None = None,
    fetch: bool | Callable[["Published"], bool] | None = None,
    progress: Progress | None = None,
) -> Run:
    """Teach a small student what a run's fine-tuned encoder knows, and return a new run that compares the two.

    Arguments:
        run: a finished run; its data, model and settings are taken from its plan.
        layers: how many of the model's layers the student has (half of them when left out).
        student: another model in their place, as ``fit`` names one.
        unlabelled: a table or a .txt file with texts that the student is taught on as well.
        out: the new run folder; ``<run>-distilled`` when left out.

    The teacher is trained again on the training rows only, from the same seed, since what the run ships may have
    learned from the held-out rows. Raises what `fit` does.
    """
    from headway.ladder.plan import Plan
    from headway.ladder.preparation import Options

    if layers is not None and student is not None:
        raise UsageError("give one of them", where="--layers, --student")
    source = Path(run)
    Run.open(source)
    plan = Plan.load(source)
    wanted = Options.restored(plan, None, None)
    plan.require_same_data(wanted.hashes(), source)
    options = vars(wanted) | {
        "rungs": ("distilled", "finetuned"),
        "student": student if layers is None else layers,
        "unlabelled": unlabelled,
    }
    folder = _new_folder(out, f"{source.name}-distilled")
    return fit(**options, out=folder, fetch=fetch, progress=progress)


def learning_rates(
    data: Any,
    *,
    text: str | None = None,
    label: str | None = None,
    model: str | Path = "minilm",
    recipe: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str | None = None,
    progress: Progress | None = None,
) -> "RangeTest":
    """Try rising learning rates on the training rows of a table in one short run, for ``fit``'s recipe.

    The arguments are those of `fit`; the model's weights must be cached. Raises DataError, UsageError, FetchError.
    """
    from headway.ladder.encoder_training import FineTuning
    from headway.ladder.intake import Intake, take_in

    progress = progress or Silent()
    rows, _ = take_in(Intake(data=data, text=text, label=label, seed=seed), progress)
    training = rows.examples.take(rows.parts[0].train)
    return FineTuning(str(model), machine.choose_device(device), recipe).try_rates(training, seed, progress)


def _resume(folder: Path, options: dict[str, Any], progress: Progress) -> Run:
    """Go on with a run that did not finish."""
    from headway.ladder.kept import Kept
    from headway.ladder.plan import PLAN_FILE, Plan
    from headway.ladder.preparation import Options, require_same_machine

    started = time.monotonic()
    allowed = {"resume", "data", "test", "fetch", "allow_inexact", "progress"}
    for name, parameter in inspect.signature(fit).parameters.items():
        path = name in {"data", "test"} and isinstance(options[name], str | Path)
        if path or (name not in allowed and options[name] != parameter.default):
            raise UsageError(
                "stands in the run's plan and cannot be given again",
                where="DATA" if name == "data" else f"--{name.replace('_', '-')}",
                remedy=f"Resume with: headway fit --resume {folder}",
            )
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError(
            "a run is resumed in one process",
            where="--resume",
            remedy="Resume without torchrun, and with --allow-inexact where it began in several.",
        )
    kept = Kept(folder)
    if not kept.folder.is_dir():
        run = Run.open(folder)  # says what is wrong where it did not finish
        progress.say(f"{folder}: this run is finished")
        return run
    with kept.held():
        if not (folder / PLAN_FILE).is_file():
            raise RunError(
                "was ended before its plan stood",
                where=str(folder),
                remedy="Remove it and make the run again: nothing was trained yet.",
            )
        plan = Plan.load(folder)
        wanted = Options.restored(plan, options["data"], options["test"])
        require_same_machine(plan, wanted.device, options["allow_inexact"], progress)
        plan.require_same_data(wanted.hashes(), folder)
        prepared = wanted.prepare(progress)
        plan.require_same_data(prepared.plan.hashes, folder)
        tried = {decision.rung for decision in plan.decisions if decision.tried}
        lacking = _missing_weights(
            [rung for rung in prepared.rungs if rung.name in tried], options["fetch"], progress
        )
        if lacking:
            raise FetchError("weights of this run are no longer cached", where="; ".join(lacking.values()))
        (folder / RECORD_FILE).unlink(
            missing_ok=True
        )  # an interrupted climb's: unfinished until it is written again
        with _left_resumable(folder, kept):
            return _climb(replace(prepared, plan=plan), folder, kept, progress, started)


@contextmanager
def _left_resumable(folder: Path, kept: "Kept") -> Iterator[None]:
    """When the run ends in an error, keep what was finished and say how to go on; remove a folder without any."""
    try:
        yield
    except BaseException as error:
        if kept.worth_keeping():
            error.add_note(f"What was finished is kept; go on with: headway fit --resume {folder}")
        elif not (folder / RECORD_FILE).exists():
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _climb(prepared: "Prepared", folder: Path, kept: "Kept", progress: Progress, started: float) -> Run:
    """Climb, conclude, and remove what only an unfinished run needs."""
    from headway.ladder.climb import climb

    with disk_errors(folder):
        ascent = climb(prepared.rows, prepared.rungs, prepared.plan, folder, kept, progress)
        record = _conclude(ascent, prepared, folder, kept, progress, started)
        if not ascent.interrupted:
            kept.remove()
    return Run(folder, record)


def pretrain(
    corpus: str | Path,
    *,
    arch: str = "bert",
    size: str = "tiny",
    vocabulary: str | Path | None = None,
    cased: bool = False,
    epochs: int = 10,
    seed: int = 0,
    out: str | Path | None = None,
    device: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Pretrain a network on plain text or line pairs; return the folder with it, which ``fit`` takes as its model.

    Arguments:
        corpus: a text file, or a folder of .txt files, each a document; its last lines are held out to measure by.
            For a transformer each line is a pair: source, tab, target; the pairs of some sources are held out.
        arch, size: "awd-lstm", "bert", "elmo", "gpt2", "t5" or "transformer"; "tiny", "mini" or "small".
        vocabulary: a published vocabulary; made from the corpus when left out. For bert a `vocab.txt`, for t5 a
            `spiece.model`, else a `vocab.json` (with `merges.txt` beside it); for each its `tokenizer.json`.
        cased: keep capital letters in a BERT's or an AWD-LSTM's vocabulary that is made here, and a BERT's accents; the
            others do.
        epochs: how many times the corpus is gone through.
        out: the folder to make; ``<corpus>-<arch>-<size>`` in the working folder when left out.

    The estimate of its time is said to ``progress`` before the first step; what came out stands in the folder's
    ``pretraining.json``.
    Raises HeadwayError: UsageError, DataError, TrainingError, ResourceError, RunError (the folder is there already).
    """
    from headway.core.files import atomic_folder
    from headway.training.pretraining import Order
    from headway.training.pretraining import pretrain as run

    order = Order(
        corpus=Path(corpus),
        architecture=arch,
        size=size,
        vocabulary=None if vocabulary is None else Path(vocabulary),
        cased=cased,
        epochs=epochs,
        seed=seed,
    )
    folder = _new_folder(out, f"{order.corpus.name.split('.')[0]}-{arch}-{size}")
    with atomic_folder(folder) as temporary:
        run(order, temporary, machine.choose_device(device), progress or Silent())
    return folder


def ngram(
    corpus: str | Path, *, order: int = 5, by: str | Path = "words", out: str | Path | None = None
) -> Path:
    """Count an n-gram language model (interpolated modified Kneser-Ney) and return the folder or file with it.

    Arguments:
        corpus: a text file, or a folder of .txt files.
        order: 1 to 5; a token is predicted from so many less one before it.
        by: "words" (between blanks; each line is a sentence), "characters", or the tokenizer of a model: its folder,
            its name in the zoo, or a tokenizer.json.
        out: the folder to make, or an ARPA file (a name that ends in .arpa).

    `perplexity`, `generate` and `stream` take it as their source. Raises UsageError, DataError, RunError.
    """
    from headway.data.corpus import read_corpus
    from headway.tasks.ngram_text import NgramText
    from headway.tasks.tokenizer_files import tokenizer_of

    read = read_corpus(Path(corpus))
    target = _new_folder(out, f"{Path(corpus).name.split('.')[0]}-ngrams")
    if by == "words":
        model = NgramText.of_words(read, order)
    elif by == "characters":
        model = NgramText.of_characters(read, order)
    else:
        model = NgramText.fit(read.texts, tokenizer_of(by), order=order)
    if target.suffix == ".arpa":
        model.save_arpa(target)
    else:
        model.save(target)
    return target


def train_vectors(
    corpus: str | Path,
    *,
    architecture: str = "skip-gram",
    objective: str = "negatives",
    dimensions: int = 100,
    window: int = 5,
    negatives: int = 5,
    shared: bool = False,
    min_count: int = 5,
    sample: float | None = None,
    epochs: int = 5,
    rate: float = 0.025,
    threads: int | None = None,
    split: str = "words",
    phrases: int = 0,
    seed: int = 0,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train word vectors on plain text and return the folder with them.

    Arguments:
        corpus: a text file, or a folder of .txt files; a line is a sentence. It is read in a stream.
        architecture, objective, window, negatives, shared, min_count, sample: see `models.word2vec.Word2VecConfig`;
            ``sample`` is 1e-3 when left out, and 0 for an n-gram predictor.
        rate: of the first step; it falls in a line to 1e-4.
        threads: all cores when left out; with one, the same seed gives the same bytes.
        split: "words" (small letters, no punctuation) or "spaces" (as written).
        phrases: how many times words that belong together are joined before.
        out: the folder to make; ``<corpus>-vectors`` in the working folder when left out.

    Raises HeadwayError: UsageError, DataError, TrainingError, ResourceError, RunError (the folder is there already).
    """
    from headway.core.files import atomic_folder
    from headway.models.word2vec import Word2VecConfig
    from headway.report.neighbourhood import chosen_words, render_neighbourhoods
    from headway.training.word2vec.folder import Order, train_folder
    from headway.training.word2vec.train import Training

    config = Word2VecConfig(
        architecture=architecture,
        objective=objective,
        d_model=dimensions,
        window=window,
        negatives=negatives,
        shared=shared,
        min_count=min_count,
        sample=(0.0 if architecture == "ngram" else 1e-3) if sample is None else sample,
    )
    training = Training(epochs=epochs, rate=rate, last_rate=min(rate, 1e-4), threads=threads)
    order = Order(
        corpus=Path(corpus), config=config, training=training, split=split, phrases=phrases, seed=seed
    )
    folder = _new_folder(out, f"{order.corpus.name.split('.')[0]}-vectors")
    with atomic_folder(folder) as temporary:
        vectors = train_folder(order, temporary, progress or Silent())
        page = render_neighbourhoods(vectors, chosen_words(vectors), folder.name)
        write_text(temporary / VECTORS_PAGE, page)
    return folder


def score_vectors(
    source: "str | Path | WordVectors",
    *,
    judgements: str | Path | None = None,
    analogies: str | Path | None = None,
    progress: Progress | None = None,
) -> "tuple[Correlation | None, dict[str, Answered]]":
    """Return how well vectors agree with people's judgements of similarity (Spearman), and which analogies they answer
    by section and in "all", each with the number of pairs or questions it rests on.

    source: vectors, a folder or file of them, or a name of the zoo. A word that is not known as written is looked up in
    small letters. Raises DataError, UsageError, WeightsError.
    """
    from headway.data.word_questions import read_analogies, read_judgements
    from headway.metrics import word_vectors as metrics
    from headway.models.word_vectors import WordVectors
    from headway.weights.vectors.files import open_vectors

    vectors = source if isinstance(source, WordVectors) else open_vectors(source, progress=progress)
    agreement, answered = None, {}
    if judgements is not None:
        pairs = read_judgements(Path(judgements))
        agreement = metrics.similarity(
            [pair.score for pair in pairs], vectors.cosines((pair.first, pair.second) for pair in pairs)
        )
    if analogies is not None:
        sections = read_analogies(Path(analogies))
        answered = metrics.analogies({name: vectors.answered(asked) for name, asked in sections.items()})
    return agreement, answered


def generate(
    source: str | Path,
    prompt: str,
    *,
    max_tokens: int | None = None,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    beams: int | None = None,
    seed: int = 0,
    device: str | None = None,
    weights: str | None = None,
) -> str:
    """Return how a language model goes on with a prompt: a folder that holds one, or a cached model of the zoo.

    The likeliest token each time, unless ``temperature``, ``top_k`` or ``top_p`` ask to draw or ``beams`` to search;
    the same seed draws the same text. weights: "int8", "bfloat16" or "float32" hold them so and decode on the CPU with
    compiled kernels (`blocks.stored`); int8 and bfloat16 round them, so the text may differ. Raises UsageError,
    FetchError, WeightsError.
    """
    if beams is not None and (temperature, top_k, top_p) != (None, None, None):
        raise UsageError(
            "a search draws nothing", where="beams", remedy="Leave out temperature, top_k and top_p."
        )
    choose = _choice(temperature, top_k, top_p, seed)
    decoder = _open_decoder(source, device, weights)
    if beams is not None:
        return decoder.search([prompt], beams, max_tokens)[0][0][0]
    return decoder.complete([prompt], choose, max_tokens)[0]


def stream(
    source: str | Path,
    prompt: str,
    *,
    max_tokens: int | None = None,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
    device: str | None = None,
    weights: str | None = None,
) -> Iterator[str]:
    """Yield the pieces of what `generate` returns, each as soon as it is known."""
    choose = _choice(temperature, top_k, top_p, seed)
    decoder = _open_decoder(source, device, weights)
    return decoder.stream(prompt, choose, max_tokens)


def _open_decoder(source: str | Path, device: str | None, weights: str | None) -> "TextDecoder":
    from headway.tasks.decoder import TextDecoder

    on = machine.choose_device("cpu" if device is None and weights is not None else device)
    return TextDecoder.open(source, on, weights)


def _choice(temperature: float | None, top_k: int | None, top_p: float | None, seed: int) -> "Choose":
    from headway.models.generate import greedy, sampling

    if (temperature, top_k, top_p) == (None, None, None):
        return greedy
    return sampling(seed, temperature=1.0 if temperature is None else temperature, top_k=top_k, top_p=top_p)


def perplexity(
    source: str | Path,
    file: str | Path,
    *,
    stride: int | None = None,
    device: str | None = None,
    weights: str | None = None,
    progress: Progress | None = None,
) -> "Perplexity":
    """Return how well a language model predicts a text file (UTF-8): per token, per word and per character.

    stride: the tokens between one window and the next, half a window unless given; weights as in `generate`.
    Raises DataError, UsageError.
    """
    from headway.tasks import scoring
    from headway.tasks.ngram_text import NgramText

    text = _read_text(file)
    if NgramText.is_at(source):
        if stride is not None:
            raise UsageError("an n-gram model reads without windows", where="stride", remedy="Leave it out.")
        return NgramText.open(source).perplexity(text)
    decoder = _open_decoder(source, device, weights)
    return scoring.perplexity(decoder, text, stride=stride, progress=progress)


def ngram_perplexity(
    source: str | Path, corpus: str | Path, file: str | Path, *, order: int = 5
) -> "Perplexity":
    """Return how well n-grams of a language model's own tokens, counted in a corpus, predict a text file.

    The baseline for the model: what it must beat to be worth its time. Raises DataError, UsageError.
    """
    from headway.data.corpus import read_corpus
    from headway.tasks.ngram_text import NgramText
    from headway.tasks.tokenizer_files import tokenizer_of

    texts = read_corpus(Path(corpus)).texts
    return NgramText.fit(texts, tokenizer_of(source), order=order).perplexity(_read_text(file))


def _read_text(file: str | Path) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot be read: {error}", where=str(file), remedy="Give a text file in UTF-8."
        ) from error


def few_shot(
    source: str | Path,
    data: Any,
    *,
    shots: int,
    text: str | None = None,
    label: str | None = None,
    test: Any | None = None,
    template: str | None = None,
    normalize: str = "mean",
    max_rows: int = 2000,
    seed: int = 0,
    device: str | None = None,
    weights: str | None = None,
    progress: Progress | None = None,
) -> "FewShotScore":
    """Return how well a language model labels the rows that `fit` would hold out, after so many examples, untrained.

    template: how an example is written, with {text}, ending with {label}; ``\\n`` is a line's end. normalize: "mean"
    compares the labels' likelihoods per token, "sum" whole; weights as in `generate`. Raises DataError, UsageError.
    """
    from headway.ladder import fewshot
    from headway.ladder.intake import Intake
    from headway.tasks.fewshot import Template

    form = Template() if template is None else Template(example=template.replace("\\n", "\n"))
    intake = Intake(data=data, test=test, text=text, label=label, max_rows=max_rows, seed=seed)
    decoder = _open_decoder(source, device, weights)
    return fewshot.few_shot(
        decoder, intake, shots=shots, template=form, normalization=normalize, progress=progress or Silent()
    )


def _conclude(
    ascent: "Ascent",
    prepared: "Prepared",
    folder: Path,
    kept: "Kept",
    progress: Progress,
    started: float,
) -> "RunRecord":
    """Compare, decide, refit what ships, and write predictions, report and record; the record comes last."""
    from headway.bundle.record import FORMAT, RunRecord
    from headway.ladder.climb import refit
    from headway.ladder.summary import compare_rungs, predictions_csv, rung_records, shipped_details
    from headway.ladder.verdict import decide
    from headway.report.page import render

    rows, plan = prepared.rows, prepared.plan
    comparison = compare_rungs(ascent, rows, plan.metric, plan.seed)
    if comparison is None and ascent.interrupted:
        raise KeyboardInterrupt
    rungs = rung_records(ascent, comparison)
    verdict = decide(comparison, rungs, metric_why=plan.metric_why, split=rows.kind, tolerance=plan.tolerance)
    shipped = next(step for step in ascent.measured if step.rung.name == verdict.ships)
    refitted = plan.refit and not ascent.interrupted
    if refitted:
        progress.say(f"Training {shipped.rung.title} again on all {len(rows.examples):,} rows")
        refit(shipped, rows, plan, folder, kept, progress)
    assert shipped.measured is not None
    confusion, classes, errors, calibration = shipped_details(shipped.measured, rows)
    record = RunRecord(
        format=FORMAT,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=plan.command,
        seed=plan.seed,
        machine={**plan.machine, "cores": str(machine.cores())},
        versions=plan.versions,
        data=prepared.facts,
        rungs=rungs,
        verdict=verdict,
        refitted=refitted,
        confusion=confusion,
        classes=classes,
        errors=errors,
        calibration_error=calibration,
        seconds=time.monotonic() - started,
    )
    write_text(folder / PREDICTIONS_FILE, predictions_csv(ascent, rows))
    write_text(folder / REPORT_FILE, render(record))
    write_json(folder / RECORD_FILE, record.to_dict())
    return record


def _missing_weights(
    rungs: Sequence["Rung"], fetch: bool | Callable[["Published"], bool] | None, progress: Progress
) -> dict[str, str]:
    """Fetch what may be fetched; return catalog name -> why not, for weights that stay missing."""
    needs = dict.fromkeys(need for rung in rungs for need in rung.needs)
    if not needs:
        return {}
    from headway.weights import cache, catalog

    missing: dict[str, str] = {}
    for name in needs:
        entry = catalog.find_published(name)
        if cache.is_cached(entry):
            continue
        command = f"headway zoo fetch {name}"
        if not (fetch(entry) if callable(fetch) else fetch):
            missing[name] = f"its weights are not cached ({entry.summary}); fetch them with: {command}"
            progress.say(f"  {entry.title} is not cached ({entry.summary}); its rungs are skipped.")
            progress.say(f"  Fetch it with: {command}")
            continue
        try:
            cache.fetch(entry, progress)
        except FetchError as error:
            missing[name] = f"its weights could not be fetched; try: {command}"
            progress.say(f"  {error}")
    return missing


def _new_folder(out: str | Path | None, name: str) -> Path:
    """Return the folder to make. One that the user names must not exist; a default name is numbered until free."""
    if out is not None:
        folder = Path(out)
        if folder.exists():
            raise RunError(
                "already exists",
                where=str(folder),
                remedy="Choose another --out, or remove it: nothing is overwritten.",
            )
        return folder
    names = [name, *(f"{name}-{number}" for number in range(2, 10_000))]
    return next(Path(name) for name in names if not Path(name).exists())


_NO_PART_OF_A_RUN = {"data", "progress", "fetch", "out", "resume", "allow_inexact"}


def _command(data: Any, options: dict[str, Any]) -> str:
    """Return the command line that makes the same run: the options that differ from their defaults."""
    words = ["headway", "fit", str(data) if isinstance(data, str | Path) else "DATA"]
    for name, parameter in inspect.signature(fit).parameters.items():
        value = options[name]
        if name in _NO_PART_OF_A_RUN or value == parameter.default:
            continue
        option = name.replace("_", "-")
        if name == "recipe":
            words += [word for key, setting in value.items() for word in ("--set", f"{key}={setting}")]
        elif isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        else:
            words += [f"--{option}", ",".join(value) if isinstance(value, list | tuple) else str(value)]
    return shlex.join(words)
