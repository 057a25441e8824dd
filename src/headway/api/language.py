"""Language models: pretraining, counting, generation, perplexity, prompting with examples."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headway.api.folders import new_folder
from headway.core import device as machine
from headway.core.errors import DataError, UsageError
from headway.core.progress import Progress, Silent

if TYPE_CHECKING:
    from headway.ladder.fewshot import FewShotScore
    from headway.metrics.perplexity import Perplexity
    from headway.models.generate import Choose
    from headway.tasks.decoder import TextDecoder


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
    target = new_folder(out, f"{Path(corpus).name.split('.')[0]}-ngrams")
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
