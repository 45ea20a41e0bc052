"""Two real processes under torchrun give what one process gives."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from lib.training import batches, generator
from lib.training.state import Goal, Run

from . import parallel_worker


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """The runs of one process: this one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIB_DEVICE", "cpu")
        return parallel_worker.main(tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The same runs by two processes, as each of them saw it."""
    folder = tmp_path_factory.mktemp("two")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--master-addr", "127.0.0.1", "--master-port", str(port)]
    command += [str(Path(parallel_worker.__file__)), str(folder)]
    environment = {**os.environ, "LIB_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr.lower(), done.stderr
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in (0, 1)]


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [("tokens", 1e-12), ("items in float32", 1e-6), ("a process without a share", 1e-12)],
)
def test_two_processes_train_as_one(one, two, name, tolerance):
    assert len(one[name]["loss"]) == parallel_worker.STEPS
    for rank in (0, 1):
        for what, expected in one[name].items():
            torch.testing.assert_close(
                torch.tensor(two[rank][name][what], dtype=torch.float64),
                torch.tensor(expected, dtype=torch.float64),
                rtol=tolerance,
                atol=tolerance,
                msg=lambda text, what=what, rank=rank: f"{what} of process {rank}: {text}",
            )


def test_both_processes_end_with_the_same_weights(two):
    assert two[0] == two[1]


def test_two_processes_resume_as_if_never_interrupted(one, two):
    assert one["resumed"] == one["tokens"]
    assert two[0]["resumed"] == two[0]["tokens"]


@pytest.mark.parametrize(("items", "processes"), [(10, 3), (2, 3), (1, 4), (6, 2)])
def test_shares_make_up_the_batch_and_idle_processes_weigh_nothing(items, processes):
    model = torch.nn.Linear(1, 1)
    weighed = []
    for rank in range(processes):
        data = batches(torch.arange(items), batch_size=items, generator=generator(0))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        run = Run(model, optimizer, None, data, Goal(None, "min", None))
        place = SimpleNamespace(
            num_processes=processes, process_index=rank, device=torch.device("cpu")
        )
        (share,), weight = run.next_batch(place)
        assert len(share) > 0
        weighed += [(item, weight) for item in share.tolist()]
    assert sorted(item for item, weight in weighed if weight == 1) == list(range(items))
    assert all(weight in (0, 1) for _, weight in weighed)
