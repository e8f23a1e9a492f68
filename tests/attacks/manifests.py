"""Hand-written manifests, each as the bytes that a client puts into the store."""

from __future__ import annotations

import json

from times_doctor_tasks.snapshot.manifest import MAX_MANIFEST_BYTES

NO_BLOB = "0" * 64


def file(path: str = "model/m.mps", size_bytes: object = 1, sha256: object = NO_BLOB) -> dict[str, object]:
    return {"path": path, "size_bytes": size_bytes, "sha256": sha256}


def manifest(*files: dict[str, object], driver: str = "model/m.mps", **fields: object) -> bytes:
    return json.dumps({"driver": driver, "files": files or [file()], "kind": "lp"} | fields).encode()


def filled(before: bytes, unit: bytes, after: bytes, size: int = MAX_MANIFEST_BYTES - 1000) -> bytes:
    return before + unit * ((size - len(before) - len(after)) // len(unit)) + after


_HEAD = b'{"driver":"model/m.mps","files":[{"path":"model/m.mps","size_bytes":1,"sha256":"%s"}],' % NO_BLOB.encode()
_PLACE = b'{"path":"a","line":1,"before":"b","after":"c"}'

MANIFESTS: dict[str, bytes] = {
    # what is none
    "empty": b"",
    "no json": b"x",
    "no text": b"\xff\xfe\x00",
    "a list": b"[]",
    "a number": b"-1",
    "too deep": b'{"x":' + b"[" * 200_000,
    "nothing in it": b"{}",
    "no files": b'{"driver":"m","files":[]}',
    "files of null": b'{"driver":"m","files":null}',
    "files of text": b'{"driver":"m","files":"model/m.mps"}',
    "a driver that is a number": b'{"driver":1,"files":[]}',
    # names
    **{
        f"the name {name!r}": manifest(file(name), driver=name)
        for name in (
            "/etc/passwd",
            "../m.mps",
            "model/../../m.mps",
            "model//m.mps",
            "model/",
            "",
            ".",
            "c:/m.mps",
            "model\\m.mps",
            "model/m\x00.mps",
            "model/m\n.mps",
            ".staged.json",
            "model/con.mps",
            "a" * 5000,
            "a/" * 2000 + "m.mps",
        )
    },
    "a driver that is no file": manifest(driver="model/other.mps"),
    "two files of one name": manifest(file(), file()),
    "a file where a folder is": manifest(file("model"), file()),
    "a surrogate": b'{"driver":"model/\\ud800.mps","files":[{"path":"model/\\ud800.mps","size_bytes":1,"sha256":"0"}]}',
    # numbers and hashes
    "a negative size": manifest(file(size_bytes=-1)),
    "a size of 10 PB": manifest(file(size_bytes=10**16)),
    "many files of 10 PB in all": manifest(*(file(f"model/{n}", 10**12) for n in range(10_000)), file()),
    "a size that is text": manifest(file(size_bytes="1")),
    "a size with a fraction": manifest(file(size_bytes=0.5)),
    "a size of 5,000 digits": manifest(file(size_bytes=1)).replace(
        b'"size_bytes": 1', b'"size_bytes": 1' + b"0" * 5000
    ),
    "a size within the disk that is a lie": manifest(file(size_bytes=10**9)),
    "a hash that is a path": manifest(file(sha256="../" * 20 + "0000")),
    "the hash of no file": manifest(),
    # other fields
    "another kind": manifest(kind="exe"),
    "a folder that does not exist": manifest(idirs=["elsewhere"]),
    "a parameter that writes": manifest(parameters=[["o", "/etc/cron.d/x"]], kind="gams"),
    "a folder above": manifest(gdxpath="../../x/", kind="gams"),
    # bombs
    "files without end": filled(b'{"driver":"m","files":[', b'{"path":"a","size_bytes":1,"sha256":""},', b"{}]}"),
    "pairs without end": filled(_HEAD + b'"parameters":[', b'["a","b"],', b'["",""]]}'),
    "folders without end": filled(_HEAD + b'"idirs":[', b'"aa",', b'""]}'),
    "places without end": filled(_HEAD + b'"rewritten":[', _PLACE + b",", _PLACE + b"]}"),
    "one name without end": filled(_HEAD + b'"restart":"', b"a", b'"}'),
    "blanks beyond the bound": b" " * (MAX_MANIFEST_BYTES + 1),
    "blanks far beyond the bound": b" " * (40 * MAX_MANIFEST_BYTES),
}
