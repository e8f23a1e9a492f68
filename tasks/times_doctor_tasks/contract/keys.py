"""Every key in Redis. No other module builds key names.

Writing roles: `client` asks, `worker` solves, `control` aggregates and recovers, `admin` sets seats. Most keys have one
writer. `control` also writes what the worker writes of a run, because recovery ends runs whose worker is lost, and it
is the second writer of a scan's cancel flag and of the specifications of later rounds.
deploy/users.acl has those rules; a key that a script only reads counts as written there: EVALSHA declares all its
keys so. All keys of a scan share its TTL: they live `SCAN_TTL_S` after their last write; the message, history, progress
and result of a run only until the report, which says them again.
"""

from __future__ import annotations

import msgspec

#: Life of a scan's keys after their last write, seconds (30 days). Longer than the visibility time-out (1 day):
#: a copy of a message that Celery restores after that must still find its run done.
SCAN_TTL_S = 30 * 86_400
#: Events kept per scan (approximate cap of the stream).
EVENTS_MAX = 20_000
#: The same once the report exists: the last lines for watchers.
EVENTS_KEPT = 500
#: Queue of aggregation and recovery.
CONTROL_QUEUE = "control"


def solve_queue(engine: str, solver: str) -> str:
    """Queue of the runs that need `solver` under `engine`; hosts subscribe to those they can serve.

    >>> solve_queue("gams", "cplex")
    'solve.gams.cplex'
    """
    return f"solve.{engine}.{solver}"


def host_queue(host: str) -> str:
    """Queue of the messages that only `host` may take: pinned runs, and those it took from the line."""
    return f"host.{host}"


