"""``python -m lib.datasets``."""

import subprocess
import sys

import pytest

from lib.datasets import network
from lib.datasets.__main__ import main


@pytest.mark.parametrize("arguments", [[], ["list"]])
def test_lists_name_size_place_and_licence(server, made_row, capsys, arguments):
    made_row(server.url)
    assert main(arguments) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["NAME", "SIZE", "NOW", "LICENCE"],
        ["made", "0.0", "MB", "to", "download", "CC0"],
        ["default", "-", "embedded", "MIT"],
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [("1", "not here (offline)"), ("0", "to download"), ("", "to download")],
)
def test_lists_what_cannot_come_offline(server, made_row, monkeypatch, capsys, value, said):
    made_row(server.url)
    monkeypatch.setenv("LIB_DATA_OFFLINE", value)
    assert main([]) == 0
    assert f"MB  {said}  CC0" in capsys.readouterr().out.splitlines()[1]
    assert server.requests == []


def test_fetches(server, made_row, cache, capsys):
    made_row(server.url)
    assert main(["fetch", "made", "default"]) == 0
    assert capsys.readouterr().out == "made: download\ndefault: embedded, nothing to fetch\n"
    assert (cache / "made/train.conllu").exists()
    assert main([]) == 0
    assert "cache" in capsys.readouterr().out


def test_failure_is_told_in_a_line(server, made_row, capsys):
    made_row(server.url)
    network.declare_offline("there is no network")
    assert main(["fetch", "made"]) == 1
    assert capsys.readouterr().err == (
        "python -m lib.datasets: there is no network, and neither the mirror nor the cache holds "
        "its files\n"
    )


def test_a_wrong_name_is_told_before_any_download(server, made_row, capsys):
    made_row(server.url)
    assert main(["fetch", "made", "wrong"]) == 1
    assert "no data set 'wrong'" in capsys.readouterr().err
    assert server.requests == []


def test_runs_as_a_program():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "lib.datasets"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "ud-english-ewt" in done.stdout
