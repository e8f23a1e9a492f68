"""A server with the users of deploy/users.acl."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.bed import PortBroker
from times_doctor_cli.local.server_binary import find_server
from times_doctor_tasks.state_store.run_store import RunStore

#: Programs that a test of users runs against.
SERVERS = sorted({str(found) for found in (find_server(), shutil.which("redis-server")) if found})
USERS = Path(__file__).parents[2] / "deploy" / "users.acl"


def words_of(role: str) -> str:
    return f"the-words-of-{role}"


class GuardedBroker(PortBroker):
    """The test itself comes as `default`, which teams switch off."""

    def __init__(self, folder: Path, program: str, *options: str) -> None:
        text = re.sub(r"([A-Z]+)_PASSWORD", lambda role: words_of(role[1].lower()), USERS.read_text("utf-8"))
        users = folder / "users.acl"
        users.write_text(re.sub(r"^user default .*$", "user default on nopass ~* &* +@all", text, flags=re.MULTILINE))
        super().__init__("--aclfile", str(users), *options, program=program)
        self.prefix = "td"
        self.store = RunStore(self.client)

    def start(self) -> None:
        super().start()
        self.store = RunStore(self.client)

    def url_of(self, role: str) -> str:
        return f"redis://{role}:{words_of(role)}@127.0.0.1:{self.port}/0"

    def knows(self, script: str) -> bool:
        """Whether a script is loaded."""
        answer: Any = self.client.script_exists(hashlib.sha1(script.encode()).hexdigest())
        return bool(answer[0])

    def denied(self) -> set[str]:
        """What was refused: user, where, why, and what about it."""
        found: Any = self.client.acl_log()
        names = ("username", "context", "reason", "object")
        # Redis 7.0 has no CLIENT SETINFO, and would not start with it in a rule; redis-py goes on without.
        return {" ".join(str(e[name]) for name in names) for e in found if e["object"] != "client|setinfo"}


@pytest.fixture(params=SERVERS, ids=lambda program: Path(program).name)
def guarded_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GuardedBroker]:
    """For test modules to take as their `broker`."""
    broker = GuardedBroker(tmp_path, request.param)
    yield broker
    broker.close()
