"""A server with the users of deploy/users.acl."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.faults.broker import Door, PortBroker
from times_doctor_cli.local.server_binary import find_server
from times_doctor_tasks.state_store.connection import OLDEST_SERVER


def _is_of_use(program: str) -> bool:
    """Whether its version is one that we speak to: "Redis server v=7.0.15 sha=..."."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"\bv=(\d+)\.(\d+)", said)
    return version is not None and (int(version[1]), int(version[2])) >= OLDEST_SERVER


#: Programs that a test of users runs against.
SERVERS = sorted({str(found) for found in (find_server(), shutil.which("redis-server")) if found and _is_of_use(found)})
USERS = Path(__file__).parents[2] / "deploy" / "users.acl"


def words_of(role: str) -> str:
    return f"the-words-of-{role}"


#: As whom a test itself comes: teams have no such user.
CHECKER = f"user checker on >{words_of('checker')} ~* &* +@all"


def users() -> str:
    """deploy/users.acl with a password for each user."""
    return re.sub(r"([A-Z]+)_PASSWORD", lambda role: words_of(role[1].lower()), USERS.read_text("utf-8"))


class UsersDoor(Door):
    """Each role comes as its user, the test itself as one that teams do not have."""

    SCHEME = "redis"
    has_users = True
    prefix = "td"
    user = f"checker:{words_of('checker')}@"

    def __init__(self, folder: Path, program: str, *options: str) -> None:
        path = folder / "users.acl"
        path.write_text(f"{users().rstrip()}\n{CHECKER}\n")
        self.program = program
        self.options = ("--aclfile", str(path), *options)

    def url(self, port: int, role: str) -> str:
        user = "worker" if role == "solve" else role
        return f"{self.SCHEME}://{user}:{words_of(user)}@127.0.0.1:{port}/0"


class GuardedBroker(PortBroker):
    """Without TLS, so that any server will do."""

    def __init__(self, folder: Path, program: str, *options: str) -> None:
        super().__init__(*options, door=UsersDoor(folder, program))

    def knows(self, script: str) -> bool:
        """Whether a script is loaded."""
        answer: Any = self.client.script_exists(hashlib.sha1(script.encode()).hexdigest())
        return bool(answer[0])

    def denied(self) -> set[str]:
        return denied(self.client)


def denied(client: redis.Redis) -> set[str]:
    """What a server has refused: user, where, why, and what about it."""
    found: Any = client.acl_log()
    names = ("username", "context", "reason", "object")
    # Redis 7.0 has no CLIENT SETINFO, and would not start with it in a rule; redis-py goes on without.
    return {" ".join(str(e[name]) for name in names) for e in found if e["object"] != "client|setinfo"}


@pytest.fixture(params=SERVERS, ids=lambda program: Path(program).name)
def guarded_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GuardedBroker]:
    """For test modules to take as their `broker`."""
    broker = GuardedBroker(tmp_path, request.param)
    yield broker
    broker.close()
