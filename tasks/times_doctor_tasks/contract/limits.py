"""What a scan may ask of hosts and of recovery, from and to.

Checked where a person sets it and where a host reads it.
"""

from __future__ import annotations

from typing import Final

#: Seconds of silence after which a run is taken from its owner. Hosts beat twice a second; who waits for more than an
#: hour has no recovery.
LEASE_S: Final = (1.0, 3600.0)
#: How often a run that loses its host is begun.
ATTEMPTS: Final = (1, 100)
#: Seconds without log growth or CPU time after which a solver that was asked to stop is made to: up to a day.
GRACE_S: Final = (1.0, 86_400.0)
#: Seconds after which it is made to although it works on: up to a week.
STOP_CAP_S: Final = (1.0, 604_800.0)
