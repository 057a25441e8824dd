"""The versions of Headway, Python and what the results depend on."""

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "headway",
    "torch",
    "numpy",
    "numba",
    "scikit-learn",
    "tokenizers",
    "safetensors",
    "polars",
    "huggingface-hub",
)


def installed_versions() -> dict[str, str]:
    """Return each name's version, without importing any of them."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
