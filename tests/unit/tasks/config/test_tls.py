from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from times_doctor_tasks.config.settings import Settings, shown_url
from times_doctor_tasks.config.tls import Tls, tls_options, tls_problem, trust
from times_doctor_tasks.contract.errors import UsageError


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    trust(Tls())


def test_only_a_url_with_tls_gets_options_and_the_system_is_believed_by_default() -> None:
    assert tls_options("redis://h") == tls_options("redis+socket:///s") == {}
    assert tls_options("rediss://h") == {
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
        "ssl_check_hostname": True,
        "ssl_min_version": ssl.TLSVersion.TLSv1_2,
    }


def test_files_are_heeded_once_they_are_trusted(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("ca", "cert", "key")]
    for path in paths:
        path.write_text("x")
    trust(Tls(*paths))
    options = tls_options("rediss://h")
    assert [options[name] for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")] == [str(path) for path in paths]


@pytest.mark.parametrize(
    ("names", "says"), [(("ca",), "TLS_CA.*No such file"), (("cert",), "No such file"), (("real cert",), "belong")]
)
def test_what_cannot_be_used_is_said_before_anything_is_sent(tmp_path: Path, names: tuple[str, ...], says: str) -> None:
    (tmp_path / "there").write_text("x")
    files = {name.removeprefix("real "): tmp_path / ("there" if "real" in name else "nowhere") for name in names}
    with pytest.raises(UsageError, match=says):
        trust(Tls(**files))


@pytest.mark.parametrize(
    "url",
    [
        "rediss://h?ssl_cert_reqs=none",
        "redis://h/0?password=secret",
        "redis://h?username=a",
        "redis://h?SSL_CA_CERTS=x",
    ],
)
def test_a_url_may_not_carry_users_or_trust_behind_its_question_mark(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Settings.load({"TIMES_DOCTOR_BROKER_URL": url}, folder=tmp_path)
    assert "secret" not in str(caught.value)


def test_tls_settings_beside_a_plain_broker_are_an_error(tmp_path: Path) -> None:
    environ = {"TIMES_DOCTOR_TLS_CA": "/ca"}
    assert Settings.load(environ, folder=tmp_path).tls.ca == Path("/ca")
    assert Settings.load(environ | {"TIMES_DOCTOR_BROKER_URL": "rediss://h"}, folder=tmp_path).tls.ca == Path("/ca")
    with pytest.raises(UsageError, match="nothing is encrypted"):
        Settings.load(environ | {"TIMES_DOCTOR_BROKER_URL": "redis://h"}, folder=tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:secret@h:6379/0", "redis://u:secret@h", "rediss://secret@h", "redis://secret@h:6379/0?x=1",
        "redis://:sec/ret@h", "redis://:sec?ret@h", "redis://:sec#ret@h", "redis://:x@secret@h", "redis://u:sec ret@h",
        "redis://h/0?password=secret", "redis://h#secret", "secret", "redis:secret@h", "redis//:secret@h",
        "redis://[secret@h", "redis://h:secret", "file:///x?secret", "file://u:secret@h/x", "s3://u:secret@b/x",
        "http://u:secret@h", "redis+socket://:secret@/run/s", "REDIS://:secret@h", "://:secret@h", "secret://h",
    ],
)  # fmt: skip
def test_no_url_shows_a_password_whatever_it_looks_like(url: str) -> None:
    for part in ("secret", "sec", "ret@", "ret"):
        assert part not in shown_url(url).replace("redis", "")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("redis://me:x@h:6379/0", "redis://me:***@h:6379/0"),
        ("rediss://:x@[::1]:6379/1", "rediss://:***@[::1]:6379/1"),
        ("redis+socket:///run/td.sock", "redis+socket:///run/td.sock"),
        ("file:///mnt/my share", "file:///mnt/my share"),
        ("redis", "redis"),
        ("", ""),
    ],
)
def test_what_holds_no_password_is_shown(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_a_failure_that_tls_does_not_explain_is_left_to_others() -> None:
    assert tls_problem(ConnectionError("refused"), "redis://h") == ""
    assert tls_problem(ConnectionError("refused"), "rediss://h") == ""
