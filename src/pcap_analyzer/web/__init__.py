"""The service as HTTP: pages for people, an API for programs. The only package that imports litestar.

It knows requests and answers; what they mean stands in `jobs`. It never parses a capture: reports come ready from the
worker process and are handed out as they are. This slice serves one machine: it listens on loopback only, and `safety`
turns away what another site's page may send there.
"""
