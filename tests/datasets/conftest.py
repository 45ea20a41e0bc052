"""A local server that misbehaves on request, and a cache of the test's own."""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lib.datasets import download, files, network, registry
from lib.datasets.registry import File

REAL_MIRROR = os.environ.get("LIB_DATA_MIRROR", "")  # before the tests unset it
CONTENT = b"".join(b"line %d of a small file\n" % n for n in range(20_000))


class Server:
    """Serves ``/KIND/anything``, where KIND says how; counts requests."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.together = threading.Barrier(2, timeout=60)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(self.path)
                getattr(outer, self.path.split("/")[1])(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        self.thread = threading.Thread(
            target=self.httpd.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.httpd.server_port}/"

    def stop(self) -> None:
        self.httpd.shutdown()
        self.httpd.server_close()
        self.thread.join()

    def file(self, kind: str, path: str = "folder/data.txt", content: bytes = CONTENT) -> File:
        """A pinned file at the server's ``kind``."""
        digest = hashlib.sha256(content).hexdigest()
        return File(path, f"{self.url}{kind}/{path}", digest, len(content), "train")

    @staticmethod
    def send(handler: BaseHTTPRequestHandler, content: bytes, length: int | None = None) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content) if length is None else length))
        handler.end_headers()
        handler.wfile.write(content)

    def good(self, handler: BaseHTTPRequestHandler) -> None:
        self.send(handler, CONTENT)

    def small(self, handler: BaseHTTPRequestHandler) -> None:
        self.send(handler, CONLLU)

    def wrong(self, handler: BaseHTTPRequestHandler) -> None:
        self.send(handler, CONTENT[:-1] + b"!")

    def short(self, handler: BaseHTTPRequestHandler) -> None:
        self.send(handler, CONTENT[:-1])

    def endless(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(CONTENT)
        except OSError:
            pass  # the client hung up, as it should

    def chunked(self, handler: BaseHTTPRequestHandler) -> None:
        """No Content-Length, which the older protocol allows."""
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(CONTENT)

    def cut(self, handler: BaseHTTPRequestHandler) -> None:
        self.send(handler, CONTENT[: len(CONTENT) // 2], length=len(CONTENT))

    def flaky(self, handler: BaseHTTPRequestHandler) -> None:
        (self.cut if len(self.requests) == 1 else self.good)(handler)

    def missing(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_error(404)

    def failing(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_error(500)

    def silent(self, handler: BaseHTTPRequestHandler) -> None:
        """Accepts the request and never answers (within the client's patience)."""
        time.sleep(1)

    def stalling(self, handler: BaseHTTPRequestHandler) -> None:
        """Sends half, then nothing more."""
        self.send(handler, CONTENT[: len(CONTENT) // 2], length=len(CONTENT))
        time.sleep(1)

    def hangup(self, handler: BaseHTTPRequestHandler) -> None:
        """Accepts the connection and closes it: a network that is none."""
        handler.close_connection = True

    def both(self, handler: BaseHTTPRequestHandler) -> None:
        """Answers when two requests are there, and to both at once."""
        self.together.wait()
        half = len(CONTENT) // 2
        self.send(handler, CONTENT[:half], length=len(CONTENT))
        self.together.wait()
        handler.wfile.write(CONTENT[half:])


@pytest.fixture
def real_mirror(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The session's mirror, for tests on real data; they are skipped where it is unset."""
    if not REAL_MIRROR:
        pytest.skip("LIB_DATA_MIRROR is not set: the real files are not at hand")
    monkeypatch.setenv("LIB_DATA_MIRROR", REAL_MIRROR)
    return Path(REAL_MIRROR)


@pytest.fixture
def content() -> bytes:
    """What the server's files hold."""
    return CONTENT


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache, no mirror, nothing decided; afterwards nothing half-written is anywhere."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("LIB_DATA_CACHE", str(folder))
    for name in ("LIB_DATA_MIRROR", "LIB_DATA_OFFLINE", "LIB_DATASETS_LOG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(download, "PAUSE", 0.01)
    monkeypatch.setattr(files, "_stand_in", [])
    network.forget()
    yield folder
    network.forget()
    for place in [tmp_path, *files._stand_in]:
        assert [path for path in place.rglob("*") if path.name.endswith(".part")] == []


@pytest.fixture
def closed_port() -> str:
    """An address of this machine at which nobody listens."""
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    port = httpd.server_port
    httpd.server_close()
    return f"http://127.0.0.1:{port}/"


CONLLU = (
    b"# text = Hello big world\n1\tHello\n2\tbig\n3\tworld\n\n"
    b"# text = Well done\n1\tWell\n2\tdone\n\n"
)

ROW = """
[made]
title = "Made data"
about = "two sentences"
homepage = "https://example.org/"
licence = "CC0"
citation = "made"
loader = "text.conllu_text"
unit = "sentences"
embedded = {embedded!r}
base_url = {base!r}
[[made.files]]
part = "train"
path = "made/train.conllu"
source = "small/made"
bytes = {size}
sha256 = {sha!r}

[default]
title = "a default"
about = "{about}"
homepage = ""
licence = "MIT"
citation = ""
loader = "embedded.synthetic_lexicon"
unit = "sentences"
"""


@pytest.fixture
def made_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replace the registry by a row ``made`` at a server, and its embedded default."""
    versions = iter(range(1000))

    def make(base: str, *, embedded: str = "default", about: str = "signs", sha: str = "") -> None:
        digest = sha or hashlib.sha256(CONLLU).hexdigest()
        text = ROW.format(base=base, embedded=embedded, about=about, size=len(CONLLU), sha=digest)
        path = tmp_path / f"registry-{next(versions)}.toml"
        path.write_text(text, encoding="utf-8")
        monkeypatch.setattr(registry, "REGISTRY", path)

    return make
