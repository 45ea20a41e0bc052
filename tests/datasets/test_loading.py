"""Loading by name: real data or the embedded default, and which of them the page says."""

import json
import subprocess
import sys

import pytest

from lib.datasets import (
    DownloadError,
    OfflineError,
    UnknownDatasetError,
    WrongHashError,
    fingerprint,
    load,
    network,
    registry,
)


class TestLoad:
    def test_real_data(self, server, made_row):
        made_row(server.url)
        dataset = load("made", progress=False)
        assert dataset["train"] == [["Hello", "big", "world"], ["Well", "done"]]
        assert (dataset.source.origin, dataset.source.embedded) == ("download", False)
        assert load("made").source.origin == "cache"

    def test_sentence_of_real_data(self, server, made_row):
        made_row(server.url)
        assert load("made", progress=False).source.sentence == (
            "**Data:** [Made data](https://example.org/) (two sentences). "
            "2 sentences in `train`. Licence: CC0."
        )

    def test_default_without_a_network(self, closed_port, made_row):
        made_row(closed_port)
        source = load("made").source
        assert (source.name, source.origin, source.embedded) == ("default", "embedded", True)
        assert source.stands_for == "Made data"
        assert str(source) == source._repr_markdown_() == source.sentence
        assert source.sentence == (
            "**Data:** a default (signs). 1,000 sentences in `train` and 500 in `test`. "
            "Licence: MIT. This is an embedded default that stands in for Made data, because there "
            "is no network, and neither the mirror nor the cache holds its files; figures here are "
            "not figures for Made data."
        )

    def test_default_when_asked_for(self, server, made_row):
        made_row(server.url)
        source = load("made", embedded=True).source
        assert (source.name, source.stands_for) == ("default", "")
        assert server.requests == []

    def test_no_default_is_an_error(self, closed_port, made_row):
        made_row(closed_port, embedded="")
        with pytest.raises(OfflineError):
            load("made")

    def test_a_failing_server_is_an_error_and_no_default(self, server, made_row):
        made_row(server.url + "missing/")
        with pytest.raises(DownloadError):
            load("made", progress=False)

    def test_a_wrong_hash_is_an_error_and_no_default(self, server, made_row):
        made_row(server.url, sha="0" * 64)
        with pytest.raises(WrongHashError):
            load("made", progress=False)

    def test_a_bar_is_shown_elsewhere(self, server, made_row, capsys):
        made_row(server.url)
        load("made")
        assert "made/train.conllu" in capsys.readouterr().err

    def test_unknown_name(self):
        with pytest.raises(UnknownDatasetError):
            load("nothing of that name")

    def test_unknown_split_names_the_known(self):
        with pytest.raises(KeyError, match=r"no split 'validation'.*'train', 'test'"):
            load("synthetic-lexicon")["validation"]

    def test_a_dataset_shows_no_records(self, server, made_row):
        made_row(server.url)
        shown = repr(load("made", progress=False))
        assert shown == "<Dataset made (train: 2; download)>"

    def test_a_note_is_shown_to_the_reader_of_the_notebook(self, server, made_row, cache):
        cache.write_text("no folder")
        made_row(server.url)
        dataset = load("made", progress=False)
        assert "were not kept" in repr(dataset)
        assert "were not kept" not in dataset.source.sentence


class TestFingerprint:
    def test_real_and_default_differ(self, server, closed_port, made_row):
        made_row(server.url)
        online = fingerprint("made")
        network.declare_offline("test")
        offline = fingerprint("made")
        network.forget()
        assert online != offline
        assert server.requests == []  # nothing was downloaded to know it

    def test_files_at_hand_need_no_network(self, server, made_row):
        made_row(server.url)
        online = fingerprint("made")
        load("made", progress=False)
        network.declare_offline("test")
        assert fingerprint("made") == online

    def test_an_edited_row_changes_it(self, server, made_row):
        made_row(server.url)
        before = fingerprint("made"), fingerprint("default")
        made_row(server.url, sha="1" * 64)
        assert fingerprint("made") != before[0]
        assert fingerprint("default") == before[1]

    def test_an_edited_default_changes_it_only_where_it_is_shown(self, server, made_row):
        made_row(server.url, about="signs")
        online = fingerprint("made")
        network.declare_offline("test")
        offline = fingerprint("made")
        made_row(server.url, about="other signs")
        assert fingerprint("made") != offline
        network.forget()
        assert fingerprint("made") == online

    def test_the_version_of_python_counts_where_its_text_is_shown(self, monkeypatch):
        before = fingerprint("python-docs")
        registry._read.cache_clear()
        monkeypatch.setattr("platform.python_version", lambda: "9.9.9")
        try:
            assert fingerprint("python-docs") != before
        finally:
            registry._read.cache_clear()

    def test_unknown_name(self):
        with pytest.raises(UnknownDatasetError):
            fingerprint("nothing of that name")


class TestLog:
    @pytest.fixture
    def log(self, tmp_path, monkeypatch):
        path = tmp_path / "log.jsonl"
        monkeypatch.setenv("LIB_DATASETS_LOG", str(path))
        return lambda: [json.loads(line) for line in path.read_text().splitlines()]

    def test_each_load_appends_what_fingerprint_says(self, server, made_row, log):
        made_row(server.url)
        expected = [{"name": "made", "fingerprint": fingerprint("made")}]
        load("made", progress=False)
        assert log() == expected
        load("made")
        assert log() == expected * 2

    def test_no_bar_stays_on_the_page(self, server, made_row, log, capsys):
        made_row(server.url)
        load("made")
        assert capsys.readouterr().err == ""

    def test_a_default_is_logged_under_the_name_asked_for(self, closed_port, made_row, log):
        made_row(closed_port)
        load("made")
        assert log() == [{"name": "made", "fingerprint": fingerprint("made")}]

    def test_a_default_asked_for_is_logged_as_itself(self, server, made_row, log):
        made_row(server.url)
        load("made", embedded=True)
        assert log() == [{"name": "default", "fingerprint": fingerprint("default")}]


def test_loading_needs_no_torch():
    """The build asks for fingerprints; it must not wait for torch."""
    program = "import sys, lib.datasets; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
