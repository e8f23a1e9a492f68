"""The blob store: files by the sha256 of their content, behind one small protocol (`base.py`)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from times_doctor_tasks.blob_store.base import BLOB_TTL_S, BlobStore, shown_store
from times_doctor_tasks.blob_store.content import CHUNK_BYTES
from times_doctor_tasks.blob_store.errors import BlobTooLarge
from times_doctor_tasks.config.atomic_file import replacing
from times_doctor_tasks.config.settings import BROKER_SCHEMES
from times_doctor_tasks.contract.errors import UsageError

#: The kinds of store, as a user writes them. `s3://` does not exist yet.
KNOWN = "redis (the broker itself), redis://, rediss:// or redis+socket:// (a server of its own), file:///folder"


def open_store(
    url: str,
    *,
    broker_url: str | None = None,
    prefix: str = "td",
    quota_bytes: int | None = None,
    ttl_s: float = BLOB_TTL_S,
) -> BlobStore:
    """The store of a URL: `redis` for the broker itself, else one of `KNOWN`. Does not connect yet.

    Args:
        prefix: Of keys in Redis (a tenant).
        quota_bytes: The most it may take in Redis, instead of the smaller of 1 GiB and 25 % of maxmemory.
        ttl_s: Life of a blob after its last use.

    Raises:
        UsageError: no such kind of store.
    """
    if url == "redis":
        if broker_url is None:
            raise UsageError("The store 'redis' is the broker itself, and no broker is configured.")
        url = broker_url
    scheme = url.partition(":")[0]
    if scheme == "file":
        from times_doctor_tasks.blob_store.file_store import FileBlobs

        return FileBlobs(_folder(url))
    if scheme in BROKER_SCHEMES:
        from times_doctor_tasks.blob_store.redis_store import RedisBlobs  # imported only if needed

        return RedisBlobs(url, prefix=prefix, quota_bytes=quota_bytes, ttl_s=ttl_s)
    raise UsageError(f"The store {shown_store(url)!r} is of no kind we know: expected {KNOWN}.")


def load(store: BlobStore, name: str, most_bytes: int) -> bytes:
    """A small blob, in memory; reads at most `most_bytes` of a larger one.

    Raises:
        BlobTooLarge: it has more.
        StoreFailed: see `BlobStore.open`.
    """
    with store.open(name) as content:
        whole = content.read(most_bytes + 1)
    if len(whole) > most_bytes:
        raise BlobTooLarge(name, store.where, most_bytes)
    return whole


def save(store: BlobStore, name: str, target: Path, on_read: Callable[[int], None] | None = None) -> None:
    """Writes a blob to `target` through a temporary name; calls `on_read` with the bytes so far after each chunk.

    Raises:
        StoreFailed: see `BlobStore.open`; `target` is then as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as part, store.open(name) as content, part.open("wb") as out:
        while chunk := content.read(CHUNK_BYTES):
            out.write(chunk)
            if on_read is not None:
                on_read(out.tell())


def _folder(url: str) -> Path:
    parts = urlsplit(url)
    if sys.platform == "win32":
        from urllib.request import url2pathname  # drive letters and \\server\share; heavy to import

        return Path(url2pathname(f"//{parts.netloc}{parts.path}" if parts.netloc else parts.path))
    if parts.netloc not in ("", "localhost") or not parts.path.strip("/"):
        raise UsageError(
            f"The store {shown_store(url)!r} names no folder of this machine: expected file:///folder with three "
            "slashes, where the share is mounted."
        )
    return Path(unquote(parts.path))
