"""`headway zoo`: the published weights that Headway can read."""

from typing import Annotated

import typer

app = typer.Typer(help="Published weights: list, fetch, show.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_entries() -> None:
    """List the weights that Headway knows, and which are cached."""
    from headway.core.files import human_bytes
    from headway.weights import cache, catalog

    for entry in catalog.published().values():
        state = "cached" if cache.is_cached(entry) else "not cached"
        typer.echo(f"{entry.name:18} {entry.title}, {human_bytes(entry.size)}, {entry.licence} ({state})")


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A name from `headway zoo list`.")],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Fetch weights once, verify their hash, and keep them in the cache."""
    from headway.cli import display
    from headway.weights import cache, catalog

    entry = catalog.find_published(name)
    with display.watcher(quiet=quiet) as progress:
        folder = cache.fetch(entry, progress)
    if not quiet:
        typer.echo(f"{entry.name}: {folder}")


@app.command()
def show(name: Annotated[str, typer.Argument(help="A name from `headway zoo list`.")]) -> None:
    """Show what the weights are: architecture, licence, paper, files and hashes, where they come from."""
    from headway.weights import catalog

    for fact, value in catalog.find_published(name).facts().items():
        typer.echo(f"{fact:14} {value}")
