"""Mirror, cache, download: the right file whole, or a clear error and nothing left behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lib.datasets import (
    DownloadError,
    OfflineError,
    WrongHashError,
    download,
    files,
    network,
)


def put(folder: Path, file, content: bytes) -> Path:
    path = folder / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv("LIB_DATA_MIRROR", str(folder))
    return folder


class TestDownload:
    def test_right_file_is_kept_in_the_cache_and_not_fetched_again(self, server, cache, content):
        file = server.file("good")
        first = files.gather([file], progress=False)
        assert (first.origin, first.note) == ("download", "")
        assert first.paths == (cache / "folder/data.txt",)
        assert first.paths[0].read_bytes() == content
        assert first.paths[0].stat().st_mode & 0o777 == 0o644
        assert files.gather([file]).origin == "cache"
        assert len(server.requests) == 1

    def test_length_need_not_be_announced(self, server, content):
        assert files.gather([server.file("chunked")]).paths[0].read_bytes() == content

    @pytest.mark.parametrize("kind", ["wrong", "short", "endless"])
    def test_wrong_content_is_refused_and_not_kept(self, server, cache, kind):
        with pytest.raises(WrongHashError, match=r"folder/data\.txt should have"):
            files.gather([server.file(kind)], progress=False)
        assert [path for path in cache.rglob("*") if path.is_file()] == []
        assert len(server.requests) == 1  # another attempt would bring the same

    @pytest.mark.parametrize(("kind", "attempts"), [("cut", 3), ("failing", 3), ("missing", 1)])
    def test_broken_download_leaves_nothing(self, server, cache, kind, attempts):
        with pytest.raises(DownloadError, match="LIB_DATA_MIRROR"):
            files.gather([server.file(kind)], progress=False)
        assert [path for path in cache.rglob("*") if path.is_file()] == []
        assert len(server.requests) == attempts

    @pytest.mark.parametrize("kind", ["silent", "stalling"])
    def test_slow_server_is_given_up(self, server, cache, kind, monkeypatch):
        monkeypatch.setattr(download, "TIMEOUT", (5.0, 0.05))
        with pytest.raises(DownloadError):
            files.gather([server.file(kind)], progress=False)
        assert [path for path in cache.rglob("*") if path.is_file()] == []

    def test_cut_connection_is_tried_again(self, server, content):
        found = files.gather([server.file("flaky")], progress=False)
        assert found.paths[0].read_bytes() == content
        assert len(server.requests) == 2

    def test_a_failure_keeps_the_files_that_came_before(self, server):
        good, bad = server.file("good", "a.txt"), server.file("missing", "b.txt")
        with pytest.raises(DownloadError):
            files.gather([good, bad], progress=False)
        assert files.gather([good]).origin == "cache"

    def test_interrupting_leaves_nothing(self, server, cache, monkeypatch):
        def interrupt(bar, count):
            raise KeyboardInterrupt

        monkeypatch.setattr(download.Bar, "update", interrupt)
        with pytest.raises(KeyboardInterrupt):
            files.gather([server.file("good")], progress=False)
        assert [path for path in cache.rglob("*") if path.is_file()] == []

    def test_partial_files_of_killed_processes_are_swept_but_not_those_at_work(self, server, cache):
        file = server.file("good")
        dead, alive = (put(cache, server.file("x", f"folder/.{n}.part"), b"") for n in "da")
        long_ago = time.time() - 2 * download.ABANDONED
        os.utime(dead, (long_ago, long_ago))
        files.gather([file], progress=False)
        assert not dead.exists()
        assert alive.exists()
        alive.unlink()

    def test_progress_counts_the_bytes_and_takes_back_broken_attempts(self, server, monkeypatch):
        shown = []

        class Display:
            def __init__(self, total, **_):
                shown.append(total)

            def __enter__(self):
                return self

            def __exit__(self, *_):
                pass

            def update(self, count):
                shown.append(count)

        monkeypatch.setattr(download, "tqdm", Display)
        wanted = [server.file("flaky", "a.txt"), server.file("good", "b.txt")]
        files.gather(wanted)
        total, *updates = shown
        assert total == sum(updates) == sum(file.size for file in wanted)
        assert min(updates) < 0  # the half that came before the connection was cut

    def test_two_processes_at_once(self, server, cache, content):
        """The server answers only when both have asked, and sends to both at the same time."""
        file = server.file("both")
        program = (
            "from lib.datasets.files import gather; from lib.datasets.registry import File;"
            f"found = gather([{file!r}], progress=False);"
            "import sys; sys.stdout.buffer.write(found.paths[0].read_bytes())"
        )
        command = [sys.executable, "-W", "error", "-c", program]
        running = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(2)
        ]
        for process in running:
            out, error = process.communicate(timeout=120)
            assert (process.returncode, error) == (0, b"")
            assert out == content
        assert len(server.requests) == 2
        assert (cache / file.path).read_bytes() == content


class TestCache:
    def test_damaged_file_is_fetched_again(self, server, cache, content):
        file = server.file("good")
        path = put(cache, file, content[::-1])
        assert files.gather([file], progress=False).origin == "download"
        assert path.read_bytes() == content

    def test_damaged_file_is_not_used_offline(self, server, cache, content, monkeypatch):
        monkeypatch.setenv("LIB_DATA_OFFLINE", "1")
        put(cache, server.file("good"), content[::-1])
        with pytest.raises(OfflineError, match="LIB_DATA_OFFLINE is set"):
            files.gather([server.file("good")])

    def test_a_cache_that_cannot_be_made_is_replaced_for_this_process(self, server, cache, content):
        cache.write_text("a file where the folder should be")
        file = server.file("good")
        first = files.gather([file], progress=False)
        assert first.paths[0].read_bytes() == content
        assert "were not kept" in first.note
        assert files.gather([file]).paths == first.paths
        assert len(server.requests) == 1

    def test_a_cache_that_cannot_be_written_is_replaced_for_this_process(
        self, server, cache, content, monkeypatch
    ):
        replace = Path.replace

        def refuse(path, target):
            if cache in path.parents:
                raise PermissionError(13, "Permission denied")
            return replace(path, target)

        monkeypatch.setattr(Path, "replace", refuse)
        found = files.gather([server.file("good")], progress=False)
        assert found.paths[0].read_bytes() == content
        assert "Permission denied" in found.note
        assert [path for path in cache.rglob("*") if path.is_file()] == []

    def test_a_file_that_cannot_be_read_is_fetched_again(self, server, cache, content, monkeypatch):
        file = server.file("good")
        (cache / file.path).mkdir(parents=True)  # a folder of that name: no reading, no replacing
        found = files.gather([file], progress=False)
        assert found.paths[0].read_bytes() == content
        assert "were not kept" in found.note

    def test_folder_is_the_systems_unless_named(self, cache, monkeypatch):
        assert files.cache_folder() == cache
        monkeypatch.delenv("LIB_DATA_CACHE")
        assert files.cache_folder().name == "derive-implement-train"


class TestMirror:
    def test_goes_first(self, server, cache, mirror, content):
        file = server.file("good")
        put(cache, file, content)
        path = put(mirror, file, content)
        found = files.gather([file])
        assert (found.paths, found.origin) == ((path,), "mirror")
        assert server.requests == []

    def test_damaged_file_is_an_error_that_names_it(self, server, cache, mirror, content):
        file = server.file("good")
        put(cache, file, content)
        path = put(mirror, file, content[:-1] + b"?")
        with pytest.raises(WrongHashError, match="unset LIB_DATA_MIRROR") as error:
            files.gather([file])
        assert str(path) in str(error.value)
        assert path.exists()  # the mirror is the user's: nothing there is touched
        assert server.requests == []

    def test_what_it_lacks_comes_from_elsewhere(self, server, cache, mirror, content):
        first, second, third = (server.file("good", f"{name}.txt") for name in "abc")
        put(mirror, first, content)
        put(cache, second, content)
        found = files.gather([first, second, third], progress=False)
        assert found.origin == "mirror and cache and download"
        assert found.paths == (mirror / "a.txt", cache / "b.txt", cache / "c.txt")

    def test_a_wrong_folder_is_an_error(self, server, tmp_path, monkeypatch):
        monkeypatch.setenv("LIB_DATA_MIRROR", str(tmp_path / "no such folder"))
        with pytest.raises(FileNotFoundError, match="correct the variable or unset it"):
            files.gather([server.file("good")])


class TestWhereabouts:
    def test_each_place(self, server, cache, mirror, content):
        file = server.file("good")
        assert files.whereabouts([file]) == ""
        put(cache, file, content)
        assert files.whereabouts([file]) == "cache"
        put(mirror, file, content)
        assert files.whereabouts([file]) == "mirror"
        assert files.whereabouts([file, server.file("good", "other")]) == ""

    def test_a_file_of_another_size_does_not_count(self, server, cache):
        put(cache, server.file("good"), b"half-written")
        assert files.whereabouts([server.file("good")]) == ""


def test_an_unreachable_server_counts_as_offline(server, closed_port, monkeypatch):
    """The probe connects, the requests do not: a proxy or portal that lets nothing through."""
    file = server.file("hangup")
    with pytest.raises(OfflineError, match="cannot be reached"):
        files.gather([file], progress=False)
    assert len(server.requests) == download.ATTEMPTS
    assert network.offline_reason(file.url) == "the server cannot be reached"
    with pytest.raises(OfflineError):  # and nobody waits a second time
        files.gather([file], progress=False)
    assert len(server.requests) == download.ATTEMPTS
