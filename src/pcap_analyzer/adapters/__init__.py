"""One file per technology, each fulfilling a port of `jobs.ports`; none knows another. `wiring` chooses."""
