"""What a scan may ask of hosts and of recovery, from and to.

Checked where a person sets it and where a host reads it.
"""

from __future__ import annotations

import re
from typing import Final

#: Seconds without a heartbeat after which a run is taken from its owner. Heartbeats come twice a second; with more
#: than an hour there would be no recovery.
LEASE_S: Final = (1.0, 3600.0)
#: Attempts of a run that loses its host.
ATTEMPTS: Final = (1, 100)
#: Seconds without log growth or CPU time after which a solver that was asked to stop is forced to: up to a day.
GRACE_S: Final = (1.0, 86_400.0)
#: Seconds after which it is forced to even if it still works: up to a week.
STOP_CAP_S: Final = (1.0, 604_800.0)
#: Days before the end of a licence when its warning begins.
LICENCE_WARN_DAYS: Final = 14
#: A name to notify of a scan; only the control worker knows its addresses.
NOTIFY_NAME: Final = re.compile(r"\w[\w.+@-]{0,59}", re.ASCII)
#: The name for no recipient: it overrides a user's default.
NO_RECIPIENT: Final = "none"
