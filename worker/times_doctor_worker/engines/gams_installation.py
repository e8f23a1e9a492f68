"""The GAMS system of this host: its folder, version, end of licence, and the solvers that it can run."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from times_doctor_tasks.config.atomic_file import replacing
from times_doctor_tasks.contract.errors import EngineNotFound
from times_doctor_tasks.parsers.gams.trace import read_trace
from times_doctor_worker.engines.licence import Licence, read_licence

#: `gams ?` takes 20 ms; a network licence or a sleeping disk takes longer.
PROBE_TIMEOUT_S = 60.0

#: What GAMS and its solvers may read from the environment. Nothing else is passed on: a model can run any command
#: (`$call`), so it must not see credentials of the broker, the store or a cloud; and a variable like
#: ILOG_CPLEX_PARAMETER_FILE would change a profile unnoticed.
_ALLOWED = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
        "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME", "XDG_DATA_DIRS",  # gamsconfig.yaml, gamslice.txt
        "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS",
        "GAMSLICE", "GAMSLICECRT", "GAMS_RESERVATION_TOKEN", "LM_LICENSE_FILE", "ILOG_LICENSE_FILE",
        "GRB_LICENSE_FILE", "XPAUTH_PATH", "MOSEKLM_LICENSE_FILE", "COPT_LICENSE_DIR", "ARTELYS_LICENSE",
    }
)  # fmt: skip
_ALLOWED_PREFIXES = ("LC_",)

#: Entries of a GAMS installation that accept an LP but do not solve it: they pass it on, convert it, or send it over
#: the network (KESTREL).
_NOT_SOLVERS = frozenset(
    {"CONVERT", "CONVERTD", "EXAMINER", "EXAMINER2", "GAMSCHK", "GUSS", "KESTREL", "DECISC", "DECISM", "LOGMIP"}
)
_TINY_LP = """positive variable x; variable z; equation o, e;
o.. z =e= x; e.. x =g= 1; model m /all/; option limrow=0, limcol=0; solve m using lp min z;
"""
_HOW_TO_GET = (
    "Install GAMS from https://www.gams.com/download/, or `pip install gamspy-base` (a demo licence comes with it), "
    "or name yours with --gams-path or GAMS_PATH (its folder, or its gams executable)"
)


class GamsSystem(msgspec.Struct, frozen=True):
    """A GAMS that was found, with its version and licence."""

    path: Path
    """The executable, links resolved."""
    version: str
    """As in "54.6.1"."""
    source: str
    """Where it was named: "--gams-path", "configuration", "GAMS_PATH", "PATH", "gamspy-base"."""
    system_dir: Path
    """Its system folder, as it says itself: the executable that was found may be a script that calls it."""
    licence: Licence
    cache_dir: Path | None = None
    """Where answers are remembered; None asks GAMS each time."""

    def usable_solvers(self, environ: Mapping[str, str] | None = None, *, today: date | None = None) -> tuple[str, ...]:
        """The solvers that can solve an LP here, in lower case, by solving one with each.

        An installed solver may lack a licence. A solver that answers only in its own demo mode, in a system with a full
        licence, does not count. Asked once per installation, licence and day; takes 50 ms per solver.
        """
        environment = clean_environ(os.environ if environ is None else environ)
        cache = _Cache(self.cache_dir, self.path, environment, today or date.today())
        if (known := cache.get("solvers")) is not None:
            return tuple(known)
        names = [name for name in lp_solvers(self.system_dir) if name not in _NOT_SOLVERS]
        with ThreadPoolExecutor(max_workers=2) as pool:
            answers = list(pool.map(lambda name: self._solves(name, environment), names))
        usable = tuple(name.lower() for name, answer in zip(names, answers, strict=True) if answer)
        cache.put("solvers", usable)
        return usable

    def _solves(self, solver: str, environment: Mapping[str, str]) -> bool:
        with tempfile.TemporaryDirectory(prefix="td-solver-") as folder:
            Path(folder, "tiny.gms").write_text(_TINY_LP, encoding="ascii")
            arguments = ["tiny.gms", f"lp={solver}", "lo=2", "lf=log", "trace=trace", "traceopt=3"]
            code, _ = _run(self.path, arguments, folder, environment)
            trace, log = Path(folder, "trace"), Path(folder, "log")
            rows = read_trace(trace.read_text("utf-8", "replace")) if trace.is_file() else []
            text = log.read_text("utf-8", "replace") if log.is_file() else ""
        if code != 0 or not rows or (rows[-1].model_status, rows[-1].solver_status) != (1, 1):
            return False
        return self.licence.kind == "demo" or "runs with a demo license" not in text


def find_gams(
    *,
    explicit: Path | None = None,
    configured: Path | None = None,
    configured_by: str = "configuration",
    environ: Mapping[str, str] | None = None,
    cache_dir: Path | None = None,
    today: date | None = None,
) -> GamsSystem:
    """The GAMS of this host: `explicit`, then `configured`, GAMS_PATH, PATH, an installed gamspy-base.

    A GAMS that is named but not found is an error; no other GAMS is used instead.

    Args:
        explicit: `--gams-path`: the system folder or the executable.
        configured: The same from settings; `configured_by` is its name in messages.
        environ: Where GAMS_PATH and PATH are read; the process's own by default.
        cache_dir: Where to remember GAMS's answers.
        today: Decides whether the licence has ended.

    Raises:
        EngineNotFound: There is none, or it does not report its version; names each place that was searched.
    """
    environment = os.environ if environ is None else environ
    today = today or date.today()
    named = [
        ("--gams-path", explicit),
        (configured_by, configured),
        ("GAMS_PATH", Path(environment["GAMS_PATH"]) if environment.get("GAMS_PATH") else None),
    ]
    for source, path in named:
        if path is not None:
            return _ask(_executable(source, path.expanduser()), source, environment, cache_dir, today)
    for source, program in (("PATH", _on_path(environment)), ("gamspy-base", _bundled())):
        if program is not None:
            return _ask(program.resolve(), source, environment, cache_dir, today)
    raise EngineNotFound(
        "GAMS was not found. Looked at: --gams-path (not given), configuration (no gams_path), GAMS_PATH (not set), "
        f"PATH (no gams in it), gamspy-base (not installed). {_HOW_TO_GET}."
    )


def _on_path(environ: Mapping[str, str]) -> Path | None:
    found = shutil.which("gams", path=environ.get("PATH", os.defpath))
    return Path(found) if found else None


def _bundled() -> Path | None:
    """The GAMS of gamspy-base, without importing that package."""
    spec = importlib.util.find_spec("gamspy_base")
    program = Path(spec.origin).with_name("gams") if spec is not None and spec.origin else None
    return program if program is not None and program.is_file() else None


def clean_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that GAMS gets: an allow-list, so that unexpected credentials stay out too.

    >>> clean_environ({"PATH": "/bin", "LC_ALL": "C", "TIMES_DOCTOR_BROKER_URL": "redis://:x@h", "AWS_PROFILE": "p"})
    {'PATH': '/bin', 'LC_ALL': 'C'}
    """
    return {n: v for n, v in environ.items() if n in _ALLOWED or n.startswith(_ALLOWED_PREFIXES)}


