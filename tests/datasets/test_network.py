"""Whether there is a network: asked once, answered soon, proxies respected."""

import socket
import threading
import time

import pytest

from lib.datasets import network


def test_an_open_port_is_a_network(server):
    assert network.offline_reason(server.url) is None


def test_a_closed_port_is_none(closed_port):
    assert network.offline_reason(closed_port) == "there is no network"


def test_asked_once_a_process(server, monkeypatch):
    connect, tries = socket.create_connection, []

    def count(address, *arguments, **options):
        tries.append(address)
        return connect(address, *arguments, **options)

    monkeypatch.setattr(socket, "create_connection", count)
    assert [network.offline_reason(server.url) for _ in range(3)] == [None] * 3
    assert len(tries) == 1


def test_the_answer_holds_until_forgotten(server, closed_port):
    assert network.offline_reason(closed_port) is not None
    assert network.offline_reason(server.url) is not None
    network.forget()
    assert network.offline_reason(server.url) is None


def test_the_variable_decides_without_trying(server, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket, "create_connection", fail)
    monkeypatch.setenv("LIB_DATA_OFFLINE", "1")
    assert network.offline_reason(server.url) == "LIB_DATA_OFFLINE is set"


@pytest.mark.parametrize("value", ["", "0"])
def test_the_variable_can_be_off(server, monkeypatch, value):
    monkeypatch.setenv("LIB_DATA_OFFLINE", value)
    assert network.offline_reason(server.url) is None


@pytest.mark.parametrize("function", ["getaddrinfo", "create_connection"])
def test_what_hangs_is_given_up(monkeypatch, function):
    """A name look-up has no time limit of its own, so it must not be waited for."""
    release = threading.Event()

    def hang(*_, **__):
        release.wait(60)
        raise OSError("never mind")

    monkeypatch.setattr(socket, function, hang)
    monkeypatch.setattr(network, "SECONDS", 0.05)
    start = time.monotonic()
    try:
        assert network.offline_reason("https://example.invalid/") == "there is no network"
        assert time.monotonic() - start < 30  # of the 60 that it hangs
    finally:
        release.set()


def test_the_promise_is_two_seconds():
    assert network.SECONDS < 2


@pytest.mark.parametrize(
    ("proxy", "address"),
    [
        ("http://proxy.test:3128", ("proxy.test", 3128)),
        ("proxy.test:3128", ("proxy.test", 3128)),
        ("http://proxy.test", ("proxy.test", 80)),
        ("socks5://proxy.test", ("proxy.test", 1080)),
    ],
)
def test_the_proxy_is_what_is_asked(monkeypatch, proxy, address):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("NO_PROXY", "intranet.test")
    monkeypatch.delenv("no_proxy", raising=False)
    assert network._address("https://data.test/file") == address
    assert network._address("https://intranet.test/file") == ("intranet.test", 443)


def test_ports_without_a_proxy():
    assert network._address("https://data.test/x") == ("data.test", 443)
    assert network._address("http://data.test/x") == ("data.test", 80)
    assert network._address("http://data.test:8080/x") == ("data.test", 8080)
