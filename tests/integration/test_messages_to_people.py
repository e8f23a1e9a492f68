"""Messages to people from real control workers, to a webhook and a mail server of this machine."""

from __future__ import annotations

import json
import re
import signal
import threading
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.conftest import wait_until
from tests.faults.broker import free_port
from tests.integration.workers import PATIENCE_S, Team, Worker, endless_mps
from times_doctor_tasks.contract.states import RunState

pytestmark = [pytest.mark.server, pytest.mark.long, pytest.mark.timeout(240)]

#: A part of every address; nobody may see it but who is addressed.
SECRET = "hunter2-of-anna"


class Webhook:
    """Takes what is posted to it."""

    def __init__(self) -> None:
        taken: list[dict[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert SECRET in self.path
                taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.taken = taken
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self._server.server_address[1]}/{SECRET}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def titles(self) -> list[str]:
        return sorted(one["title"] for one in self.taken)


class Mailbox:
    """Takes mail."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], str, str]] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port())
        self._controller.start()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=default)
        body = mail.get_body(("plain", "html"))
        assert body is not None
        self.taken.append((envelope.rcpt_tos, str(mail["Subject"]), body.get_content()))
        return "250 OK"

    @property
    def address(self) -> str:
        to = "from=td@example.org&to=anna@example.org"
        return f"mailto://127.0.0.1:{self._controller.port}?{to}&name={SECRET}"

    def close(self) -> None:
        self._controller.stop()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    webhook = Webhook()
    yield webhook
    webhook.close()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    mailbox = Mailbox()
    yield mailbox
    mailbox.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "notify.toml"
    path.touch(mode=0o600)
    return path


def control(team: Team, file: Path, name: str = "c") -> Worker:
    return team.worker(name, "--role", "control", TIMES_DOCTOR_NOTIFY_FILE=str(file))


def test_the_end_of_a_scan_comes_by_webhook_and_mail_once_for_two_control_workers(
    team: Team, file: Path, webhook: Webhook, mailbox: Mailbox
) -> None:
    file.write_text(f'[targets]\nanna = ["{webhook.address}", "{mailbox.address}"]\n[people]\n"anna@laptop" = "anna"\n')
    controls = [control(team, file, name) for name in ("c1", "c2")]
    for worker in controls:
        card = team.store.host(worker.card_name)
        assert card is not None
        assert (card.notify, card.notes) == (("anna",), ())
    team.worker("h1", "--role", "solve", "--slots", "2", "--threads", "2")
    told: list[str] = []
    for client, notify in (("anna@laptop", ""), ("bob@desk", ""), ("bob@desk", "anna"), ("anna@laptop", "none")):
        spec = team.submit({"bar": "", "dual": ""}, client=client, notify=notify)
        team.report(spec)
        if (client, notify) in (("anna@laptop", ""), ("bob@desk", "anna")):
            told.append(spec.scan)
        # Each is told before the next scan begins: what comes twice has come by the end.
        wait_until(lambda: {len(webhook.taken), len(mailbox.taken)} == {len(told)}, timeout_s=PATIENCE_S, what="told")
    assert webhook.titles() == sorted(f"times-doctor: scan {scan} has ended" for scan in told)
    assert sorted(subject for _, subject, _ in mailbox.taken) == webhook.titles()
    assert {tuple(to) for to, _, _ in mailbox.taken} == {("anna@example.org",)}
    (hook,) = (one for one in webhook.taken if told[0] in one["title"])
    assert re.search(r"^2 runs: 2 optimal\.$", hook["message"], re.MULTILINE)
    assert "Started by anna@laptop." in hook["message"]
    (mail,) = (body for _, subject, body in mailbox.taken if told[0] in subject)
    assert "2 runs: 2 optimal." in mail
    assert "m.mps" not in f"{webhook.taken}{mailbox.taken}"

    def said() -> int:
        return sum(worker.log.count("action=notified") for worker in controls)

    wait_until(lambda: said() == len(told), timeout_s=PATIENCE_S, what="a line for each message")
    assert SECRET not in "".join(worker.log for worker in team.workers)


def test_a_scan_that_waits_is_told_of_once_and_ends_with_a_message(team: Team, file: Path, webhook: Webhook) -> None:
    file.write_text(f'waits_longer_than = "3s"\n[targets]\nops = ["{webhook.address}"]\n')
    control(team, file)
    spec = team.submit({"bar": ""}, notify="ops", client="anna@laptop")
    wait_until(lambda: webhook.taken != [], timeout_s=PATIENCE_S, what="the message")
    assert re.fullmatch(rf"times-doctor: scan {spec.scan} has waited for \d+ s", webhook.taken[0]["title"])
    assert webhook.taken[0]["message"].startswith("1 of 1 run waits for a host.")
    team.worker("h1", "--role", "solve", "--slots", "1")
    team.report(spec)
    wait_until(lambda: len(webhook.taken) > 1, timeout_s=PATIENCE_S, what="the end")
    assert webhook.taken[1]["title"].endswith("has ended")
    assert team.store.client.smembers(team.store.keys.told(spec.scan)) == {b"waits", b"ended"}


def test_a_lost_host_is_told_with_all_runs_that_it_had(team: Team, file: Path, webhook: Webhook) -> None:
    file.write_text(f'[targets]\nanna = ["{webhook.address}"]\n[people]\nanna = "anna"\n')
    recovers = control(team, file)
    recovers.signal(signal.SIGSTOP)  # so that it takes nobody for dead who is only slow
    host = team.worker("h1", "--role", "solve", "--slots", "2", "--threads", "2")
    spec = team.submit({"one": "", "two": ""}, model=endless_mps(), client="anna@laptop", lease_s=2.0)
    for profile in ("one", "two"):
        team.wait_for_state(spec, profile, RunState.RUNNING)
    host.kill()
    recovers.signal(signal.SIGCONT)
    wait_until(lambda: webhook.taken != [], timeout_s=PATIENCE_S, what="the message")
    (message,) = webhook.taken
    assert message["title"] == f"times-doctor: scan {spec.scan} has lost h1"
    assert message["message"].splitlines()[0] == "Started again elsewhere: highs.one, highs.two."


def test_addresses_that_fail_cost_a_line_and_neither_the_report_nor_others_messages(
    team: Team, file: Path, webhook: Webhook
) -> None:
    refused = f"json://anna:{SECRET}@127.0.0.1:{free_port()}"
    file.write_text(f'[targets]\nanna = ["{refused}", "nonsense://{SECRET}"]\nbob = ["{webhook.address}"]\n')
    file.chmod(0o644)
    worker = control(team, file)
    assert "everybody on this machine can read it" in worker.log
    team.worker("h1", "--role", "solve", "--slots", "2", "--threads", "2")
    first, second = (team.submit({"bar": ""}, notify=name) for name in ("anna", "bob"))
    team.report(first)
    team.report(second)
    wait_until(lambda: len(webhook.taken) == 1, timeout_s=PATIENCE_S, what="bob's message")
    worker.wait_for("notify_failed")
    wait_until(lambda: "address 1 of 'anna' took no message" in worker.log, timeout_s=PATIENCE_S, what="what failed")
    assert "address 2 of 'anna' is not supported by Apprise" in worker.log
    assert SECRET not in worker.log
    assert not re.search("Traceback|apprise|urllib3", worker.log)


def test_a_wrong_file_is_said_on_the_card_and_reports_are_made(team: Team, file: Path) -> None:
    file.write_text(f'[targets]\nanna = ["{SECRET}"]\n')
    worker = control(team, file)
    team.worker("h1", "--role", "solve", "--slots", "1")
    card = team.store.host(worker.card_name)
    assert card is not None
    assert card.notify == ()
    assert "address 1 of 'anna' is no URL" in card.notes[0]
    team.report(team.submit({"bar": ""}, notify="anna"))
    assert worker.has_said("notify_file")
    assert SECRET not in f"{card}{worker.log}"