def lp_solvers(system_dir: Path) -> list[str]:
    """The names that an installation lists for LP, in its order; empty if it has no list.

    `gmscmpun.txt` has a block of lines per solver; the first line ends with its model types.
    """
    try:
        text = (system_dir / "gmscmpun.txt").read_text("utf-8", "replace")
    except OSError:
        return []
    blocks = re.split(r"\n\s*\n", text.partition("\nDEFAULTS")[0])
    heads = [words for block in blocks if len(words := block.split("\n", 1)[0].split()) > 7]
    return [words[0] for words in heads if "LP" in words[7:]]


class _Cache:
    """GAMS's answers, valid for one executable, its licence files and one day."""

    def __init__(self, folder: Path | None, gams: Path, environ: Mapping[str, str], today: date) -> None:
        self._file = folder / "gams-system.json" if folder else None
        stamps = [f"{path}={_mtime_ns(path)}" for path in (gams, *_licence_files(gams, environ))]
        self._key = "|".join([*stamps, today.isoformat()])
        self._name = str(gams)

    def get(self, what: str) -> Any:
        entry = self._load().get(self._name, {})
        return entry.get(what) if entry.get("key") == self._key else None

    def put(self, what: str, answer: Any) -> None:
        if self._file is None:
            return
        content = self._load()
        entry = content.get(self._name, {})
        if entry.get("key") != self._key:
            entry = {"key": self._key}
        content[self._name] = {**entry, what: answer}
        # Without a cache a start takes 20 ms longer; nothing else is lost.
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._file) as part:
                part.write_text(json.dumps(content, indent=1), encoding="utf-8")

    def _load(self) -> dict[str, Any]:
        try:
            content = json.loads(self._file.read_text("utf-8")) if self._file else {}
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


