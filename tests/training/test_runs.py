"""Recorded runs: written only when asked, read back as written, and shown."""

import json
import subprocess

import pytest
import torch

from lib.training import comparison as comparison_module
from lib.training import provenance, runs
from lib.training.runs import RunRecord, comparison, record, recorded

CHAPTER = "sequences/crf"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LIB_RUNS", str(tmp_path / "_runs"))
    return tmp_path / "_runs"


@pytest.fixture
def on_a_gpu(monkeypatch):
    monkeypatch.setattr(runs, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(runs, "describe_device", lambda: "NVIDIA H200")


def make(**changes):
    options = {
        "metrics": {"word F1": 0.9321, "illegal": 0},
        "curves": {"loss": [2.0, 1.0, 0.5]},
        "seconds": 12.25,
        "sizes": {"steps": 100, "encoder": "conv"},
        "data": "UD English EWT, 12 543 sentences",
    }
    return record(CHAPTER, **{**options, **changes})


@pytest.mark.usefixtures("on_a_gpu")
def test_a_gpu_run_is_written_when_asked_and_read_back(folder, monkeypatch):
    monkeypatch.setenv("LIB_RECORD", "1")
    run = make()
    assert [path.name for path in (folder / "sequences").iterdir()] == ["crf.cuda.json"]
    assert recorded(CHAPTER) == [run]
    assert run.device == "NVIDIA H200"
    assert run.versions["torch"] == str(torch.__version__)
    assert run.metrics == {"word F1": 0.9321, "illegal": 0.0}
    newer = make(metrics={"word F1": 0.95})
    assert recorded(CHAPTER) == [newer]


@pytest.mark.usefixtures("on_a_gpu")
@pytest.mark.parametrize("asked", [None, "", "0"])
def test_nothing_is_written_unasked(folder, monkeypatch, asked):
    if asked is not None:
        monkeypatch.setenv("LIB_RECORD", asked)
    assert make().kind == "cuda"
    assert not folder.exists()


def test_a_cpu_run_is_written_only_by_all(folder, monkeypatch):
    monkeypatch.setenv("LIB_RECORD", "1")
    make()
    assert not folder.exists()
    monkeypatch.setenv("LIB_RECORD", "all")
    run = make()
    assert recorded(CHAPTER) == [run]
    assert (folder / "sequences" / "crf.cpu.json").is_file()


def test_only_the_first_process_writes(folder, monkeypatch):
    monkeypatch.setenv("LIB_RECORD", "all")
    monkeypatch.setenv("RANK", "1")
    make()
    assert not folder.exists()


def test_another_wish_is_refused(folder, monkeypatch):
    monkeypatch.setenv("LIB_RECORD", "yes")
    with pytest.raises(ValueError, match="LIB_RECORD='yes'; expected 1"):
        make()


def test_the_folder_is_found_upwards(tmp_path, monkeypatch):
    inside = tmp_path / "book" / "sequences"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert runs.runs_folder() is None
    monkeypatch.setenv("LIB_RECORD", "all")
    with pytest.raises(FileNotFoundError, match="no folder book/_runs was found"):
        make()
    (tmp_path / "_config.yml").touch()
    assert runs.runs_folder() == tmp_path / "book" / "_runs"
    make()
    (tmp_path / "_config.yml").unlink()
    assert len(recorded(CHAPTER)) == 1


def test_long_curves_are_thinned_alike_and_keep_their_ends(folder):
    steps = list(range(12_345))
    run = make(curves={"step": steps, "loss": [2.0 * step for step in steps]})
    assert len(run.curves["step"]) == 200
    assert (run.curves["step"][0], run.curves["step"][-1]) == (0, 12_344)
    assert run.curves["loss"] == [2 * step for step in run.curves["step"]]
    gaps = {b - a for a, b in zip(run.curves["step"], run.curves["step"][1:], strict=False)}
    assert max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": {"f1": float("nan")}}, "metric 'f1' must be a finite number; it is nan"),
        ({"curves": {"loss": [1.0, float("inf")]}}, "curve 'loss' must be a finite"),
        ({"seconds": float("inf")}, "seconds must be a finite"),
        ({"sizes": {"model": object}}, "size 'model' must be a plain value"),
    ],
)
def test_what_cannot_be_recorded_is_refused(folder, changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


@pytest.mark.parametrize("name", ["crf", "sequences/../../crf", "/etc/passwd", "a/b.json", ""])
def test_what_is_no_chapter_is_refused(name):
    with pytest.raises(ValueError, match="named like 'sequences/crf'"):
        record(name, metrics={})
    with pytest.raises(ValueError, match="named like 'sequences/crf'"):
        recorded(name)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-30],
        lambda text: "[]",
        lambda text: text.replace('"device"', '"devise"'),
        lambda text: text.replace("0.9321", '"high"'),
        lambda text: text.replace("0.9321", "NaN"),
        lambda text: text.replace('"kind": "cpu"', '"kind": "tpu"'),
        lambda text: text.replace('"date": "', '"date": "yesterday, '),
        lambda text: text.replace('"metrics": {', '"metrics": 3, "curves": {', 1),
    ],
)
def test_a_damaged_record_is_a_clear_error(folder, monkeypatch, damage):
    monkeypatch.setenv("LIB_RECORD", "all")
    make()
    path = folder / "sequences" / "crf.cpu.json"
    text = path.read_text()
    assert damage(text) != text
    path.write_text(damage(text))
    with pytest.raises(ValueError, match=r"crf\.cpu\.json is damaged \(.*restore it from git"):
        recorded(CHAPTER)


