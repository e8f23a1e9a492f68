"""Every command of README and the pages is run, in the order of its page, or is named here with its reason."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Server, wait_until
from tests.faults.broker import free_port
from tests.integration.workers import TINY_MPS
from tests.recorded.install import install_recorded_gams
from tests.unit.test_docs import PAGES, TOP

LIMIT_S = 600
pytestmark = [pytest.mark.long, pytest.mark.timeout(LIMIT_S)]

MODELS = TOP / "tests" / "recorded" / "models"
RUN_FOLDERS = ("my_run", "path/to/run_folder", "GAMS_WrkTIMES/my_case", "GAMS_WrkTIMES/my_run")
PATIENCE_S = 120

_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(times-doctor [a-z][^`\n]*)`")
_PROGRAM = re.compile(
    r"(?:\$ )?(?:\S*/bin/)?(?:times-doctor|make|pre-commit|pip|docker|python3|apt|cp|install|systemctl|systemd-run"
    r"|export|mkdir|gams|openssl|umask|redis-cli|#!)",
)
_REMARK = re.compile(r"\s{2,}#.*|\s+and in it:.*")

#: Blocks that another test runs: words of the block, and that test.
ELSEWHERE = {
    ("export.md", "cplex:dual"): "tests/solvers/test_scans.py",
    ("operations.md", "acl --keep"): "tests/deploy/test_runbook.py",
    ("operations.md", "systemctl stop times-doctor-worker@h1"): "tests/deploy/test_team_setup.py",
    ("operations.md", "--askpass --rdb"): "tests/deploy/test_runbook.py",
    ("operations.md", "appendonlydir.before"): "tests/deploy/test_runbook.py",
    ("operations.md", "--entrypoint sh redis"): "tests/deploy/test_runbook.py",
    ("team.md", "include /etc/redis/times-doctor.conf"): "tests/deploy/test_team_setup.py",
    ("team.md", "times-doctor acl > "): "tests/deploy/test_team_setup.py",
    ("team.md", "useradd"): "tests/deploy/test_team_setup.py",
    ("team.md", "TIMES_DOCTOR_FLOWER_AUTH"): "tests/deploy/test_team_setup.py",
    ("team.md", "waits_longer_than"): "tests/deploy/test_team_setup.py",
    ("tls.md", "openssl req"): "tests/integration/test_tls.py",
}  # fmt: skip
#: Commands that cannot be run here.
NOT_HERE = {
    ("README.md", "make test"): "runs this test",
    ("CONTRIBUTING.md", "make install"): "made this environment",
    ("CONTRIBUTING.md", "make test"): "runs this test",
    ("CONTRIBUTING.md", "make lint"): ".ci/run types it",
    ("CONTRIBUTING.md", "pre-commit install"): "changes the hooks of this clone",
    ("export.md", "gams model.run ... LP=CONVERT optfile=1"): "needs a licence of GAMS",
    ("operations.md", "systemd-run"): "needs a running systemd",
    ("recommendation.md", "times-doctor apply"): "a name in a sentence",
    ("team.md", "cp deploy/env.example .env"): "needs Docker: make test-compose",
    ("team.md", "docker compose up"): "needs Docker: make test-compose",
    ("team.md", "docker compose ps"): "needs Docker: make test-compose",
    ("team.md", "docker build"): "needs Docker: make test-compose",
    ("team.md", "docker run"): "needs Docker: make test-compose",
    ("team.md", "pip install ."): "run by tests/deploy/test_team_setup.py",
    ("team.md", "mkdir %APPDATA%"): "Windows only",
    ("team.md", "notepad"): "Windows only",
    ("windows.md", "pip install ."): "run by tests/deploy/test_team_setup.py",
    ("windows.md", "mkdir %APPDATA%"): "Windows only",
    ("windows.md", "notepad"): "Windows only",
}
#: What the pages write for a thing of the reader.
INSTEAD = {
    "times-doctor diagnose MODEL|LOG|RUN_DIR": "times-doctor diagnose model.mps",
    "times-doctor apply run_folder": "times-doctor apply path/to/run_folder",
    "--until-idle 10": "--until-idle 0.02",
}
#: What must have been done before the first command of a page.
BEFORE = {
    "veda.md": ("times-doctor scan GAMS_WrkTIMES/my_case --queue --parallel",),
    "batch.md": ("times-doctor scan my_run --queue",), "team.md": ("times-doctor scan my_run --queue",),
    "windows.md": ("times-doctor scan ~/my_case --queue",),
    "operations.md": ("times-doctor scan my_run --queue",), "recovery.md": ("times-doctor scan my_run --queue",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Typed:
    """A command of a page, and what the page shows below it."""

    line: str
    shown: str = ""


def typed_in(block: str) -> Iterator[Typed]:
    """The commands of a fenced block."""
    if "\n$ " in f"\n{block}":
        for part in f"\n{block}".split("\n$ ")[1:]:
            line, _, shown = part.partition("\n")
            yield Typed(line, shown)
    elif block.startswith("#!"):
        yield Typed(block)
    else:
        for line in block.replace("\\\n", " ").splitlines():
            if line.strip():
                yield Typed(_REMARK.sub("", line).strip())


def commands_of(page: Path) -> Iterator[Typed]:
    """What a reader of this page types, but for the blocks that other tests run."""
    text = page.read_text("utf-8")
    end = 0
    for found in _BLOCK.finditer(text):
        yield from map(Typed, _INLINE.findall(text[end : found.start()]))
        end = found.end()
        language, block = found.groups()
        is_typed = language in ("", "sh", "bash") and any(_PROGRAM.match(line) for line in block.splitlines())
        if is_typed and not any(page.name == name and words in block for name, words in ELSEWHERE):
            yield from typed_in(block)
    yield from map(Typed, _INLINE.findall(text[end:]))


def is_not_here(page: Path, typed: Typed) -> bool:
    return any(name == page.name and typed.line.startswith(words) for name, words in NOT_HERE)


@pytest.mark.parametrize(("page", "words"), ELSEWHERE, ids=str)
def test_what_another_test_runs_is_on_the_page_and_in_that_test(page: str, words: str) -> None:
    (path,) = (path for path in PAGES if path.name == page)
    assert sum(words in block for _, block in _BLOCK.findall(path.read_text("utf-8"))) == 1
    test = (TOP / ELSEWHERE[page, words]).read_text("utf-8")
    assert words in test or f'"{page}"' in test  # or it reads the page itself


@pytest.mark.parametrize(("page", "words"), NOT_HERE, ids=str)
def test_what_cannot_run_here_is_on_the_page(page: str, words: str) -> None:
    (path,) = (path for path in PAGES if path.name == page)
    assert any(typed.line.startswith(words) for typed in commands_of(path))


class Desk:
    """A machine with the programs of this environment, a recorded GAMS, and models where the pages have them."""

    def __init__(self, home: Path, gams: Path, url: str) -> None:
        self.home, self.gams, self.url, self.port = home, gams, url, free_port()
        self.children: list[subprocess.Popen[bytes]] = []
        for folder in RUN_FOLDERS:
            (home / folder).mkdir(parents=True)
            shutil.copyfile(MODELS / "denselp.gms", home / folder / "denselp.gms")
        shutil.copytree(home / "my_run", home / "my_case")
        (home / "AppData").mkdir()
        for name in ("Makefile", "pyproject.toml"):
            (home / name).symlink_to(TOP / name)
        (home / "model.mps").write_bytes(TINY_MPS)
        (home / "tiny.mps").write_text(SHORT_OF_HEAT)
        (home / "bin").mkdir()
        program = home / "bin" / "times-doctor"
        program.write_text(f"#!{sys.executable}\nfrom times_doctor_cli.entry import main\nmain()\n")
        program.chmod(0o755)
        self.environ = {
            "PATH": f"{home / 'bin'}:{os.environ['PATH']}", "HOME": str(home), "TERM": "dumb", "LANG": "C.UTF-8",
            "BROWSER": "true", "GAMS_PATH": str(gams), "TIMES_DOCTOR_BROKER_URL": url,
        }  # fmt: skip

    def here(self, line: str) -> str:
        """A command with this machine's places for those of the page."""
        if line.startswith("#!"):
            return line
        for words, instead in INSTEAD.items():
            line = line.replace(words, instead)
        if "\\VEDA" in line:
            line = line.replace("\\", "/")
        for words, place in (
            ("redis://:PASSWORD@broker:6379/0", self.url), ("C:/VEDA", str(self.home)), ("/mnt/c/VEDA", str(self.home)),
            ("C:/Veda/Veda_Models/my_model", str(self.home)), ("~/gams54.6_linux_x64_64_sfx", str(self.gams)),
            ("~/td/bin/", ""), ("/opt/gams", str(self.gams)), ("9464", str(self.port)),
        ):  # fmt: skip
            line = line.replace(words, place)
        return re.sub(r"\bSCAN\b", lambda _: self.newest(), line)

    def newest(self) -> str:
        """The newest scan of the team."""
        return str(json.loads(self.run("times-doctor list --json"))["scans"][0]["spec"]["scan"])

    def run(self, line: str) -> str:
        done = subprocess.run(
            ["bash", "-c", line], env=self.environ, cwd=self.home, capture_output=True, text=True, timeout=LIMIT_S - 60,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout

    def type(self, typed: Typed) -> None:
        line = self.here(typed.line)
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").partition("=")
            self.environ[name] = value
        elif line.startswith("#!"):
            self.job(line)
        elif line.startswith("make "):  # with this environment, as if it had just been made; GAMS is a real one or none
            self.run(f"env -u GAMS_PATH {line} VENV={sys.prefix} --old-file {sys.prefix}/.demo")
        elif " worker" in line and "--until-idle" not in line:
            self.start(line)
        else:
            said = self.run(line)
            assert " ".join(typed.shown.split()) in " ".join(said.split())

    def hosts(self) -> set[str]:
        cards = json.loads(self.run("times-doctor hosts --json"))["hosts"]
        return {f"{card['host']} {role}" for card in cards for role in card["roles"]}

    def start(self, line: str) -> subprocess.Popen[bytes]:
        """Start a worker, and wait until the team sees it."""
        before = self.hosts()
        child = subprocess.Popen(
            ["bash", "-c", f"exec {line}"], env=self.environ, cwd=self.home, stdin=subprocess.DEVNULL
        )
        self.children.append(child)
        wait_until(lambda: self.hosts() - before or child.poll() is not None, timeout_s=PATIENCE_S, what="a new host")
        assert child.poll() is None
        return child

    def job(self, script: str) -> None:
        """A batch system starts the script, and ends it with SIGTERM."""
        (self.home / "job.sh").write_text(script)
        config = self.home / ".config" / "times-doctor"
        config.mkdir(parents=True)
        (config / "broker.env").write_text(f"TIMES_DOCTOR_BROKER_URL='{self.url}'\n")
        job = self.start("env -u TIMES_DOCTOR_BROKER_URL SLURM_JOB_ID=7 SLURM_CPUS_PER_TASK=2 bash job.sh")
        assert "slurm-7 solve" in self.hosts()
        job.send_signal(signal.SIGTERM)
        assert job.wait(timeout=PATIENCE_S) == 0

    def close(self) -> None:
        for child in self.children:
            child.terminate()
        for child in self.children:
            child.wait(timeout=PATIENCE_S)


#: Two technologies can supply 65 of the 100 that are wanted.
SHORT_OF_HEAT = """NAME SHORT
ROWS
 N cost
 G demand_heat_2030
 L cap_boiler_2030
 L emissions
COLUMNS
 act_boiler cost 1 demand_heat_2030 1
 act_boiler cap_boiler_2030 1 emissions 1
 act_pump cost 2 demand_heat_2030 0.75
 act_pump emissions 0.2
RHS
 RHS demand_heat_2030 100 cap_boiler_2030 50
 RHS emissions 1000
BOUNDS
 UP BND act_pump 20
ENDATA
"""


@pytest.fixture
def desk(tmp_path: Path, server: Server) -> Iterator[Desk]:
    gams = install_recorded_gams(tmp_path / "gams", speed=0)
    (tmp_path / "home").mkdir()
    made = Desk(tmp_path / "home", gams, server.url)
    made.environ["TIMES_DOCTOR_KEY_PREFIX"] = f"p{os.getpid()}{abs(hash(tmp_path)) % 10_000}"
    yield made
    made.close()


WITH_COMMANDS = [page for page in PAGES if any(not is_not_here(page, typed) for typed in commands_of(page))]


@pytest.mark.server
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_the_commands_of_a_page_do_what_it_says(page: Path, desk: Desk) -> None:
    if page.name not in ("README.md",):
        desk.start("times-doctor worker --name h1")
    for line in BEFORE.get(page.name, ()):
        desk.run(line)
    for typed in commands_of(page):
        if not is_not_here(page, typed):
            desk.type(typed)