def _licence_files(gams: Path, environ: Mapping[str, str]) -> list[Path]:
    """Every place where GAMS 54 looks for a licence (seen in its system calls), so that we notice a new one."""
    data_home = environ.get("XDG_DATA_HOME") or str(Path(environ.get("HOME", "/")) / ".local/share")
    data_dirs = environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    folders = [data_home, *data_dirs.split(":")]
    return [*(Path(folder, "GAMS", "gamslice.txt") for folder in folders), gams.parent / "gamslice.txt"]


def _executable(source: str, path: Path) -> Path:
    found = path / "gams" if path.is_dir() else path
    if not found.is_file() or not os.access(found, os.X_OK):
        what = "a folder without a gams executable" if path.is_dir() else "not an executable file"
        what = what if path.exists() else "not there"
        raise EngineNotFound(f"{source} names {str(path)!r}, which is {what}. {_HOW_TO_GET}.")
    return found.resolve()


def _ask(path: Path, source: str, environ: Mapping[str, str], cache_dir: Path | None, today: date) -> GamsSystem:
    environment = clean_environ(environ)
    cache = _Cache(cache_dir, path, environment, today)
    text = cache.get("about")
    if not isinstance(text, str):
        # GAMS needs a folder for its scratch folder, and leaves nothing there.
        with tempfile.TemporaryDirectory(prefix="td-gams-") as folder:
            code, text = _run(path, ["?", "lo=3"], folder, environment)
            if not re.search(r"\d+\.\d+\.\d+", text):
                # Without a valid licence GAMS prints only that; we get its version in another way.
                text += _run(path, ["audit", "lo=3"], folder, environment)[1]
        if "GAMS" not in text:
            raise EngineNotFound(
                f"{str(path)!r} (from {source}) does not answer like GAMS: `gams ?` ended with exit code {code}"
                f" and said {text.strip()[:200]!r}. {_HOW_TO_GET}."
            )
        text = _without_licence_id(text)
        cache.put("about", text)
    licence = read_licence(text, today)
    version = re.search(r"\b(\d+\.\d+\.\d+)\b", text)
    stated = re.search(r"System Directory\s*:\s*(.*\S)", text)
    system_dir = Path(stated[1]) if stated else path.parent
    return GamsSystem(path, version[1] if version else "unknown", source, system_dir, licence, cache_dir)


def _run(gams: Path, arguments: list[str], folder: str, environment: Mapping[str, str]) -> tuple[int | None, str]:
    try:
        done = subprocess.run(
            [str(gams), *arguments], cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PROBE_TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None, f"nothing for {PROBE_TIMEOUT_S:.0f} s"
    except OSError as error:
        return None, str(error)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def _without_licence_id(text: str) -> str:
    """Keeps only the lines that are read above, so that the cache does not name the licensee."""
    wanted = ("GAMS Release", "GAMSX", "System Directory", "GAMS Demo", "installed license", "Time-limited", "Error:")
    kept = (line for line in text.splitlines() if any(word in line for word in wanted))
    return "\n".join(re.sub(r"\bG\d{6}\S+", "", line).rstrip() for line in kept)


def _mtime_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
