"""Headway: the smallest model that is really good on your labelled texts, with the proof.

``import headway`` is light: nothing heavy (torch, polars, scikit-learn) loads before a name is used.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["HeadwayError", "Run", "__version__", "fit", "load"]

if TYPE_CHECKING:
    from headway.api import Run, fit, load
    from headway.core.errors import HeadwayError


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name in {"Run", "fit", "load"}:
        from headway import api

        return getattr(api, name)
    if name == "HeadwayError":
        from headway.core.errors import HeadwayError

        return HeadwayError
    raise AttributeError(f"module 'headway' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
