"""Settings of client and worker, each with its source.

Order: command line > environment > `times-doctor.toml` (here, in a parent folder, then in the user's configuration
folder) > default. Credentials come by environment or file, never by argument.
"""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from platformdirs import PlatformDirs

from times_doctor_tasks.config.tls import Tls, is_tls
from times_doctor_tasks.contract.errors import UsageError
from times_doctor_tasks.contract.hosts import ENGINE_NAMES
from times_doctor_tasks.contract.limits import ATTEMPTS, GRACE_S, LEASE_S, STOP_CAP_S

#: Name of the configuration file.
CONFIG_NAME = "times-doctor.toml"
#: The platform's folders for a user's files; on Windows one folder for both kinds, without a publisher's name.
FOLDERS = PlatformDirs("times-doctor", appauthor=False, opinion=False, roaming=True)
#: Schemes of a broker URL that we speak.
BROKER_SCHEMES = ("redis", "rediss", "redis+socket")
#: Engines that a worker can offer, and whose solvers are confined.
ENGINES = tuple(ENGINE_NAMES)
SANDBOXES = ("highs", "all", "off")


class Setting(msgspec.Struct, frozen=True):
    """One setting: its name in the toml file, its variable, how to read it."""

    name: str
    variable: str
    read: Callable[[str], Any]
    expected: str


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in BROKER_SCHEMES or parts.port == 0:  # a port that is not a number also raises
        raise ValueError(text)
    # Users and passwords belong before the @, where they are masked; trust in TLS is set by TIMES_DOCTOR_TLS_*.
    if any(name.lower().startswith(("ssl_", "password", "username")) for name, _ in parse_qsl(parts.query)):
        raise ValueError(text)
    return text


def _within(bounds: tuple[float, float], kind: Callable[[str], float] = float) -> Callable[[str], float]:
    def read(text: str) -> float:
        number = kind(text)
        if not bounds[0] <= number <= bounds[1]:
            raise ValueError(text)
        return number

    return read


def _store(text: str) -> str:
    if text != "redis" and text.partition(":")[0] not in ("file", *BROKER_SCHEMES):
        raise ValueError(text)
    return text


def _name(text: str) -> str:
    if not text or not all(c.isalnum() or c in "-_." for c in text):
        raise ValueError(text)
    return text


def _address(text: str) -> str:
    import ipaddress  # imported only if one is set

    return str(ipaddress.ip_address(text))


def _switch(text: str) -> bool:
    if text.lower() not in ("on", "off", "true", "false"):
        raise ValueError(text)
    return text.lower() in ("on", "true")


def _engines(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.replace(" ", "").lower().split(",")))
    if not set(names) <= set(ENGINES):
        raise ValueError(text)
    return names


def _sandbox(text: str) -> str:
    if text.lower() not in SANDBOXES:
        raise ValueError(text)
    return text.lower()


def _path(text: str) -> Path:
    text.encode()  # bytes that are no text: no report could name the folder
    if not text or "\0" in text:
        raise ValueError(text)
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:  # ~nobody
        raise ValueError(text) from None


def _span(what: str, bounds: tuple[float, float]) -> str:
    return f"{what}, from {bounds[0]:g} to {bounds[1]:,.0f}"


