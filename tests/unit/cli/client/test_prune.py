from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from times_doctor_cli.client.prune import prune
from times_doctor_tasks.blob_store.factory import open_store
from times_doctor_tasks.config.settings import Settings
from times_doctor_tasks.contract.errors import InfrastructureError


def test_this_machines_store_is_freed_even_if_the_broker_is_away(tmp_path: Path) -> None:
    settings = Settings.load(
        {"TIMES_DOCTOR_CACHE_DIR": str(tmp_path), "TIMES_DOCTOR_BROKER_URL": "redis://127.0.0.1:1/0"}
    )
    store = open_store(settings.local_store_url)
    content = b"unused"
    sha256 = hashlib.sha256(content).hexdigest()
    store.put({sha256: content})
    for path in tmp_path.rglob("*"):
        os.utime(path, (0, 0))
    with pytest.raises(InfrastructureError):
        prune(settings, days=1)
    assert store.missing([sha256]) == {sha256}
