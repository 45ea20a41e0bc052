"""Is there a network? Asked at most once a process, answered in at most two seconds."""

import os
import socket
import threading
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

SECONDS = 1.8  # for looking the name up and connecting, together: within the promised two

_lock = threading.Lock()
_decision: list[str | None] = []  # empty: not decided yet


def offline_reason(url: str) -> str | None:
    """Why the network cannot be used, or None when it can.

    The first call of a process opens one TCP connection to the host of ``url`` (or to the proxy
    that the environment names for it) and gives up after 1.8 s; later calls repeat its answer,
    whatever their URL. The environment variable ``LIB_DATA_OFFLINE``, if set and not ``0``,
    decides for offline without trying.
    """
    if os.environ.get("LIB_DATA_OFFLINE", "0") not in ("", "0"):
        return "LIB_DATA_OFFLINE is set"
    with _lock:
        if not _decision:
            _decision.append(None if _connects(*_address(url)) else "there is no network")
        return _decision[0]


def declare_offline(reason: str) -> None:
    """Let the rest of the process count as offline: a host accepted connections and no more."""
    with _lock:
        _decision[:] = [reason]


def forget() -> None:
    """Decide afresh at the next question (for tests, and for a notebook that went online)."""
    with _lock:
        _decision.clear()


def _address(url: str) -> tuple[str, int]:
    """Host and port to try: the proxy's, where the environment names one for this URL."""
    target = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(target.scheme) or proxies.get("all")
    if proxy and not proxy_bypass(target.hostname or ""):
        target = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    port = target.port or {"https": 443, "socks5": 1080, "socks5h": 1080}.get(target.scheme, 80)
    return target.hostname or "", port


def _connects(host: str, port: int) -> bool:
    """Whether a connection opens in time; in a thread, since a name look-up has no time limit."""
    answers: list[bool] = []

    def attempt() -> None:
        try:
            socket.create_connection((host, port), timeout=SECONDS).close()
            answers.append(True)
        except OSError:
            answers.append(False)

    thread = threading.Thread(target=attempt, daemon=True, name="lib.datasets.network")
    thread.start()
    thread.join(SECONDS)
    return bool(answers and answers[0])