_MOST = sys.float_info.max
_positive = _within((sys.float_info.min, _MOST))

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "broker_url",
        "TIMES_DOCTOR_BROKER_URL",
        _url,
        "a URL like redis://user:password@host:6379/0, rediss:// or redis+socket://, and no user, password or "
        "ssl_* behind a ?",
    ),
    Setting("tls_ca", "TIMES_DOCTOR_TLS_CA", _path, "a file with the certificate of the broker's CA"),
    Setting("tls_cert", "TIMES_DOCTOR_TLS_CERT", _path, "a file with this client's certificate"),
    Setting("tls_key", "TIMES_DOCTOR_TLS_KEY", _path, "a file with the key to it"),
    Setting("store_url", "TIMES_DOCTOR_STORE_URL", _store, "redis, a redis URL or file:///folder"),
    Setting("store_quota_mb", "TIMES_DOCTOR_STORE_QUOTA_MB", _positive, "megabytes, more than 0"),
    Setting("key_prefix", "TIMES_DOCTOR_KEY_PREFIX", _name, "letters, digits, '-', '_' and '.'"),
    Setting("lease_s", "TIMES_DOCTOR_LEASE_S", _within(LEASE_S), _span("seconds", LEASE_S)),
    Setting("max_attempts", "TIMES_DOCTOR_MAX_ATTEMPTS", _within(ATTEMPTS, int), _span("a whole number", ATTEMPTS)),
    Setting("grace_s", "TIMES_DOCTOR_GRACE_S", _within(GRACE_S), _span("seconds", GRACE_S)),
    Setting("stop_cap_s", "TIMES_DOCTOR_STOP_CAP_S", _within(STOP_CAP_S), _span("seconds", STOP_CAP_S)),
    Setting("drain_s", "TIMES_DOCTOR_DRAIN_S", _within((0, _MOST)), "seconds, 0 or more"),
    Setting("cache_dir", "TIMES_DOCTOR_CACHE_DIR", _path, "a folder"),
    Setting("cache_gb", "TIMES_DOCTOR_CACHE_GB", _positive, "gigabytes, more than 0"),
    Setting("log_max_mb", "TIMES_DOCTOR_LOG_MAX_MB", _positive, "megabytes, more than 0"),
    Setting("host", "TIMES_DOCTOR_HOST", _name, "letters, digits, '-', '_' and '.'"),
    Setting("engines", "TIMES_DOCTOR_ENGINES", _engines, f"names out of {', '.join(ENGINES)}, with commas between"),
    Setting("sandbox", "TIMES_DOCTOR_SANDBOX", _sandbox, f"one of {', '.join(SANDBOXES)}"),
    Setting("metrics_port", "TIMES_DOCTOR_METRICS_PORT", _within((1, 65_534), int), "a port, from 1 to 65,534"),
    Setting("metrics_address", "TIMES_DOCTOR_METRICS_ADDRESS", _address, "an IP address of this machine"),
    Setting("gams_path", "GAMS_PATH", _path, "the GAMS system folder or its gams executable"),
    Setting("times_src", "TIMES_SRC", _path, "the folder of the TIMES source"),
    Setting("max_workers", "TD_MAX_WORKERS", _within((1, _MOST), int), "a whole number, 1 or more"),
    Setting("timeout_s", "TD_TIMEOUT_SECONDS", _positive, "seconds, more than 0"),
    Setting("notify", "TIMES_DOCTOR_NOTIFY", _switch, "on or off"),
    Setting("notify_file", "TIMES_DOCTOR_NOTIFY_FILE", _path, "a file that says whom a control worker tells of scans"),
)


#: Our variables that are not settings: Flower's users, and the tag of the image in compose.
OTHER_VARIABLES = ("TIMES_DOCTOR_FLOWER_AUTH", "TIMES_DOCTOR_FLOWER_AUTH_FILE", "TIMES_DOCTOR_TAG")


