"""Errors of a blob store, with what to do."""

from __future__ import annotations

from times_doctor_tasks.contract.errors import StoreFailed

#: Digits of a blob's name in messages.
_SHOWN_DIGITS = 12


def megabytes(size_bytes: float) -> str:
    """A size for people, in steps of 1000.

    >>> megabytes(41_000_000)
    '41.0 MB'
    >>> megabytes(700)
    '0.7 kB'
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:,.1f} {unit}"
    return f"{size_bytes / 1e3:,.1f} kB"


class Unwanted(Exception):  # a decision, not a failure
    """Raised by the progress callback of an upload that is no longer wanted. Its sent parts are deleted."""


class StoreFull(StoreFailed):
    """The store has no room for an upload.

    Args: where it is, bytes needed, bytes free, what limits those, what needs them, what else can be done.
    """

    def __str__(self) -> str:
        where, needed, room, limit, what, advice = self.args
        sizes = [megabytes(size) if isinstance(size, int) else size for size in (needed, room)]
        return (
            f"The store at {where!r} is full: {what} {sizes[0]}, free are {sizes[1]} ({limit}). "
            "Free some with `times-doctor prune`, set TIMES_DOCTOR_STORE_URL to a store with more room "
            f"(file:///shared/folder, or another redis server), or {advice}."
        )


class StoreUnreachable(StoreFailed):
    """The store does not answer; a later try may succeed, and sends only what is not there yet."""

    words = "The store at {0!r} does not answer: {1}. Check TIMES_DOCTOR_STORE_URL, and that it is up."


class ContentChanged(StoreFailed):
    """A file changed after it was hashed."""

    words = "A file changed while it was sent: expected hash {0:.12}..., got {1:.12}.... Wait, then scan again."


class BlobGone(StoreFailed):
    """A blob is not in the store."""

    words = (
        "Blob {0:.12}... is not in the store at {1!r}: it expired, was pruned, or never "
        "arrived. Scan again to send it once more."
    )


class BlobDamaged(StoreFailed):
    """A stored blob does not have the hash that is its name."""

    words = "Blob {0:.12}... in the store at {1!r} was damaged, and has been removed. Scan again to send it once more."


class BlobTooLarge(StoreFailed):
    """A blob is too large for its kind."""

    def __str__(self) -> str:
        name, where, most_bytes = self.args
        return (
            f"Blob {name[:_SHOWN_DIGITS]}... in the store at {where!r} is refused: expected at most "
            f"{megabytes(most_bytes)}. Scan again with a client of times-doctor."
        )


def bad_name(name: object) -> StoreFailed:
    """The error for a name that is not a sha256 in hex."""
    return StoreFailed(f"{name!r} is not the name of a blob: expected 64 hexadecimal digits.")
