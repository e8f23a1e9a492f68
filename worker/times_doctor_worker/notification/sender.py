"""`python -m times_doctor_worker.notification.sender`: sends one message to some addresses, as a separate process.

Standard input: JSON `{"urls", "title", "body"}`. Standard output: JSON list of the places, from 1, of the addresses
that did not accept it. Without a body it sends nothing and prints those that Apprise cannot handle.
"""

from __future__ import annotations

import json
import logging
import sys

from times_doctor_worker.process.supervisor import keep_secrets


def main() -> int:
    """Sends it."""
    keep_secrets()
    asked = json.load(sys.stdin)
    logging.disable(logging.CRITICAL)  # Apprise and urllib3 name addresses
    from apprise import Apprise, AppriseAsset, NotifyFormat

    title, body, asset = asked["title"], asked["body"], AppriseAsset(app_id="times-doctor", async_mode=False)
    services = [Apprise.instantiate(url, asset=asset) for url in asked["urls"]]
    taken = [
        service is not None and (not body or bool(service.notify(body, title, body_format=NotifyFormat.TEXT)))
        for service in services
    ]
    json.dump([place for place, is_taken in enumerate(taken, 1) if not is_taken], sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