def unknown_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables with our prefix that we do not know, each with the likely one; empty if none is similar.

    >>> unknown_variables({"TIMES_DOCTOR_BROKER_ULR": "redis://h", "HOME": "/", "TIMES_DOCTOR_X": ""})
    {'TIMES_DOCTOR_BROKER_ULR': 'TIMES_DOCTOR_BROKER_URL', 'TIMES_DOCTOR_X': ''}
    """
    import difflib  # imported here, as below: most starts do not need it

    mine = "TIMES_DOCTOR_"
    known = {name.removeprefix(mine): name for name in (*(setting.variable for setting in SETTINGS), *OTHER_VARIABLES)}
    unknown = sorted(name for name in environ if name.startswith(mine) and name.removeprefix(mine) not in known)
    near = {name: difflib.get_close_matches(name.removeprefix(mine), known, 1) for name in unknown}
    return {name: known[found[0]] if found else "" for name, found in near.items()}


class Settings(msgspec.Struct, frozen=True):
    """The effective values. `origins` has the source of each."""

    broker_url: str | None = None
    """The team's Redis or Valkey server; local scans need none."""
    tls_ca: Path | None = None
    """The CA that signed the broker's certificate; none: the system's CAs."""
    tls_cert: Path | None = None
    """This client's certificate, where the broker asks for one."""
    tls_key: Path | None = None
    """The private key of `tls_cert`."""
    store_url: str | None = None
    """Store of models and results, the same on every machine; none: the broker."""
    store_quota_mb: float | None = None
    """Megabytes of Redis for models and results; none: a quarter of maxmemory, at most 1 GiB."""
    key_prefix: str = "td"
    """First word of every key in Redis: keeps teams apart that trust each other, and protects none."""
    lease_s: float = 30.0
    """Seconds without a heartbeat after which a run is taken from its host."""
    max_attempts: int = 3
    """Maximum attempts of a run whose host is lost."""
    grace_s: float = 60.0
    """Seconds without progress after which a solver that was asked to stop is killed."""
    stop_cap_s: float = 900.0
    """Seconds after which it is killed although it makes progress."""
    drain_s: float = 60.0
    """Seconds that a worker which stops lets its solves run; read when it starts."""
    cache_dir: Path = msgspec.field(default_factory=lambda: FOLDERS.user_cache_path)
    """Folder for models, run folders and hashes of files."""
    cache_gb: float = 20.0
    """Disk that models and run folders may take on a host, in gigabytes."""
    log_max_mb: float = 2_000.0
    """Largest log, listing or output of a run, in megabytes; its solver is stopped beyond."""
    host: str = msgspec.field(default_factory=lambda: default_host())
    """This machine's name among the team's hosts."""
    engines: tuple[str, ...] = ENGINES
    """Engines that a worker offers, if it finds them."""
    sandbox: str = SANDBOXES[0]
    """Engines whose solvers see only their model and their run folder."""
    metrics_port: int | None = None
    """Port for `/healthz`, of a control worker also `/metrics`; with both roles the solver uses the next one."""
    metrics_address: str = "127.0.0.1"
    """The address of this machine that `metrics_port` is opened on."""
    gams_path: Path | None = None
    """GAMS; none: the one on PATH, else the one of gamspy-base."""
    times_src: Path | None = None
    """The TIMES source, where the run folder does not say."""
    max_workers: int | None = None
    """Most runs at once; none: what cores and memory allow."""
    timeout_s: float | None = None
    """Time limit of each run, in seconds."""
    notify: bool = True
    """Whether a scan keeps the terminal's title and rings its bell at the end."""
    notify_file: Path | None = None
    """Whom a control worker tells that a scan has ended, waits or lost a host: names and their addresses, in TOML."""
    origins: Mapping[str, str] = msgspec.field(default_factory=dict)

    @property
    def local_store_url(self) -> str:
        """The folder for blobs of scans on this machine, below the cache folder."""
        return (self.cache_dir / "blobs").absolute().as_uri()

    @classmethod
    def load(
        cls, environ: Mapping[str, str], *, folder: Path | None = None, overrides: Mapping[str, Any] | None = None
    ) -> Settings:
        """Reads all sources; an empty variable counts as not set.

        Raises:
            UsageError: names every wrong value at once, with its source and what was expected.
        """
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        wrong: list[str] = []
        path, table = find_config(folder or Path.cwd())
        known = {setting.name for setting in SETTINGS}
        wrong += [
            f"{name!r} in {path}: no such setting; known are {', '.join(sorted(known))}"
            for name in table
            if name not in known
        ]
        for setting in SETTINGS:
            for text, origin in (
                (environ.get(setting.variable) or None, setting.variable),
                (table.get(setting.name), str(path)),
            ):
                if text is None or setting.name in values:
                    continue
                try:
                    values[setting.name] = setting.read("" if isinstance(text, (list, dict)) else str(text))
                    origins[setting.name] = origin
                except ValueError:
                    shown = shown_url(str(text)) if setting.name.endswith("_url") else text
                    wrong.append(f"{setting.name} = {shown!r} from {origin}: expected {setting.expected}")
        wrong += _tls_for_nothing(values, origins)
        if wrong:
            raise UsageError("Configuration: " + "; ".join(wrong) + ".")
        for name, value in (overrides or {}).items():
            if value is not None:
                values[name] = value
                origins[name] = "command line"
        return cls(**values, origins=origins)

    @property
    def tls(self) -> Tls:
        """The TLS settings for broker and store."""
        return Tls(self.tls_ca, self.tls_cert, self.tls_key)

    @property
    def store_quota_bytes(self) -> int | None:
        """`store_quota_mb` in bytes."""
        return None if self.store_quota_mb is None else int(self.store_quota_mb * 1_000_000)

    def require_broker(self, who: str = "--queue") -> str:
        """The broker URL; `who` needs it.

        Raises:
            UsageError: none is configured; explains how to set one.
        """
        if self.broker_url is None:
            raise UsageError(
                f"{who} needs a broker and none is configured. Set TIMES_DOCTOR_BROKER_URL, for example to "
                f'redis://broker.example:6379/0, or put broker_url = "..." into {CONFIG_NAME}.'
            )
        return self.broker_url


