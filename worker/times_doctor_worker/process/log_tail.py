"""Follows a growing log file."""

from __future__ import annotations

import codecs
import contextlib
import os

#: At most this much comes back from one `poll`: a solver that floods its log must not hold up the other runs' tails.
MAX_POLL_BYTES = 1 << 20


class LogTail:
    """Reads what was appended to a file since the last look, over a file that stays open.

    The caller polls (20 times a second gives 50 ms; a watch on the file system would fail on NFS). A poll that finds
    nothing costs one system call, and two more when the file stands still, to see that it is still the same file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._fd = -1
        self._decoder = _decoder()
        self.size_bytes = 0
        """How much was read so far, over all files that stood under this name."""

    def poll(self) -> str:
        """The text that is new, at most `MAX_POLL_BYTES` of it; "" when there is none, or no file yet.

        A line may arrive in pieces. Bytes that are not UTF-8 (GAMS passes latin-1 through) become U+FFFD, and a
        character cut by the end of the file waits for its rest. A file that shrank or was replaced is read from
        its start.
        """
        if self._fd < 0 and not self._open():
            return ""
        data = os.read(self._fd, MAX_POLL_BYTES)
        if not data and self._starts_anew():
            data = os.read(self._fd, MAX_POLL_BYTES)
        self.size_bytes += len(data)
        return self._decoder.decode(data)

    def drain(self) -> str:
        """Everything that is left, for after the end of its writer; a character that was cut comes as U+FFFD."""
        pieces = []
        while piece := self.poll():
            pieces.append(piece)
        pieces.append(self._decoder.decode(b"", final=True))
        return "".join(pieces)

    def close(self) -> None:
        """May be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> LogTail:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            self._fd = os.open(self._path, os.O_RDONLY)
        return self._fd >= 0

    def _starts_anew(self) -> bool:
        ours = os.fstat(self._fd)
        try:
            now = os.stat(self._path)  # noqa: PTH116  20 times a second: without building a Path
        except FileNotFoundError:
            return False
        if (now.st_dev, now.st_ino) != (ours.st_dev, ours.st_ino):
            self.close()
            self._decoder = _decoder()
            return self._open()
        if now.st_size < os.lseek(self._fd, 0, os.SEEK_CUR):
            os.lseek(self._fd, 0, os.SEEK_SET)
            self._decoder = _decoder()
            return True
        return False


def _decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")(errors="replace")
