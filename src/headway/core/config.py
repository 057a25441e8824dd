"""The base of every configuration: a frozen, keyword-only dataclass that refuses unknown keys."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from headway.core.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Config:
    """Base class. Subclasses are decorated ``@dataclass(frozen=True, kw_only=True)`` too."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from a mapping; raises UsageError on a key that is unknown or missing."""
        known = {field.name: field for field in fields(cls)}
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise UsageError(
                f"unknown key {', '.join(map(repr, unknown))}",
                where=cls.__name__,
                remedy=f"Known keys: {', '.join(known)}.",
            )
        try:
            return cls(**values)
        except TypeError as error:
            raise UsageError(str(error).replace("__init__()", "").strip(), where=cls.__name__) from error

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, ready for JSON."""
        return asdict(self)
