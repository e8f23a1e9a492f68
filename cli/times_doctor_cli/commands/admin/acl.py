"""`times-doctor acl`: the server's users, with passwords made for them."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLES = """
Examples:

  times-doctor acl > users.acl                   a user for each role
  times-doctor acl --tenant acme >> users.acl    and for another team
"""


def acl(
    tenant: Annotated[
        str | None, typer.Option(metavar="NAME", help="Key prefix of the team; default: the configured one.")
    ] = None,
) -> None:
    """Print the broker's users, one per role, with new passwords."""
    import os
    import sys

    from times_doctor_tasks.config.settings import Settings
    from times_doctor_tasks.contract.users import users_acl

    settings = Settings.load(os.environ | ({"TIMES_DOCTOR_KEY_PREFIX": tenant} if tenant is not None else {}))
    sys.stdout.write(users_acl(settings.key_prefix))
