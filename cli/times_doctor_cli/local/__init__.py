"""The private broker and worker of a scan on this machine."""
