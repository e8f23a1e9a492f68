"""TLS as docs/tls.md sets it up: its commands run here, and clients connect to a server with their certificates."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.faults.broker import PortBroker
from tests.integration.workers import PATIENCE_S, TINY_MPS, killed

pytestmark = [
    pytest.mark.server,
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl program"),
]
PAGE = Path(__file__).parents[2] / "docs" / "tls.md"


def commands_of_the_page() -> list[str]:
    block = re.search(r"```bash\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert block is not None
    return block[1].splitlines()


def certificates(folder: Path, *, names: str = "DNS:localhost,IP:127.0.0.1", days: str = "365") -> Path:
    folder.mkdir()
    commands = [line for line in commands_of_the_page() if days == "365" or " verify " not in line]
    script = "\n".join(["set -e", *commands]).replace("DNS:broker.example,IP:10.0.0.5", names)
    script = script.replace("-days 365 -extfile server", f"-days {days} -extfile server")
    subprocess.run(["bash", "-c", script], cwd=folder, check=True, capture_output=True)
    return folder


class TlsDoor:
    """A port with TLS before a server without: what stunnel is to a team."""

    def __init__(self, inner: int, files: Path, *, wants_client: bool) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(files / "server.crt", files / "server.key")
        if wants_client:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(files / "ca.crt")
        self._inner = inner
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                threading.Thread(target=self._relay, args=(plain,), daemon=True).start()

    def _relay(self, plain: socket.socket) -> None:
        with (
            plain,
            suppress(OSError),
            socket.create_connection(("127.0.0.1", self._inner)) as inner,
            self._context.wrap_socket(plain, server_side=True) as outer,
        ):
            back = threading.Thread(target=_copy, args=(inner, outer), daemon=True)
            back.start()
            _copy(outer, inner)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificates(tmp_path_factory.mktemp("tls") / "right")


@pytest.fixture(scope="module")
def broker() -> Iterator[PortBroker]:
    broker = PortBroker()
    yield broker
    broker.close()


def said_by_check(folder: Path, url: str, **variables: Path) -> tuple[bool, str]:
    """Whether `check` reached the broker, and its words."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "TIMES_DOCTOR_BROKER_URL": url, "COLUMNS": "200"}
    environ |= {name: str(path) for name, path in variables.items()}
    program = Path(sys.executable).with_name("times-doctor")
    done = subprocess.run([program, "check"], cwd=folder, env=environ, capture_output=True, text=True, timeout=90)
    words = " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in words
    assert "hidden-word" not in words
    return "broker memory" in words, words


def test_the_page_needs_ten_commands() -> None:
    assert len(commands_of_the_page()) == 10


def test_with_its_ca_and_a_certificate_of_ours_the_server_is_reached(
    tmp_path: Path, files: Path, broker: PortBroker
) -> None:
    door = TlsDoor(broker.port, files, wants_client=True)
    ours = {"TIMES_DOCTOR_TLS_CERT": files / "client.crt", "TIMES_DOCTOR_TLS_KEY": files / "client.key"}
    for host in ("localhost", "127.0.0.1"):
        url = f"rediss://{host}:{door.port}/0"
        assert said_by_check(tmp_path, url, TIMES_DOCTOR_TLS_CA=files / "ca.crt", **ours)[0]
        assert said_by_check(tmp_path, url, SSL_CERT_FILE=files / "ca.crt", **ours)[0]
    reached, words = said_by_check(tmp_path, f"rediss://localhost:{door.port}/0", TIMES_DOCTOR_TLS_CA=files / "ca.crt")
    assert not reached
    assert "wants one and gets none" in words
    door.close()


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("no ca", "not signed by the system's CAs"),
        ("other ca", "not signed by the CA in"),
        ("other name", "is for another name"),
        ("expired", "has expired"),
        ("plain client", "does it want TLS (rediss://)?"),
        ("plain server", "no TLS there?"),
        ("no file", "No such file"),
    ],
)
def test_each_refusal_is_one_sentence_with_what_to_do(
    tmp_path: Path, files: Path, broker: PortBroker, how: str, says: str
) -> None:
    theirs, ca = files, files / "ca.crt"
    if how == "other ca":
        ca = certificates(tmp_path / "other") / "ca.crt"
    elif how == "other name":
        theirs = certificates(tmp_path / "name", names="DNS:elsewhere.example")
    elif how == "expired":
        theirs = certificates(tmp_path / "old", days="0")
    elif how == "no file":
        ca = tmp_path / "nowhere.crt"
    if theirs is not files:
        ca = theirs / "ca.crt"
    door = TlsDoor(broker.port, theirs, wants_client=False)
    scheme, port = ("redis" if how == "plain client" else "rediss"), door.port
    port = broker.port if how == "plain server" else port
    given = {} if how in ("no ca", "plain client") else {"TIMES_DOCTOR_TLS_CA": ca}
    reached, words = said_by_check(tmp_path, f"{scheme}://client:hidden-word@localhost:{port}/0", **given)
    door.close()
    assert not reached
    assert says in words


def test_a_scan_runs_over_tls_from_the_client_to_the_report(tmp_path: Path, files: Path, broker: PortBroker) -> None:
    door = TlsDoor(broker.port, files, wants_client=True)
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TIMES_DOCTOR_BROKER_URL": f"rediss://localhost:{door.port}/0",
        "TIMES_DOCTOR_TLS_CA": str(files / "ca.crt"),
        "TIMES_DOCTOR_TLS_CERT": str(files / "client.crt"),
        "TIMES_DOCTOR_TLS_KEY": str(files / "client.key"),
        "TIMES_DOCTOR_ENGINES": "highs",
    }
    (tmp_path / "tiny.mps").write_bytes(TINY_MPS)
    program = str(Path(sys.executable).with_name("times-doctor"))
    with (
        (tmp_path / "worker.log").open("wb") as log,
        subprocess.Popen([program, "worker"], cwd=tmp_path, env=environ, stdout=log, stderr=log) as worker,
        killed(worker),
    ):
        try:
            wait_until(lambda: broker.client.zcard("td:hosts") == 2, timeout_s=PATIENCE_S, what="both roles are there")
            scan = [program, "scan", "tiny.mps", "--queue", "--parallel"]
            done = subprocess.run(scan, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=100)
        finally:
            worker.terminate()
            worker.wait(PATIENCE_S)
    door.close()
    assert done.returncode == 0, done.stdout + done.stderr + (tmp_path / "worker.log").read_text()
    assert "3/3 done" in done.stdout
