"""`manifest.json`: all that is needed to repeat the scan: hashes, options, versions, hosts, threads, seeds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from times_doctor_cli.reports.layout import MANIFEST
from times_doctor_cli.reports.writers.csv_report import iso_time
from times_doctor_cli.reports.writers.files import write_atomically
from times_doctor_tasks import __version__
from times_doctor_tasks.contract.messages import Report, RunResult, RunSpec
from times_doctor_tasks.profiles.option_file import parse_options
from times_doctor_tasks.snapshot.manifest import Manifest

SCHEMA = 1


def write_manifest(
    report: Report, directory: Path, *, specs: Mapping[str, RunSpec], inputs: Manifest | None = None
) -> Path:
    """Writes the manifest of a scan; without `inputs` it has only the hash of the model's files."""
    document = {
        "schema": SCHEMA,
        "scan": report.scan,
        "created": iso_time(report.spec.created_ms),
        "times_doctor": __version__,
        "client": report.spec.client,
        "mode": report.spec.mode,
        "model": msgspec.to_builtins(report.spec.model),
        "inputs": msgspec.to_builtins(inputs) if inputs else None,
        "runs": [_run(result, specs.get(result.run)) for result in report.runs],
    }
    return write_atomically(directory / MANIFEST, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def _run(result: RunResult, spec: RunSpec | None) -> dict[str, object]:
    options = spec.options if spec else None
    settings = parse_options(options, result.solver).options if options is not None else ()
    return {
        "run": result.run,
        "engine": result.engine,
        "engine_version": result.engine_version,
        "solver": result.solver,
        "solver_version": result.solver_version,
        "profile": result.profile,
        "origin": spec.origin if spec else None,
        "repeat": spec.repeat if spec else None,
        "options": options,
        "options_sha256": _sha256(options) if options is not None else None,
        "options_ignored": result.options_ignored,
        "seeds": {name: value for name, value in settings if "seed" in name.lower()},
        "threads": result.threads if result.threads is not None else spec.threads if spec else None,
        "timeout_s": spec.timeout_s if spec else None,
        "host": result.host,
        "attempt": result.attempt,
        "started": iso_time(result.started_ms),
        "ended": iso_time(result.ended_ms),
        "artefacts": [
            {"name": a.name, "sha256": a.sha256, "size_bytes": a.size_bytes, "kept_bytes": a.kept_bytes}
            for a in result.artefacts
        ],
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
