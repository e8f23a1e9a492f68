from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import fakeredis
import pytest

from tests.unit.cli.planning.test_hosts import make_card
from times_doctor_cli.client.session import Client
from times_doctor_cli.gdx.download import GdxOutcome, fetch_gdx_files
from times_doctor_cli.gdx.request import GdxStep
from times_doctor_tasks.blob_store.file_store import FileBlobs
from times_doctor_tasks.config.settings import Settings
from times_doctor_tasks.contract.hosts import HostCard
from times_doctor_tasks.contract.keys import Keys
from times_doctor_tasks.contract.messages import RunResult
from times_doctor_tasks.state_store.gdx_requests import GdxRequests
from times_doctor_tasks.state_store.run_store import RunStore
from times_doctor_worker.service.gdx_server import GdxDesk
from times_doctor_worker.workspace.locks import lock_beside
from times_doctor_worker.workspace.workspace import Workspace

MakeResult = Callable[..., RunResult]


class Clock:
    """The client's clock: it moves by what the client sleeps."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("times_doctor_cli.gdx.request.time", clock)
    monkeypatch.setattr("times_doctor_cli.gdx.request.monotonic_s", lambda: clock.now_s)
    return clock


class Team:
    """A broker, a store, and a host that serves its desk whenever the client has said a step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blobs = FileBlobs(folder / "store")
        self.server = fakeredis.FakeRedis()
        self.store = RunStore(self.server, "td")
        self.client = Client(self.store, self.blobs, "redis://b", Settings())
        self.out = folder / "out" / "scan"
        self.steps: list[GdxStep] = []
        self.requests = GdxRequests(self.server, Keys("td"))
        self.cache = folder / "cache"
        workspace = Workspace(self.cache, self.blobs, markers=folder / "m")
        self.desk = GdxDesk(self.requests, workspace, self.blobs, "h1", is_ending=lambda: False, pause=lambda _: None)
        self.serve: Callable[[], object] = self.desk.look

    def beat(self, **fields: object) -> HostCard:
        card = make_card("h1", **({"serves": ("gdx",)} | fields))
        self.store.register_host(card, ttl_s=20)
        return card

    def keep(self, result: RunResult, content: bytes | None = b"gdx") -> RunResult:
        """What a run has left on the host."""
        folder = Path(str(result.directory))
        folder.mkdir(parents=True, exist_ok=True)
        lock_beside(folder).touch()
        if content is not None:
            (folder / "run.gdx").write_bytes(content)
        return result

    def on_step(self, step: GdxStep) -> None:
        self.steps.append(step)
        if step.stage == "asking":
            self.serve()

    def fetch(self, *runs: RunResult) -> list[GdxOutcome]:
        return list(fetch_gdx_files(self.client, runs, self.out, self.on_step))


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    team = Team(tmp_path)
    team.beat()
    return team


@pytest.fixture
def make_run(team: Team, make_result: MakeResult) -> MakeResult:
    """A run that h1 has worked on."""

    def make(profile: str = "dual", scan: str = "s1", **changes: object) -> RunResult:
        directory = str(team.cache / "runs" / scan / f"cplex.{profile}.1")
        return make_result(profile, **({"host": "h1", "directory": directory, "scan": scan} | changes))

    return make
