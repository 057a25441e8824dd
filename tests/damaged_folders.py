"""A saved predictor of which one file is cut off or missing."""

from pathlib import Path

import pytest

from headway.bundle.predictors import load_predictor
from headway.core.errors import HeadwayError


def refuse_each_damage(folder: Path) -> None:
    """Cut off, then remove, each of the files: loading must end in an error of ours, and be right without it."""
    ours = [
        path for path in sorted(folder.iterdir()) if path.name != "tokenizer_config.json"
    ]  # for transformers
    for path in ours:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(HeadwayError):
            load_predictor(folder)
        path.unlink()
        with pytest.raises(HeadwayError):
            load_predictor(folder)
        path.write_bytes(content)
    load_predictor(folder)
