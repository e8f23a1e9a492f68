"""TLS to broker and store: one trust for all connections of a process, and readable errors."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import msgspec

from times_doctor_tasks.contract.errors import UsageError

#: OpenSSL's error codes for certificates that are not trusted (`openssl-verify(1)`).
_EXPIRED, _NOT_YET = 10, 9
_OTHER_NAME = (62, 64)


_NOT_US = (
    "it hangs up on us: it refuses our certificate, or wants one and gets none; set TIMES_DOCTOR_TLS_CERT and "
    "TIMES_DOCTOR_TLS_KEY to one that its CA signed"
)


class Tls(msgspec.Struct, frozen=True):
    """The authorities that we trust, and our own certificate."""

    ca: Path | None = None
    """The CA of the servers; None: the system's."""
    cert: Path | None = None
    """Our own certificate, where servers ask for one, and its key."""
    key: Path | None = None


_in_force = Tls()


def trust(tls: Tls) -> None:
    """Sets the trust of all later connections.

    Raises:
        UsageError: a file is not there or cannot be read, or one of certificate and key is missing.
    """
    global _in_force  # Celery, store and clients make their connections by themselves
    for name in ("ca", "cert", "key"):
        path = getattr(tls, name)
        if path is None:
            continue
        try:
            path.read_bytes()
        except OSError as error:
            raise UsageError(f"TIMES_DOCTOR_TLS_{name.upper()} names {str(path)!r}: {error.strerror}.") from error
    if (tls.cert is None) != (tls.key is None):
        raise UsageError("TIMES_DOCTOR_TLS_CERT and TIMES_DOCTOR_TLS_KEY belong together: set both or none.")
    _in_force = tls


def is_tls(url: str) -> bool:
    """Whether a URL asks for TLS."""
    return url.lower().startswith("rediss://")


def tls_options(url: str) -> dict[str, Any]:
    """The options of redis-py, kombu and Celery's backend for a URL with TLS; empty for others."""
    if not is_tls(url):
        return {}
    files = {"ssl_ca_certs": _in_force.ca, "ssl_certfile": _in_force.cert, "ssl_keyfile": _in_force.key}
    return {
        "ssl_cert_reqs": ssl.CERT_REQUIRED,  # Celery's backend knows the constant only
        "ssl_check_hostname": True,
        "ssl_min_version": ssl.TLSVersion.TLSv1_2,
        **{name: str(path) for name, path in files.items() if path is not None},
    }


def tls_problem(error: BaseException, url: str) -> str:
    """Why a connection failed, if TLS or its absence explains it; else empty."""
    cause = _ssl_error(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _disbelief(cause)
    text = f"{cause or error}".lower()
    if cause is not None:
        if "wrong_version" in text or "record layer" in text or "packet length" in text:
            return "what answers there speaks no TLS: use the port that does, or redis://"
        if "unsupported protocol" in text or "protocol_version" in text or "protocol version" in text:
            return "it offers TLS older than 1.2 only"
        if any(word in text for word in ("alert", "certificate", "eof")):
            return _NOT_US
        return f"TLS failed ({cause.reason or cause})"
    if is_tls(url) and _is_timeout(error):
        return "it does not answer the greeting of TLS: no TLS there?"
    if any(word in text for word in ("reset", "closed by server", "broken pipe")):
        return _NOT_US if is_tls(url) else "it hangs up on us: does it want TLS (rediss://)?"
    return ""


def _disbelief(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in (_EXPIRED, _NOT_YET):
        return "its certificate has expired, or is not valid yet: renew it there, and compare the clocks"
    if error.verify_code in _OTHER_NAME:
        return "its certificate is for another name: write the host as the certificate does, or have one made for it"
    ours = f"the CA in {_in_force.ca}" if _in_force.ca else "the system's CAs"
    return f"its certificate is not signed by {ours}: name the file of its CA in TIMES_DOCTOR_TLS_CA"


def _ssl_error(error: BaseException | None) -> ssl.SSLError | None:
    for _ in range(8):
        if error is None or isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _is_timeout(error: BaseException) -> bool:
    return "timeout" in type(error).__name__.lower() or "timed out" in str(error).lower()
