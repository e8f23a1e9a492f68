"""What a scan reads before it starts: dollar lines of a large data file, hashes of files that did not change."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from times_doctor_cli.run_folder import hash_cache
from times_doctor_cli.run_folder.gams.dollar import dollar_lines
from times_doctor_cli.run_folder.hash_cache import HashCache


def cpu_s(job: Callable[[], object], repeats: int) -> float:
    """Least CPU seconds of some calls."""
    taken = []
    for _ in range(repeats):
        began_s = time.process_time()
        job()
        taken.append(time.process_time() - began_s)
    return min(taken)


def read_dollar_lines(folder: Path, repeats: int) -> None:
    """30 MB of TIMES data with one dollar line, beside a plain read of the same file."""
    path = folder / "big.dd"
    path.write_bytes(b"$ONEMPTY\r\n" + b"'REG1'.'ELC0001'.2005 1.234567E+02\r\n" * 800_000)
    plain_s, searched_s = cpu_s(path.read_bytes, repeats), cpu_s(lambda: dollar_lines(path), repeats)
    size_mb = path.stat().st_size / 1e6
    speed_mb_s, times = size_mb / searched_s, searched_s / plain_s
    print(f"dollar lines    {speed_mb_s:6.0f} MB/s (target 100), {times:.1f} times a plain read")


def hash_again(folder: Path, repeats: int, amount: int = 2000) -> None:
    """Files that a scan before has hashed, beside hashing them anew."""
    files = [folder / f"file_{number:04}.dd" for number in range(amount)]
    for number, path in enumerate(files):
        path.write_bytes(b"%8d" % number * 8192)
    hash_cache.SETTLE_S = 0.0  # files that were made just now count as too fresh to be remembered
    anew_s = cpu_s(lambda: HashCache(None).hash_files(files), repeats)
    cache = folder / "cache"
    HashCache(cache).hash_files(files)
    again_s = cpu_s(lambda: HashCache(cache).hash_files(files), repeats)
    print(f"unchanged files {again_s:6.3f} s for {amount:,} (target 0.3), {again_s / anew_s:.2f} of hashing them anew")


def main() -> None:
    """Both, in a folder of their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        read_dollar_lines(Path(folder), repeats)
        hash_again(Path(folder), repeats)


if __name__ == "__main__":
    main()
