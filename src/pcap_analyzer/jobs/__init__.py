"""Analyses as jobs: an upload becomes a queued analysis, a worker process runs it, its artifacts are kept.

The package knows no technology. What it needs from outside stands in `ports` as Protocols whose docstrings are the
contract; `adapters/` fulfils them and `tests/contract/` holds them to it. The domain is plain, blocking Python, so it
can be tested without an event loop; the web calls it from threads.

Hostile bytes are parsed only in `worker`, a process of its own with limits on memory and CPU time. It is handed paths
and hands back lines of JSON: it has neither the store nor any secret, and what it says is checked, not trusted.
"""
