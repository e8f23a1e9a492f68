"""`times-doctor seats`: solver licence seats, counted over all hosts."""

from __future__ import annotations

from times_doctor_tasks.errors import NotYetHere


def seats() -> None:
    """Show and set licence seats that are counted over all hosts (comes in a later version)."""
    raise NotYetHere(
        "Licence seats are not counted over hosts yet; that comes in a later version. "
        "Until then give a host with a counted licence as many --slots as it has seats."
    )