def test_a_record_in_the_wrong_place_is_an_error(folder, monkeypatch):
    monkeypatch.setenv("LIB_RECORD", "all")
    make()
    (folder / "sequences" / "crf.cpu.json").rename(folder / "sequences" / "hmm.cpu.json")
    with pytest.raises(ValueError, match="it is misplaced"):
        recorded("sequences/hmm")


def test_a_crash_while_writing_leaves_the_old_record(folder, monkeypatch):
    monkeypatch.setenv("LIB_RECORD", "all")
    old = make()

    def crash(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", crash)
    with pytest.raises(OSError, match="disk full"):
        make(metrics={"word F1": 0.1})
    assert recorded(CHAPTER) == [old]
    assert len(list((folder / "sequences").iterdir())) == 1


def test_json_round_trip(folder):
    run = make()
    assert RunRecord.from_json(run.to_json()) == run
    assert json.loads(run.to_json())["data"] == ["UD English EWT, 12 543 sentences"]


def test_the_comparison_sets_runs_side_by_side(folder, monkeypatch):
    this = make(sizes={"steps": 100})
    content = json.loads(this.to_json())
    content |= {
        "device": "NVIDIA | H200",
        "kind": "cuda",
        "commit": "",
        "metrics": {"word F1": 1.0},
    }
    other = RunRecord.from_json(json.dumps(content))
    table = comparison(this, [other], digits=4, tolerances={"word F1": 0.01, "*": None})
    rows = {row[0]: row[1:] for row in table.rows()}
    assert rows[""] == ["this build", "recorded, CUDA"]
    assert rows["word F1 (± 0.01)"] == ["0.9321", "1.0000"]
    assert rows["illegal"] == ["0.0000", "–"]  # whatever the machine decides
    assert rows["commit"][1] == "unknown"
    assert rows["torch"] == [str(torch.__version__)] * 2
    lines = table._repr_markdown_().splitlines()
    assert lines[0] == "|  | this build | recorded, CUDA |"
    assert "make verify" in lines[-1]
    assert "NVIDIA \\| H200" in lines[2]
    assert "word F1" in str(table)


def test_without_a_record_the_comparison_says_so(folder):
    table = comparison(make(), recorded(CHAPTER), tolerances={"*": 0})
    for text in (str(table), table._repr_markdown_()):
        assert text.startswith("No GPU run of sequences/crf is recorded yet")
        assert "0.932" in text
    with pytest.raises(ValueError, match="got some of kernels/hsic"):
        comparison(make(), [record("kernels/hsic", metrics={})], tolerances={"*": 0})


def test_the_numbers_of_a_comparison_reach_the_build_with_their_tolerances(folder):
    table = comparison(make(), [], tolerances={"word F1": 0.01, "ill*": 0, "i*": 5})
    bundle = table._repr_mimebundle_()
    facts = json.loads(json.dumps(bundle[comparison_module.MIME], allow_nan=False))
    assert facts["metrics"] == {
        "word F1": {"value": 0.9321, "tolerance": 0.01},
        "illegal": {"value": 0.0, "tolerance": 0.0},
    }
    assert (facts["chapter"], facts["kind"], facts["seconds"]) == (CHAPTER, "cpu", 12.25)
    assert facts["sizes"] == {"steps": 100, "encoder": "conv"}
    assert facts["data"] == ["UD English EWT, 12 543 sentences"]
    assert bundle["text/markdown"] == table._repr_markdown_()
    assert bundle["text/plain"] == str(table)


def test_every_metric_needs_a_tolerance(folder):
    with pytest.raises(ValueError, match="no tolerance is stated for 'illegal', 'third'"):
        comparison(
            make(metrics={"word F1": 1, "illegal": 0, "third": 3}), [], tolerances={"word*": 1}
        )
    for wrong in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="tolerance of 'word F1' must be a number from 0 on"):
            comparison(make(), [], tolerances={"word F1": wrong, "*": None})


def test_the_commit_is_that_of_the_folder_and_dirty_when_files_changed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.commit() == ""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    clean = provenance.commit()
    assert len(clean) == 12
    for records in ("_runs", "_benchmarks"):
        (tmp_path / "book" / records).mkdir(parents=True)
        (tmp_path / "book" / records / "run.json").touch()
    assert provenance.commit() == clean
    (tmp_path / "book" / "other").touch()
    assert provenance.commit() == f"{clean}-dirty"
    monkeypatch.setenv("LIB_COMMIT", "abc123")
    assert provenance.commit() == "abc123"
