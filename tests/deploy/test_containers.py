from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.conftest import server_program, wait_until
from times_doctor_tasks.config.settings import SETTINGS
from times_doctor_tasks.state_store.connection import connect
from times_doctor_worker.service.options import read_words
from times_doctor_worker.service.shutdown import HAND_BACK_S, LEAVE_S

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text("utf-8")
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
EXAMPLE = (ROOT / "deploy" / "env.example").read_text("utf-8")
FILLED = {"REDIS_PASSWORD": "secret1", "FLOWER_AUTH": "ops:secret2"}


@functools.cache
def why_no_compose() -> str:
    """Why the compose plugin cannot be asked; empty where it can. It reads a file without any engine."""
    try:
        done = subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=30)
    except FileNotFoundError:
        return "docker is not installed"
    return "the compose plugin of docker is not installed" if done.returncode else ""


def compose(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    if why_no_compose():
        pytest.skip(why_no_compose())
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_CONFIG") if name in os.environ}
    environ |= keep | {"DOCKER_HOST": "unix:///nonexistent"}
    argv = ["docker", "compose", "--project-directory", str(ROOT), "--env-file", os.devnull]
    return subprocess.run([*argv, *words], env=environ, capture_output=True, text=True, timeout=30)


def services(**environ: str) -> dict[str, Any]:
    done = compose("config", "--format", "json", **FILLED, **environ)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


def test_there_is_no_default_password() -> None:
    assert set(re.findall(r"\$\{(\w+):\?set it in \.env, see deploy/env\.example\}", COMPOSE)) == set(FILLED)
    assert not re.search(r"\$\{(?:REDIS_PASSWORD|FLOWER_AUTH)(?!:\?)", COMPOSE)
    for name in FILLED:
        assert re.search(rf"^{name}=$", EXAMPLE, re.MULTILINE)


@pytest.mark.parametrize("missing", FILLED)
def test_compose_starts_nothing_without_a_password(missing: str) -> None:
    done = compose("config", "-q", **{name: value for name, value in FILLED.items() if name != missing})
    assert done.returncode != 0
    assert f"required variable {missing} is missing a value: set it in .env" in done.stderr


def test_nothing_is_published_beyond_this_machine_by_default() -> None:
    published = re.findall(r"ports: \[\"(.*)\"\]", COMPOSE)
    assert len(published) == 3
    assert all(re.fullmatch(r"\$\{\w+_PUBLISH:-127\.0\.0\.1:(\d+)\}:\1", port) for port in published)
    for service in services().values():
        assert {port["host_ip"] for port in service.get("ports", [])} <= {"127.0.0.1"}


def test_every_service_is_confined_and_started_again() -> None:
    for name, service in services().items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] == "unless-stopped", name
        assert service["logging"]["options"]["max-size"], name
        assert service.get("init") or service["user"] == "redis", name


def test_no_password_stands_in_a_command() -> None:
    for service in services().values():
        words = json.dumps([service.get("command"), service.get("entrypoint")])
        assert not any(secret in words for secret in ("secret1", "secret2"))


def test_a_solver_has_the_time_to_drain() -> None:
    assert re.search(r"DRAIN_S:-60\}", COMPOSE)
    stop = re.search(r"SOLVER_STOP:-(\d+)s\}", COMPOSE)
    assert stop is not None
    assert int(stop[1]) >= 60 + HAND_BACK_S + LEAVE_S
    assert f"#SOLVER_STOP={stop[1]}s" in EXAMPLE


def test_each_worker_is_asked_for_its_health_where_it_answers() -> None:
    for name in ("control", "solver"):
        part = COMPOSE.partition(f"\n  {name}:\n")[2].partition("stop_grace_period")[0]
        assert "healthcheck: *healthcheck" in part
        assert "TIMES_DOCTOR_METRICS_PORT: 9464" in part
    assert "http://127.0.0.1:9464/healthz" in COMPOSE


def test_gams_is_mounted_and_named_only_when_asked() -> None:
    without, with_gams = services()["solver"], services(GAMS_DIR="/opt/my gams")["solver"]
    assert not without["environment"]["GAMS_PATH"]
    assert with_gams["environment"]["GAMS_PATH"] == "/opt/gams"
    (mount,) = (mount for mount in with_gams["volumes"] if mount["target"] == "/opt/gams")
    assert (mount["type"], mount["source"], mount["read_only"]) == ("bind", "/opt/my gams", True)
    assert any(mount["type"] == "volume" for mount in without["volumes"] if mount["target"] == "/opt/gams")


def test_the_worker_takes_the_words_of_the_services() -> None:
    environ = {"TIMES_DOCTOR_BROKER_URL": "redis://h:1/0", "HOME": "/nonexistent"}
    roles = set()
    for name in ("control", "solver"):
        command, *words = services(SOLVER_OPTIONS="--slots 2 --threads 3")[name]["command"]
        assert command == "worker"
        roles.add(read_words(words, environ).plan.roles)
    assert roles == {("control",), ("solve",)}


def test_only_variables_that_are_read_are_set() -> None:
    known = {setting.variable for setting in SETTINGS} | {"TIMES_DOCTOR_FLOWER_AUTH"}
    named = set(re.findall(r"^\s+(TIMES_DOCTOR_\w+|GAMS_\w+|TIMES_SRC): ", COMPOSE, re.MULTILINE))
    named |= set(re.findall(r"(TIMES_DOCTOR_\w+)=", DOCKERFILE))
    assert named
    assert named <= known
    asked = set(re.findall(r"\$\{(\w+)", COMPOSE)) - {"TIMES_DOCTOR_TAG", "REDIS_IMAGE"}
    assert asked == set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE, re.MULTILINE))


def test_the_image_is_of_an_ordinary_user_and_of_extras_that_exist() -> None:
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE)[-1] == "10001:10001"
    extras = re.search(r"^ARG EXTRAS=(.*)$", DOCKERFILE, re.MULTILINE)
    assert extras is not None
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(extras[1].split(",")) < set(project["optional-dependencies"])


def test_what_the_image_copies_is_in_the_build_context() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    copied = {word for line in re.findall(r"^COPY (?!--)(.*)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]}
    assert copied == kept
    assert all((ROOT / name).exists() for name in kept)


@pytest.mark.server
def test_a_server_takes_the_redis_configuration() -> None:
    program = server_program()
    with tempfile.TemporaryDirectory(prefix="tdr-", dir="/tmp") as folder:
        words = ["--port", "0", "--dir", folder, "--unixsocket", f"{folder}/s", "--unixsocketperm", "700"]
        process = subprocess.Popen(
            [program, str(ROOT / "deploy" / "redis.conf"), *words], stdout=subprocess.PIPE, text=True
        )
        client = connect(f"redis+socket://{folder}/s", retries=0)
        try:
            wait_until(lambda: _answers(client), what="the server answers")
            wanted = {"appendonly": "yes", "appendfsync": "everysec", "save": "", "maxmemory-policy": "noeviction"}
            found: Any = client.config_get(*wanted)
            assert found == wanted
            assert client.config_get("maxmemory") == {"maxmemory": str(2 << 30)}
        finally:
            client.close()
            process.kill()
            process.communicate()


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
