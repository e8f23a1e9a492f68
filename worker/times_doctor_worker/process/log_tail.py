"""Follows a growing log file."""

from __future__ import annotations

import codecs
import contextlib
import os
import stat
from collections.abc import Iterator

from times_doctor_tasks.parsers.lines import left_out

#: Most bytes of one `poll`: a solver that floods its log must not delay the tails of other runs.
MAX_POLL_BYTES = 1 << 20
#: If more than this is unread, only this many bytes at the end are read: no reader can follow a flood.
BEHIND_BYTES, TAIL_BYTES = 8 << 20, 4 << 20


class LogTail:
    """Reads what was appended to a file since the last poll; the file stays open.

    The caller polls (20 times a second gives 50 ms; a watch on the file system would fail on NFS). A poll that finds
    nothing costs one system call, plus two to check that it is still the same file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._fd = -1
        self._decoder = _decoder()
        self.size_bytes = 0
        """How much was read so far, over all files that stood under this name."""

    def poll(self) -> str:
        """The new text, at most about `MAX_POLL_BYTES` of it; "" if there is none, or no file yet.

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
        if len(data) == MAX_POLL_BYTES:
            data = self._caught_up(data)
        return self._decoder.decode(data)

    def drain(self) -> Iterator[str]:
        """The remaining text, in pieces, after the writer's end; it stops even if somebody still writes.

        A cut character becomes U+FFFD.
        """
        most = BEHIND_BYTES + MAX_POLL_BYTES
        while most > 0 and (piece := self.poll()):
            most -= len(piece)
            yield piece
        yield self._decoder.decode(b"", final=True)

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
        # Not there yet; or a link, which may lead anywhere, or a pipe, which would be waited for: that is no log.
        with contextlib.suppress(OSError):
            fd = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            if stat.S_ISREG(os.fstat(fd).st_mode):
                self._fd = fd
            else:
                os.close(fd)
        return self._fd >= 0

    def _caught_up(self, data: bytes) -> bytes:
        """`data`; if too much follows it, only its whole lines and then a line that says how much is left out."""
        at, end = os.lseek(self._fd, 0, os.SEEK_CUR), os.fstat(self._fd).st_size
        if end - at <= BEHIND_BYTES:
            return data
        os.lseek(self._fd, end - TAIL_BYTES, os.SEEK_SET)
        whole, _, cut = data.rpartition(b"\n")
        after = os.read(self._fd, MAX_POLL_BYTES)
        skipped_bytes = end - TAIL_BYTES - at
        self.size_bytes += skipped_bytes + len(after)
        begun = after.find(b"\n") + 1
        return whole + f"\n{left_out(skipped_bytes + len(cut) + begun)}\n".encode() + after[begun:]

    def _starts_anew(self) -> bool:
        ours = os.fstat(self._fd)
        try:
            now = os.lstat(self._path)  # 20 times a second: without building a Path
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
