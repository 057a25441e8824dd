"""`headway doctor`: what is installed, what this machine has, what is cached."""

import typer


def doctor() -> None:
    """Print what is installed, the machine's threads and arithmetic, and the cached weights."""
    from headway.core import device
    from headway.core.arithmetic import FILE, decide
    from headway.core.files import folder_size, human_bytes
    from headway.core.versions import installed_versions
    from headway.weights import cache, catalog

    for name, version in installed_versions().items():
        typer.echo(f"{name:16} {version}")
    typer.echo(f"{'processor':16} {device.processor()}, {device.cores()} cores")
    typer.echo(f"{'memory free':16} {human_bytes(device.available_memory())}")
    for fact, value in device.torch_facts().items():
        typer.echo(f"{fact:16} {value}")
    folder = cache.cache_folder()
    arithmetic = decide(device.choose_device(), folder / FILE)
    typer.echo(f"{'training in':16} {arithmetic}")
    held = human_bytes(folder_size(folder)) if folder.exists() else "empty"
    typer.echo(f"{'cache':16} {folder} ({held})")
    others = []
    for entry in catalog.published().values():
        if cache.is_cached(entry):
            typer.echo(f"{'weights':16} {entry.name}: cached")
        else:
            others.append(entry.name)
    if others:
        typer.echo(f"{'not cached':16} {', '.join(others)}; fetch one with: headway zoo fetch NAME")
