"""Starts the service: `pcap-analyzer serve`."""

import gc
import ipaddress
import os
import secrets
import socket
import sys
import threading
import webbrowser
from dataclasses import replace

import uvicorn

from pcap_analyzer.config import Settings, load
from pcap_analyzer.errors import SettingsError
from pcap_analyzer.web import logs
from pcap_analyzer.web.access import Guard
from pcap_analyzer.web.app import create_app
from pcap_analyzer.web.connections import Connections
from pcap_analyzer.web.metrics import Metrics
from pcap_analyzer.web.proxies import Proxies
from pcap_analyzer.web.rates import Rates
from pcap_analyzer.wiring import Running

# Open pages keep a stream of progress; on a stop they, and uploads under way, get this long to end.
_GRACE_S = 2
_BACKLOG = 512
_SWITCH_S = 0.0005
# Objects; collections of the young before one of the middle-aged; of those before one of all. With Python's own
# numbers, under load, a collection of all stopped every thread for 50 ms every few seconds.
_COLLECT_AFTER = (2_000, 5, 1_000)


def run(host: str = "127.0.0.1", port: int = 8000, *, open_browser: bool = False) -> None:
    """Serve until interrupted; prints the address. Raises SettingsError for a setting, host or port that cannot be."""
    # Captures and reports are nobody else's to read, whatever the shell's habit.
    os.umask(0o077)
    # Threads that take uploads hold the interpreter so much shorter each: the loop that answers waits for all of them.
    sys.setswitchinterval(_SWITCH_S)
    settings = load()
    with _listen(host, port) as listener:
        token, made = token_for(settings, host)
        settings = replace(settings, auth_token=token)  # wherever strings are hidden, a token made here is too
        logs.start(settings.log_level, settings.log_mode, hidden=(token or "",))
        running = Running(settings)
        try:
            address = _address(listener)
            print(f"PCAP Analyzer is at {address} (Ctrl-C ends it)", flush=True)
            if made:
                print(f"Sign in with the token {token} (made for this run; AUTH_TOKEN sets one that stays)", flush=True)
            if open_browser:
                # The listener holds the browser's call until the server answers; the browser may be slow to start.
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
            guard = Guard(token, any_host=not _is_loopback(host))
            server = make_server(running, guard, settings)
            # What stays for ever is not looked through again and again: that took an eighth of the loop's time.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*_COLLECT_AFTER)
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            pass
        finally:
            running.close()


def _listen(host: str, port: int) -> socket.socket:
    if not host:
        raise SettingsError("--host is empty; allowed is an address of this machine, 0.0.0.0 for all of them")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"--host is {host!r} and --port {port}, which cannot be opened ({error}); allowed is an address of this "
            "machine, and a free port or 0 to have one chosen"
        ) from error


def token_for(settings: Settings, host: str) -> tuple[str | None, bool]:
    """The token to ask for, None for nobody, and whether it was made here.

    One is always asked for where others than this machine can come, unless AUTH_MODE=none was said.
    """
    if settings.auth_token is not None:
        return settings.auth_token, False
    if settings.auth_mode == "token" or (settings.auth_mode is None and not _is_loopback(host)):
        return secrets.token_urlsafe(24), True
    return None, False


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def make_server(running: Running, guard: Guard, settings: Settings) -> uvicorn.Server:
    """The HTTP server around a running service behind its door; it closes the service when it ends."""
    proxies = Proxies(settings.trusted_proxies)
    rates = Rates(settings.rate_limit_per_minute)
    connections = Connections(running.audit, proxies)
    figures = Metrics()
    running.listen(figures)
    figures.watch(running.service)
    return uvicorn.Server(
        uvicorn.Config(
            # Closed by the application too: on SIGTERM uvicorn does not come back here.
            create_app(
                running.service,
                running.arrivals,
                running.tables,
                guard,
                figures,
                running.audit,
                rates,
                on_shutdown=running.close,
            ),
            lifespan="on",
            ws="none",
            # A class to uvicorn; it only calls it.
            http=connections.protocol,  # type: ignore[arg-type]
            # Who says for whom he asks is believed only where he is named.
            proxy_headers=bool(proxies.names),
            forwarded_allow_ips=list(proxies.names),
            # Addresses and names of captures do not belong into a log.
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
    )
