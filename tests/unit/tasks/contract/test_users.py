from __future__ import annotations

import re
from pathlib import Path

import pytest

from times_doctor_tasks.blob_store import redis_scripts
from times_doctor_tasks.celery_app.internals import scripts_of_others
from times_doctor_tasks.contract.users import kept_passwords, users_acl
from times_doctor_tasks.state_store import scripts

DEPLOYED = Path(__file__).parents[4] / "deploy" / "users.acl"


def test_the_file_of_the_deployment_is_what_the_command_fills_in() -> None:
    passwords = iter(re.findall(r"[A-Z]+_PASSWORD", DEPLOYED.read_text("utf-8")))
    assert users_acl(password=lambda: next(passwords)) == DEPLOYED.read_text("utf-8")


def test_every_user_gets_a_password_of_its_own() -> None:
    passwords = re.findall(r"on >([0-9a-f]{64}) ", users_acl())
    assert len(set(passwords)) == len(passwords) == 6


def test_new_rules_keep_every_password_of_the_file_that_is_in_use() -> None:
    used = re.sub(r"user client on (\S+) .*", r"user client on \1 >second #0123 ~old:rule", users_acl())
    renewed = users_acl(kept=kept_passwords(used))
    assert kept_passwords(renewed) == kept_passwords(used)
    assert "~old:rule" not in renewed


def test_a_user_that_the_file_lacks_gets_a_new_password() -> None:
    kept = kept_passwords("user client on >mine\nuser default on nopass\n# >no #user\n\nuser\n")
    assert kept == {"client": ">mine"}
    assert re.search(r"^user ops on >[0-9a-f]{64} ", users_acl(kept=kept), re.MULTILINE)


def test_a_tenant_keeps_the_passwords_of_its_own_users() -> None:
    both = users_acl() + users_acl("acme")
    renewed = users_acl("acme", kept=kept_passwords(both))
    assert kept_passwords(renewed).items() <= kept_passwords(both).items()


def test_a_tenant_has_its_own_users_and_reaches_its_own_keys_only() -> None:
    text = users_acl("acme")
    assert not re.search(r"[~&]td:", text)
    assert re.findall(r"^user (\S+)", text, re.MULTILINE) == [
        "acme-client", "acme-worker", "acme-control", "acme-admin", "acme-flower",
    ]  # fmt: skip
    assert len(re.findall(r"[~&]acme:", text)) == len(re.findall(r"[~&]td:", users_acl()))


_OURS, _ALL = ("worker", "control"), ("client", "worker", "control", "flower")
#: Who runs each script.
_BLOBS = dict.fromkeys(redis_scripts.VERBS, ("client", "worker"))
_STATES = dict.fromkeys(scripts.VERBS, _OURS)


def _granted(role: str) -> set[str]:
    line = next(line for line in users_acl().splitlines() if line.startswith(f"user {role} "))
    return set(re.findall(r"(?<= \+)[a-z|]+", line))


def _called(script: str) -> set[str]:
    return {name.lower() for name in re.findall(r"redis\.p?call\(\s*['\"](\w+)['\"]", script)}


@pytest.mark.parametrize(
    ("script", "roles"),
    [
        *((scripts.source(verb), roles) for verb, roles in _STATES.items()),
        *((redis_scripts.source(verb), roles) for verb, roles in _BLOBS.items()),
        *((script, _ALL if "ZREMRANGEBYSCORE" in script.upper() else _OURS) for script in scripts_of_others()),
    ],
)
def test_whoever_runs_a_script_may_use_each_command_in_it(script: str, roles: tuple[str, ...]) -> None:
    """The server checks what a script calls with the rights of the caller."""
    assert _called(script)
    for role in roles:
        assert _called(script) | {"evalsha", "script|exists"} <= _granted(role), role


def test_only_control_loads_scripts() -> None:
    assert [role for role in _ALL if "script|load" in _granted(role)] == ["control"]
    assert not any({"eval", "script", "@scripting"} & _granted(role) for role in _ALL)
