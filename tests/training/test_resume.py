"""An interrupted run goes on as if nothing had happened."""

import subprocess
import sys
import textwrap

import pytest
import torch

from lib.training import batches, files, fit, generator, warmup_cosine

from .conftest import squared_error


class LostMachineError(Exception):
    """Stands for a lost machine."""


def train(make_line, *, interrupt_at=None, **options):
    model, data = make_line(lengths=None)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    calls = 0

    def loss(model, batch):
        nonlocal calls
        calls += 1
        if calls == interrupt_at:
            raise LostMachineError
        return squared_error(model, batch)

    def evaluate(model):
        x, y = data.tensors
        return {"error": (model(x) - y).square().mean(), "noise": torch.rand(())}

    history = fit(
        model, loss, data, optimizer, epochs=6, every=5, evaluate=evaluate, monitor="error",
        scheduler=warmup_cosine(optimizer, 6 * len(data), warmup=4), max_norm=1.0, **options,
    )  # fmt: skip
    return model, history


@pytest.mark.parametrize("interrupt_at", [6, 18, 42])
def test_resumed_run_is_bit_for_bit_the_uninterrupted_one(make_line, tmp_path, interrupt_at):
    whole, expected = train(make_line)
    path = tmp_path / "runs" / "line.pt"
    with pytest.raises(LostMachineError):
        train(make_line, interrupt_at=interrupt_at, checkpoint=path)
    torch.rand(5)  # whatever happens in between
    model, history = train(make_line, checkpoint=path, resume=True)

    assert history.loss == expected.loss
    assert history.metrics == expected.metrics
    assert history.learning_rate == expected.learning_rate
    assert history.gradient_norm == expected.gradient_norm
    assert history.best_step == expected.best_step
    for ours, theirs in zip(model.parameters(), whole.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_resuming_a_finished_run_gives_its_result_at_once(make_line, tmp_path):
    path = tmp_path / "line.pt"
    first, history = train(make_line, checkpoint=path)
    again, same = train(make_line, checkpoint=path, resume=True, interrupt_at=1)
    assert same == history
    for ours, theirs in zip(again.parameters(), first.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_without_resume_a_run_starts_afresh(make_line, tmp_path):
    path = tmp_path / "line.pt"
    with pytest.raises(LostMachineError):
        train(make_line, interrupt_at=18, checkpoint=path)
    _, history = train(make_line, checkpoint=path)
    assert history.loss == train(make_line)[1].loss


def test_killed_in_the_middle_of_writing_the_old_checkpoint_stays(make_line, tmp_path, monkeypatch):
    path = tmp_path / "line.pt"
    with pytest.raises(LostMachineError):
        train(make_line, interrupt_at=7, checkpoint=path)
    good = path.read_bytes()

    def half(state, file):
        file.write(b"half a checkp")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(OSError, match="no space"):
        train(make_line, checkpoint=path, resume=True)
    assert path.read_bytes() == good
    assert list(tmp_path.iterdir()) == [path]


def test_a_process_that_dies_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    program = f"""
        import os
        from pathlib import Path
        from lib.training.files import write_atomically

        def write(file):
            file.write(b"new, but ha")
            file.flush()
            os._exit(9)

        write_atomically(Path({str(path)!r}), write)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert done.returncode == 9
    assert path.read_bytes() == b"old"


def test_a_written_file_has_the_rights_of_any_other(tmp_path):
    files.write_atomically(tmp_path / "ours", lambda file: file.write(b"x"))
    (tmp_path / "plain").write_bytes(b"x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None])
def test_a_damaged_checkpoint_is_refused(make_line, tmp_path, content):
    path = tmp_path / "line.pt"
    if content is None:
        train(make_line, checkpoint=path)
        content = path.read_bytes()[:-200]
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged or is no checkpoint"):
        train(make_line, checkpoint=path, resume=True)


def test_a_checkpoint_of_another_run_is_refused(make_line, tmp_path):
    path = tmp_path / "line.pt"
    torch.save({"model": {}}, path)
    with pytest.raises(ValueError, match="no checkpoint of this version"):
        train(make_line, checkpoint=path, resume=True)
    train(make_line, checkpoint=path)
    model, data = make_line()
    optimizer = torch.optim.AdamW(model.parameters())
    with pytest.raises(ValueError, match="whether there is a scheduler"):
        fit(model, squared_error, data, optimizer, steps=1, checkpoint=path, resume=True)
    other = batches(*data.tensors, batch_size=5, generator=generator(0))
    schedule = warmup_cosine(optimizer, 10)
    with pytest.raises(ValueError, match="data are not those"):
        fit(
            model, squared_error, other, optimizer, steps=1, scheduler=schedule,
            checkpoint=path, resume=True,
        )  # fmt: skip
