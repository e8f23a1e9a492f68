"""The server's users, one per role: deploy/users.acl is a copy of `users.acl` beside this module."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from importlib.resources import files

#: Random bytes in a password; written as letters and digits, as it becomes part of a URL.
_BYTES = 32
#: The default tenant, whose users have no prefix.
OWN = "td"


def kept_passwords(text: str) -> dict[str, str]:
    """Each user of an ACL file with its passwords, as the file has them: `>password` or `#hash`, one or more.

    >>> kept_passwords("user client on >old >new resetkeys\\nuser default off")
    {'client': '>old >new'}
    """
    rules = re.findall(r"^user (\S+) (.+)$", text, re.MULTILINE)
    found = {user: " ".join(word for word in words.split() if word[0] in ">#") for user, words in rules}
    return {user: words for user, words in found.items() if words}


def users_acl(
    prefix: str = OWN,
    *,
    password: Callable[[], str] = lambda: secrets.token_hex(_BYTES),
    kept: Mapping[str, str] | None = None,
) -> str:
    """The lines of an ACL file for one tenant, each user with its password of `kept`, else a new one.

    Tenants other than `td` get separate users in the same file: `acme-client`. The server's operator, `ops`, exists
    once.

    >>> users_acl("acme", password=lambda: "x").splitlines()[0][:50]
    'user acme-client on >x resetkeys %R~acme:* ~acme:a'
    """
    text = files(__package__).joinpath("users.acl").read_text("utf-8")
    if prefix != OWN:
        text = re.sub(rf"(?<=[~&]){OWN}:", f"{prefix}:", text)
        text = re.sub(r"^user (default|ops) .*\n", "", text, flags=re.MULTILINE)  # a file names each user once
        text = re.sub(r"^user ", f"user {prefix}-", text, flags=re.MULTILINE)
    known = kept or {}
    return re.sub(
        r"(?<=user )(\S+) on >[A-Z]+_PASSWORD", lambda m: f"{m[1]} on {known.get(m[1]) or f'>{password()}'}", text
    )
