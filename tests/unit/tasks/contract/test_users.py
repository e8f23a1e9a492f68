from __future__ import annotations

import re
from pathlib import Path

from times_doctor_tasks.contract.users import users_acl

DEPLOYED = Path(__file__).parents[4] / "deploy" / "users.acl"


def test_the_file_of_the_deployment_is_what_the_command_fills_in() -> None:
    passwords = iter(re.findall(r"[A-Z]+_PASSWORD", DEPLOYED.read_text("utf-8")))
    assert users_acl(password=lambda: next(passwords)) == DEPLOYED.read_text("utf-8")


def test_every_user_gets_a_password_of_its_own() -> None:
    passwords = re.findall(r"on >([0-9a-f]{64}) ", users_acl())
    assert len(set(passwords)) == len(passwords) == 4


def test_a_tenant_has_its_own_users_and_reaches_its_own_keys_only() -> None:
    text = users_acl("acme")
    assert not re.search(r"[~&]td:", text)
    assert re.findall(r"^user (\S+)", text, re.MULTILINE) == [
        "acme-client", "acme-worker", "acme-control", "acme-flower",
    ]  # fmt: skip
    assert len(re.findall(r"[~&]acme:", text)) == len(re.findall(r"[~&]td:", users_acl()))