def parse_duration(option: str, text: str | None) -> float | None:
    """The value of an option that takes a time, in seconds.

    >>> [parse_duration("--x", text) for text in ("90", "90s", "1.5 min", "2h")]
    [90.0, 90.0, 90.0, 7200.0]

    Raises:
        UsageError: it is no time.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *(s|min|h|)", text.strip(), re.ASCII)
    if found is None:
        raise UsageError(f"{option} {text!r}: expected a time such as 90s, 10min or 2h.")
    return float(found[1]) * {"h": 3600, "min": 60}.get(found[2], 1)


def _tls_for_nothing(values: Mapping[str, Any], origins: Mapping[str, str]) -> list[str]:
    """TLS settings without effect, as neither broker nor store uses TLS: the user may feel safe wrongly."""
    urls = [str(values[name]) for name in ("broker_url", "store_url") if name in values]
    if "broker_url" not in values or any(is_tls(url) for url in urls):
        return []
    named = [name for name in ("tls_ca", "tls_cert", "tls_key") if name in values]
    return [
        f"{name} from {origins[name]}: the broker's URL is not rediss://, so nothing is encrypted" for name in named
    ]


def default_host() -> str:
    """This machine's name without its domain, in characters that are safe in keys and file names."""
    name = socket.gethostname().split(".")[0]
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name) or "localhost"


def find_config(folder: Path) -> tuple[Path | None, dict[str, Any]]:
    """The nearest configuration file and its table: here, a parent, then the user's configuration folder.

    Raises:
        UsageError: the file there is not valid TOML.
    """
    for place in (folder, *folder.parents, FOLDERS.user_config_path):
        path = place / CONFIG_NAME
        if path.is_file():
            import tomllib

            try:
                return path, tomllib.loads(path.read_text("utf-8"))
            except (ValueError, RecursionError) as error:  # ValueError: TOML, UTF-8, numbers of 5,000 digits
                raise UsageError(f"{path} is not valid TOML: {error}.") from error
            except OSError as error:
                raise UsageError(f"{path} cannot be read: {error.strerror}. Make it readable, or remove it.") from error
    return None, {}


_SERVER = re.compile(
    r"(?P<scheme>rediss?|redis\+socket|unix|file|s3|https?|valkeys?)://(?:(?P<user>[^:@/?#\s]*)(?P<word>:[^@/?#\s]*)?@)?"
    r"(?P<place>(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])?(?::[0-9]{1,5})?(?:/[^@?#\s:]*)?)(?P<query>\?[^@#\s]*)?"
)


def shown_url(url: str) -> str:
    """A URL for messages and logs: built only from parts that cannot be a password.

    >>> shown_url("redis://client:secret@h:6379/0"), shown_url("rediss://secret@h?password=x")
    ('redis://client:***@h:6379/0', 'rediss://***@h?***')
    >>> shown_url("redis://:half@secret@h"), shown_url("secret")
    ('redis://***', '***')
    """
    if url in ("", "redis"):
        return url
    if url.startswith("file:///") and "@" not in url and "?" not in url:
        return url
    match = _SERVER.fullmatch(url)
    if match is None:
        scheme = url.partition("://")[0]
        return f"{scheme}://***" if scheme in (*BROKER_SCHEMES, "file", "s3") else "***"
    user, word = match["user"], match["word"]
    # A user without a password is likely a password in the wrong place.
    who = "" if user is None else f"{user}:***@" if word else "***@"
    return f"{match['scheme']}://{who}{match['place']}{'?***' if match['query'] else ''}"
