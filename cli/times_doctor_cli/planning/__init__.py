"""From a request to a scan: profiles, hosts, runs, estimates."""
