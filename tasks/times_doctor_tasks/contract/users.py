"""The server's users, one per role: `users.acl` beside this module is what deploy/users.acl is a copy of."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from importlib.resources import files

#: Bytes of chance in a password; written as letters and digits, for it becomes part of a URL.
_BYTES = 32
#: The tenant whose keys and users carry no name of their own.
OWN = "td"


def users_acl(prefix: str = OWN, *, password: Callable[[], str] = lambda: secrets.token_hex(_BYTES)) -> str:
    """The lines of an ACL file for one tenant, each user with a password of its own.

    Another tenant than `td` gets users of its own, to stand beside the others in one file: `acme-client`.

    >>> users_acl("acme", password=lambda: "x").splitlines()[0][:50]
    'user acme-client on >x resetkeys %R~acme:* ~acme:a'
    """
    text = files(__package__).joinpath("users.acl").read_text("utf-8")
    text = re.sub(r"[A-Z]+_PASSWORD", lambda _: password(), text)
    if prefix == OWN:
        return text
    text = re.sub(rf"(?<=[~&]){OWN}:", f"{prefix}:", text)
    text = re.sub(r"^user default .*\n", "", text, flags=re.MULTILINE)  # a file names each user once
    return re.sub(r"^user ", f"user {prefix}-", text, flags=re.MULTILINE)
