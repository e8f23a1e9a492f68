from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from times_doctor_tasks.snapshot.manifest import (
    BadManifest,
    HostileName,
    Manifest,
    NameCollision,
    StagedFile,
    check_collisions,
    check_manifest,
    check_name,
    decode_manifest,
    encode_manifest,
    lower_name,
    manifest_sha256,
)


def make_file(path: str, content: bytes = b"") -> StagedFile:
    return StagedFile(path=path, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def make_manifest(*paths: str, **changes: Any) -> Manifest:
    paths = paths or ("model/case.run", "model/base.dd", "source/initsys.mod")
    fields: dict[str, Any] = {"driver": paths[0], "files": tuple(make_file(path) for path in paths)}
    return Manifest(**(fields | changes))


@pytest.mark.parametrize(
    "name",
    [
        "model/base.dd",
        "model/my data/it's 50% & more.dd",
        'model/the "best" case.dd',
        "model/été_größe_模型.dd",
        "model/a.b/..c/.hidden",
        "cwd/gamssave/base_p.gdx",
        "model/~$base~0011.dd",
        "model/-dash.dd",
    ],
)
def test_ordinary_names_are_allowed(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "expected a path below"),
        ("/etc/passwd", "expected a path below"),
        ("../base.dd", "expected a path below"),
        ("model/../../base.dd", "expected a path below"),
        ("model/./base.dd", "expected a path below"),
        ("model//base.dd", "expected a path below"),
        ("model/", "expected a path below"),
        ("model\\base.dd", "a backslash"),
        ("c:/base.dd", "a colon"),
        ("model/base.dd:stream", "a colon"),
        ("model/ba\x00se.dd", "control character"),
        ("model/ba\nse.dd", "control character"),
        ("model/base.dd\x7f", "control character"),
        ("model/nul", "device name"),
        ("model/com1.dd", "device name"),
        ("aux/base.dd", "device name"),
        ("model/base.dd.", "Windows drops"),
        ("model/base.dd ", "Windows drops"),
        ("model/Base.dd", "lower-case"),
        ("model/" + "n" * 201, "too long"),
        ("m/" * 500 + "base.dd", "too long"),
        ("model/\udce9.dd", "not text"),
        (".staged.json", "our own record"),
    ],
)
def test_hostile_names_are_refused_and_say_why(name: str, why: str) -> None:
    with pytest.raises(HostileName, match=why):
        check_name(name)


@given(st.text())
def test_an_allowed_name_stays_below_its_tree(name: str) -> None:
    try:
        check_name(name)
    except HostileName:
        return
    parts = name.split("/")
    assert ".." not in parts
    assert all(parts)
    assert name == lower_name(name)


def test_only_ascii_letters_are_lower_cased_as_gams_does() -> None:
    assert lower_name("Été_BASE.DD") == "Été_base.dd"


def test_two_files_with_one_name_are_both_named() -> None:
    with pytest.raises(NameCollision) as caught:
        check_collisions([("model/base.dd", "Base.dd"), ("model/x.dd", "x.dd"), ("model/base.dd", "BASE.DD")])
    assert str(caught.value) == (
        "'Base.dd' and 'BASE.DD' are both called 'model/base.dd' on a solver host, where names are lower-cased. "
        "Remove or rename the one the model does not use."
    )


def test_a_file_where_another_needs_a_folder_is_a_collision() -> None:
    with pytest.raises(NameCollision, match=r"'Data' and 'data/base\.dd'"):
        check_collisions([("model/data/base.dd", "data/base.dd"), ("model/data", "Data")])


def test_a_manifest_survives_the_wire() -> None:
    manifest = make_manifest(
        idirs=("model", "source"), parameters=(("--DSC", "YES"), ("optcr", "0.01")), gdxpath="gamssave/"
    )
    assert decode_manifest(encode_manifest(manifest)) == manifest


def test_the_name_of_a_snapshot_follows_its_content() -> None:
    manifest = make_manifest()
    assert manifest_sha256(manifest) == manifest_sha256(make_manifest())
    changed = msgspec.structs.replace(manifest, parameters=(("--DSC", "YES"),))
    assert manifest_sha256(changed) != manifest_sha256(manifest)
    assert hashlib.sha256(encode_manifest(manifest)).hexdigest() == manifest_sha256(manifest)


def test_the_name_of_a_known_snapshot_never_changes() -> None:
    # hosts keep staged trees and clients resume by it: a change here makes both useless
    assert manifest_sha256(make_manifest("model/a.run")) == (
        "437f751579352dea8a731234f1f2d3333e81f13c2858f4519ec4675542eb505f"
    )


def test_unknown_fields_of_a_newer_client_are_ignored() -> None:
    blob = encode_manifest(make_manifest()).replace(b'{"driver"', b'{"colour":"red","driver"')
    assert decode_manifest(blob) == make_manifest()


@pytest.mark.parametrize(
    "blob", [b"", b"{}", b"[]", b'{"driver":1}', b"\xff\xfe", b'{"driver":"a","files":[{}]}', b'{"x":' + b"[" * 99_999]
)
def test_a_blob_that_is_no_manifest_is_refused(blob: bytes) -> None:
    with pytest.raises(BadManifest, match="refused"):
        decode_manifest(blob)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"files": ()}, "0 files"),
        ({"files": (StagedFile(path="model/case.run", size_bytes=10**16, sha256="0" * 64),)}, "10,000,000,000,000,000"),
        ({"driver": "model/other.run"}, "not among its files"),
        ({"restart": "restart/_times.g00"}, "not among its files"),
        ({"idirs": ("elsewhere",)}, "holds no file"),
        ({"idirs": ("..",)}, "holds no file"),
        ({"kind": "exe"}, "its kind is 'exe'"),
        ({"parameters": (("o", "/etc/cron.d/x"),)}, "may travel"),
        ({"parameters": (("procdir", "x"),)}, "may travel"),
        ({"parameters": (("--x y", "1"),)}, "may travel"),
        ({"parameters": (("--x", "a\nb"),)}, "not printable"),
        ({"parameters": (("--x", "a" * 1001),)}, "too long"),
        ({"files": (StagedFile(path="model/case.run", size_bytes=-1, sha256="0" * 64),)}, "size or sha256"),
        ({"files": (StagedFile(path="model/case.run", size_bytes=1, sha256="../../etc"),)}, "size or sha256"),
    ],
)
def test_a_manifest_that_asks_for_more_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(BadManifest, match=why):
        check_manifest(make_manifest(**changes))


def test_a_gdx_folder_outside_the_working_directory_is_refused() -> None:
    with pytest.raises(HostileName):
        check_manifest(make_manifest(gdxpath="../../"))


@pytest.mark.parametrize("error", [HostileName("a", "b"), NameCollision("a", "b", "c"), BadManifest("a")])
def test_errors_can_be_rebuilt_from_their_arguments(error: Exception) -> None:
    assert str(type(error)(*error.args)) == str(error)