class Keys(msgspec.Struct, frozen=True):
    """Key names under one prefix (a tenant)."""

    prefix: str = "td"

    def scans(self) -> str:
        """ZSET scan id -> created_ms. Writer client (at submit, which also drops entries past the TTL)."""
        return f"{self.prefix}:scans"

    def hosts(self) -> str:
        """ZSET host -> last beat, ms by its own clock, removed at a clean shutdown. TTL 30 days. Writer worker."""
        return f"{self.prefix}:hosts"

    def host(self, host: str) -> str:
        """STRING HostCard. TTL 20 s, four heartbeats: absent = not live. Writers worker, control. Readers all."""
        return f"{self.prefix}:host:{host}"

    def line(self) -> str:
        """ZSET `<scan> <run>` -> step and arrival: runs without free capacity or a free seat, of all hosts.

        TTL as a scan's. Writer worker (CLAIM, FINISH, RELEASE), control (CONCLUDE).
        """
        return f"{self.prefix}:line"

    def line_needs(self) -> str:
        """HASH `<scan> <run>` -> `<queue> <engine>.<solver> <threads> <mb>`, and ` <until ms> <host>` while taken.

        TTL and writers as `line`; worker (TAKE), too.
        """
        return f"{self.prefix}:line:needs"

    def seats(self) -> str:
        """HASH solver -> `<how many> <lease ms>`. No expiry. Writer admin; readers all."""
        return f"{self.prefix}:seats"

    def held_seats(self) -> str:
        """ZSET `<solver> <host> <scan> <run> <attempt>` -> server ms at which it may be given on.

        Attempt 0: kept by TAKE. TTL as a scan's. Writer worker (CLAIM, TAKE, BEAT).
        """
        return f"{self.prefix}:seats:held"

    def asked(self, host: str) -> str:
        """ZSET SendGdx -> server ms until which a client waits for it. TTL a minute. Writer client, reader worker."""
        return f"{self.prefix}:asked:{host}"

    def bell(self, host: str) -> str:
        """CHANNEL, no key: notified of each request of `asked`. Publisher client, subscriber worker."""
        return f"{self.prefix}:bell:{host}"

    def answer(self, ask: str) -> str:
        """STRING GdxAnswer: how far the host is with one request. TTL ten minutes. Writer worker, reader client."""
        return f"{self.prefix}:answer:{ask}"

    def scan(self, scan: str) -> str:
        """STRING ScanSpec. Writer client; control adds rounds (EXTEND)."""
        return f"{self.prefix}:scan:{scan}:spec"

    def cancel(self, scan: str) -> str:
        """HASH run id or `*` -> `<stop reason>` or `<stop reason> now`.

        Writer client; worker (FINISH of a race's winner); control for caps.
        """
        return f"{self.prefix}:scan:{scan}:cancel"

    def ended(self, scan: str) -> str:
        """SET of run ids that are terminal. Writer worker (FINISH), control (CONCLUDE)."""
        return f"{self.prefix}:scan:{scan}:ended"

    def events(self, scan: str) -> str:
        """STREAM of events (field `e`: JSON), capped at EVENTS_MAX. Writer worker; control adds `reported`."""
        return f"{self.prefix}:scan:{scan}:events"

    def report(self, scan: str) -> str:
        """STRING Report: a zlib stream, or JSON where the scan's client reads no other. Writer control."""
        return f"{self.prefix}:scan:{scan}:report"

    def aggregating(self, scan: str) -> str:
        """STRING token of who makes the report now; TTL its lease. Writer control."""
        return f"{self.prefix}:scan:{scan}:aggregating"

    def reported(self, scan: str) -> str:
        """STRING created_ms: the done mark, written after the report. Writer control."""
        return f"{self.prefix}:scan:{scan}:reported"

    def told(self, scan: str) -> str:
        """SET of messages sent to people: `ended`, `waits`, `lost <run> <attempt>`. Writer and reader control."""
        return f"{self.prefix}:scan:{scan}:told"

    def run(self, scan: str, run: str) -> str:
        """STRING RunSpec. Writer client; control those of later rounds (EXTEND)."""
        return f"{self.prefix}:run:{scan}:{run}:spec"

    def message(self, scan: str, run: str) -> str:
        """HASH the exact message as published.

        Writer client; in a chain the worker that publishes the successor; control for later rounds.
        """
        return f"{self.prefix}:run:{scan}:{run}:message"

    def state(self, scan: str, run: str) -> str:
        """HASH state, attempt, token, host, owner, instance, beat, lease_ms, since_ms, handbacks, won, reason.

        Absent = not touched since submit: `queued`, or `pending` in a chain unless it is the first.
        Writer worker (CLAIM, BEAT, ADVANCE, FINISH, RELEASE), control (REQUEUED, CONCLUDE).
        """
        return f"{self.prefix}:run:{scan}:{run}:state"

    def history(self, scan: str, run: str) -> str:
        """LIST of AttemptRecord JSON, oldest first. Writer worker (CLAIM adds, FINISH and RELEASE close)."""
        return f"{self.prefix}:run:{scan}:{run}:history"

    def progress(self, scan: str, run: str) -> str:
        """STRING ProgressMade: the newest snapshot. Writer worker."""
        return f"{self.prefix}:run:{scan}:{run}:progress"

    def result(self, scan: str, run: str) -> str:
        """STRING RunResult. Writer worker (FINISH), control (CONCLUDE)."""
        return f"{self.prefix}:run:{scan}:{run}:result"

    def queue_lists(self, queue: str) -> list[str]:
        """LISTs of Celery's messages, one for each priority 0 .. 9 (kombu's separator). They empty themselves."""
        name = f"{self.prefix}:celery:{queue}"
        return [name, *(f"{name}\x06\x16{priority}" for priority in range(1, 10))]

    def dead(self) -> str:
        """LIST of DeadLetter JSON, newest first, at most 200. TTL 30 days. Writers worker, control; readers all."""
        return f"{self.prefix}:dead"

    def dead_counts(self) -> str:
        """HASH why messages became dead letters -> how many. TTL, writers and readers as `dead`."""
        return f"{self.prefix}:dead:counts"

    def dead_runs(self) -> str:
        """HASH `<scan> <run>` -> why its message became a dead letter, until control has ended the run.

        TTL and writers as `dead`. Reader control.
        """
        return f"{self.prefix}:dead:runs"

    def past_runs(self) -> str:
        """ZSET RunRecord JSON -> ms at which the run ended, newest 2,000. No expiry. Writer control; readers all."""
        return f"{self.prefix}:past"

    # -- blobs (blob_store): in the broker, or in a server of their own --------------------------------------------

    def blobs(self) -> str:
        """ZSET blob name -> server ms at which it expires unless it is used.

        TTL the longest of its members'. Writers client (snapshots, prune), worker (artefacts). Readers all.
        """
        return f"{self.prefix}:blobs"

    def blob_bytes(self) -> str:
        """HASH blob name -> bytes it takes or has reserved; `used` -> their sum, which the quota bounds.

        TTL, writers and readers as `blobs`.
        """
        return f"{self.prefix}:blobs:bytes"

    def blob_store(self) -> str:
        """STRING a random mark: client and hosts compare it to see whether they use the same store.

        TTL 30 days after it was last read. Writer the first that asks: client or worker. Readers both.
        """
        return f"{self.prefix}:blobs:store"

    def blob(self, name: str) -> str:
        """STRING BlobHead: size and chunks. It exists only while every chunk does.

        TTL from its last use: 14 days; 6 hours until the upload it came with is complete.
        Writers client, worker; an existing one is never changed. Readers client, worker.
        """
        return f"{self.prefix}:blob:{name}"

    def blob_chunk(self, name: str, digest: str) -> str:
        """STRING one zstd frame, at most 1 MiB: the chunk of blob `name` with that digest.

        TTL its blob's; 6 hours while its blob is incomplete. Writers and readers as `blob`.
        """
        return f"{self.prefix}:blob:{name}:{digest}"
