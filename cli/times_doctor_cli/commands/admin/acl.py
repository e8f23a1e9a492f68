"""`times-doctor acl`: the server's users, with their passwords."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """Examples:

  times-doctor acl > users.acl                   new users and passwords

  times-doctor acl --keep users.acl > new.acl    new rules, same passwords

  times-doctor acl --tenant acme >> users.acl    users of another team
"""


def acl(
    tenant: Annotated[
        str | None, typer.Option(metavar="NAME", help="Key prefix of the team; default: the configured one.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the passwords of this ACL file.", show_default=False)
    ] = None,
) -> None:
    """Print an ACL file for the broker, with one user per role.

    The file holds the passwords. Without --keep, each call makes new ones.
    """
    import os
    import sys

    from times_doctor_tasks.config.settings import Settings
    from times_doctor_tasks.contract.users import users_acl

    settings = Settings.load(os.environ | ({"TIMES_DOCTOR_KEY_PREFIX": tenant} if tenant is not None else {}))
    sys.stdout.write(users_acl(settings.key_prefix, kept=_passwords(keep) if keep else None))


#: Characters that are read of an ACL file: /dev/zero never ends.
_MAX_FILE = 1_000_000


def _passwords(path: Path) -> dict[str, str]:
    from times_doctor_tasks.contract.errors import UsageError
    from times_doctor_tasks.contract.users import kept_passwords

    try:
        with path.open(encoding="utf-8") as file:
            found = kept_passwords(file.read(_MAX_FILE))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--keep {path}: cannot be read ({error}). Expected the ACL file of the server.") from error
    if not found:
        raise UsageError(
            f"--keep {path}: has no user with a password. Did `> {path.name}` empty it? Write to another file."
        )
    return found
