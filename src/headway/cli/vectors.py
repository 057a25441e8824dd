"""`headway vectors`: train word vectors, ask them, score them, and change their format."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headway.cli.options import Quiet, Seed

if TYPE_CHECKING:
    from headway.metrics.word_vectors import Answered, Correlation
    from headway.models.word_vectors import WordVectors

app = typer.Typer(
    help="Word vectors: train, ask, score, convert.", no_args_is_help=True, rich_markup_mode=None
)

Source = Annotated[
    str,
    typer.Argument(metavar="VECTORS", help="A folder or file of vectors, or a name of the zoo."),
]
Form = Annotated[
    str | None,
    typer.Option("--format", help="safetensors, word2vec, word2vec-binary, glove or fasttext. [by content]"),
]
Count = Annotated[int, typer.Option(metavar="N", min=1, help="So many words.")]


@app.command()
def train(
    corpus: Annotated[
        Path, typer.Argument(help="A text file, or a folder of .txt files; a line a sentence.")
    ],
    architecture: Annotated[str, typer.Option(help="skip-gram, cbow or ngram.")] = "skip-gram",
    objective: Annotated[str, typer.Option(help="negatives, hierarchical or softmax.")] = "negatives",
    dimensions: Annotated[int, typer.Option(metavar="D", help="Numbers in a vector.")] = 100,
    window: Annotated[int, typer.Option(metavar="N", help="Words to each side, at most.")] = 5,
    negatives: Annotated[int, typer.Option(metavar="K", help="Noise words a pair.")] = 5,
    shared: Annotated[
        bool, typer.Option("--shared", help="One set of noise words a window: faster, as good.")
    ] = False,
    min_count: Annotated[int, typer.Option(metavar="N", help="Leave out rarer words.")] = 5,
    sample: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Thin out words more frequent than this. [0.001]")
    ] = None,
    epochs: Annotated[int, typer.Option(metavar="N", help="Go through the corpus so many times.")] = 5,
    rate: Annotated[float, typer.Option(help="The first step's; it falls to 0.0001.")] = 0.025,
    threads: Annotated[
        int | None, typer.Option(metavar="N", help="1: the same bytes for the same seed. [all cores]")
    ] = None,
    split: Annotated[
        str, typer.Option(help="words (small letters, no punctuation) or spaces (as written).")
    ] = "words",
    phrases: Annotated[
        int, typer.Option(metavar="N", min=0, help="Join words that belong together, N times.")
    ] = 0,
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder to make. [CORPUS-vectors]")
    ] = None,
    quiet: Quiet = False,
    json: Annotated[bool, typer.Option("--json", help="Print the record of the training as JSON.")] = False,
) -> None:
    """Train word vectors on plain text, read in a stream."""
    from headway import api
    from headway.cli import display
    from headway.core.files import read_json

    with display.watcher(quiet=quiet or json) as progress:
        folder = api.train_vectors(
            corpus,
            architecture=architecture,
            objective=objective,
            dimensions=dimensions,
            window=window,
            negatives=negatives,
            shared=shared,
            min_count=min_count,
            sample=sample,
            epochs=epochs,
            rate=rate,
            threads=threads,
            split=split,
            phrases=phrases,
            seed=seed,
            out=out,
            progress=progress,
        )
    record = read_json(folder / "vectors.json")
    if json:
        display.print_json(record)
        return
    typer.echo(f"{record['vocabulary']:,} words of {dimensions} numbers in {record['seconds']:,} s")
    if not record["reproducible"]:
        typer.echo("Several threads: the same seed will not give the same bytes (--threads 1 does).")
    typer.echo(f"Pictures: {folder / 'vectors.html'}")
    typer.echo(f"Ask them: headway vectors nearest {folder} WORD")


@app.command()
def nearest(
    source: Source,
    word: Annotated[str, typer.Argument(help="The word to begin with.")],
    count: Count = 10,
    form: Form = None,
) -> None:
    """Print the words whose vectors have the highest cosines with a word's."""
    vectors = _open(source, form)
    for found in vectors.nearest(vectors.known(word) or word, count):
        typer.echo(f"{found.cosine:6.3f}  {found.word}")


@app.command()
def analogy(
    source: Source,
    a: Annotated[str, typer.Argument(help="As this ...")],
    b: Annotated[str, typer.Argument(help="... is to this, ...")],
    c: Annotated[str, typer.Argument(help="... so this is to what?")],
    count: Count = 5,
    form: Form = None,
) -> None:
    """Print what is to C as B is to A, the three themselves left out."""
    vectors = _open(source, form)
    a, b, c = (vectors.known(word) or word for word in (a, b, c))
    for found in vectors.analogy(a, b, c, count):
        typer.echo(f"{found.cosine:6.3f}  {found.word}")


@app.command()
def evaluate(
    source: Source,
    judgements: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Two words and people's score a line.")
    ] = None,
    analogies: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Four words a line, in sections (: NAME).")
    ] = None,
    form: Form = None,
) -> None:
    """Print how vectors agree with people, and which analogies they answer; words without a vector are counted."""
    from headway import api

    if judgements is None and analogies is None:
        raise typer.BadParameter("give --judgements, --analogies, or both")
    agreement, answered = api.score_vectors(_open(source, form), judgements=judgements, analogies=analogies)
    if agreement is not None:
        _print_agreement(agreement)
    _print_answers(answered)


@app.command()
def convert(
    source: Source,
    target: Annotated[
        Path, typer.Argument(help="The file to write: .safetensors, .vec, .bin or .txt (GloVe).")
    ],
    form: Form = None,
    to: Annotated[str | None, typer.Option(help="The target's format. [by its ending]")] = None,
) -> None:
    """Write vectors in another format. Only safetensors keeps counts and subwords."""
    from headway.core.errors import RunError
    from headway.weights.vectors.files import write_vectors

    if target.exists():
        raise RunError("already exists", where=str(target), remedy="Choose another name.")
    vectors = _open(source, form)
    write_vectors(vectors, target, to)
    typer.echo(f"{len(vectors):,} words of {vectors.size} numbers: {target}")
    if target.suffix != ".safetensors" and vectors.subwords is not None:
        typer.echo("The subwords are left out: this format has none.")


@app.command()
def picture(
    source: Source,
    words: Annotated[list[str], typer.Argument(help="The words to show, each with its nearest.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The page to write.")] = Path("vectors.html"),
    form: Form = None,
) -> None:
    """Draw words with their nearest neighbours, as a page for the browser."""
    from headway.core.errors import RunError
    from headway.core.files import write_text
    from headway.report.neighbourhood import render_neighbourhoods

    if out.exists():
        raise RunError("already exists", where=str(out), remedy="Choose another --out.")
    vectors = _open(source, form)
    known = [vectors.known(word) or word for word in words]
    write_text(out, render_neighbourhoods(vectors, known, Path(source).name))
    typer.echo(f"Open it in a browser: {out}")


def _open(source: str, form: str | None) -> "WordVectors":
    from headway.cli import display
    from headway.weights.vectors.files import open_vectors

    with display.watcher(quiet=False) as progress:
        return open_vectors(source, form=form, progress=progress)


def _print_agreement(found: "Correlation") -> None:
    value = "  none" if found.value is None else f"{found.value:6.3f}"
    typer.echo(f"{value}  Spearman, on {found.used:,} of {found.total:,} pairs")


def _print_answers(answered: "dict[str, Answered]") -> None:
    for name, found in answered.items():
        share = f"{100 * found.accuracy:5.1f} %  {name}: {found.right:,} right"
        typer.echo(f"{share} of {found.used:,} asked, {found.total:,} given")
