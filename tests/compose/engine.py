"""A Docker engine for the test of docker-compose.yml: the machine's own, else a private one that is started for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMAGES = ("python:3.12-slim-bookworm", "redis:7.2-alpine")
IMAGE = "times-doctor:compose-test"
_SCRIPT = Path(__file__).with_name("private_engine.sh")
#: Seconds for images to be made or fetched, and for ours to be built.
BUILD_S = 600


def why_no_engine() -> str:
    """Why no engine can be had here; empty where one can."""
    if not shutil.which("docker") or not shutil.which("dockerd"):
        return "Docker is not installed"
    if _docker("compose", "version").returncode:
        return "the compose plugin of docker is not installed"
    if _docker("info").returncode == 0:
        return ""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "no Docker engine answers, and a private one needs root"
    if not shutil.which("debootstrap") or "TD_PYTHON_PREFIX" not in os.environ:
        return (
            "no Docker engine answers; a private one needs debootstrap, and TD_PYTHON_PREFIX "
            "(a Python 3.12 built on this Debian release) for the base images"
        )
    return ""


@contextmanager
def engine() -> Iterator[None]:
    """An engine with the base images and our own, for as long as it lasts."""
    if _docker("info").returncode == 0:
        for image in IMAGES:
            if _docker("image", "inspect", image).returncode:
                _docker("pull", image, check=True)
        _build()
        yield
        return
    try:
        address = _script("up")
        os.environ["DOCKER_HOST"] = address.strip().removeprefix("DOCKER_HOST=")
        _script("images")
        _build("--network", "host", builder="0")
        yield
    finally:
        os.environ.pop("DOCKER_HOST", None)
        _script("down")


def _build(*words: str, builder: str = "1") -> None:
    os.environ["DOCKER_BUILDKIT"] = builder
    _docker("build", "-q", *words, "-f", str(ROOT / "deploy" / "Dockerfile"), "-t", IMAGE, str(ROOT), check=True)


def _script(word: str) -> str:
    done = subprocess.run([str(_SCRIPT), word], capture_output=True, text=True, timeout=BUILD_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _docker(*words: str, check: bool = False) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=BUILD_S)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done
