"""Hashes that tell whether two models are similar; the model's names cannot be recovered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

#: Number of hashes kept, the smallest ones: the same sample on every machine.
_STEMS = 16
#: Least share of common stems of similar models.
_ALIKE = 0.5
#: Powers of ten by which their smallest and largest coefficients may differ.
_RANGE_STEPS = 2


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a model that the history needs."""

    model: str
    """Hash of its kind and title."""
    kind: str
    """"gams", or the class of a model file."""
    size: int
    """Binary digits of the bytes of its files."""
    stems: tuple[str, ...] = ()
    """Hashes of the beginnings of its rows' and columns' names; under GAMS, of its files' names."""
    ranges: tuple[int, int] | None = None
    """Powers of ten of the least and largest coefficient; None if they were not read."""

    @classmethod
    def of(
        cls, title: str, kind: str, size_bytes: int, stems: Iterable[bytes], ranges: tuple[int, int] | None = None
    ) -> Fingerprint:
        """The fingerprint of a model with these stems of names."""
        hashes = sorted({_hashed(stem) for stem in stems})
        return cls(
            model=_hashed(f"{kind} {title}".encode()),
            kind=kind,
            size=size_bytes.bit_length(),
            stems=tuple(hashes[:_STEMS]),
            ranges=ranges,
        )

    def is_like(self, other: Fingerprint) -> bool:
        """Whether two models are similar: kind, names, size, ranges.

        >>> one = Fingerprint.of("a", "LP", 1000, [b"flow", b"cap"])
        >>> one.is_like(Fingerprint.of("b", "LP", 1900, [b"flow", b"cap", b"new"])), one.is_like(
        ...     Fingerprint.of("b", "LP", 9000, [b"flow", b"cap"]))
        (True, False)
        """
        both = sorted({*self.stems, *other.stems})[:_STEMS]
        common = sum(stem in self.stems and stem in other.stems for stem in both)
        spans = zip(self.ranges or (), other.ranges or (), strict=False)
        return (
            self.kind == other.kind
            and abs(self.size - other.size) <= 1
            and common >= _ALIKE * len(both)
            and all(abs(one - two) <= _RANGE_STEPS for one, two in spans)
        )

    def is_same(self, other: Fingerprint) -> bool:
        """Whether it is the same model, perhaps with other data."""
        return self.model == other.model and self.is_like(other)


def _hashed(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:8]
