"""The device, seeds and sizes."""

import subprocess
import sys

import pytest
import torch

from lib.training import describe_device, device, generator, seeded, sized, warmup_cosine


def test_the_device_is_chosen_in_order(monkeypatch):
    monkeypatch.delenv("LIB_DEVICE")
    for cuda, mps, expected in [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]:
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda mps=mps: mps)
        assert device().type == expected


def test_each_process_takes_the_gpu_of_its_rank(monkeypatch):
    monkeypatch.delenv("LIB_DEVICE")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device() == torch.device("cuda")
    for rank, expected in [("0", "cuda:0"), ("1", "cuda:1"), ("2", "cuda:0")]:
        monkeypatch.setenv("LOCAL_RANK", rank)
        assert device() == torch.device(expected)


def test_the_environment_overrides_the_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for name in ("cpu", "cuda", "cuda:1"):
        monkeypatch.setenv("LIB_DEVICE", name)
        assert device() == torch.device(name)


@pytest.mark.parametrize("name", ["gpu", "tpu:0", "meta", "cuda:-2"])
def test_what_is_no_device_is_refused(monkeypatch, name):
    monkeypatch.setenv("LIB_DEVICE", name)
    with pytest.raises(ValueError, match=f"LIB_DEVICE='{name}' is no device; expected cpu"):
        device()


@pytest.mark.parametrize("name", ["cuda", "cuda:3", "mps", "cpu:5"])
def test_a_device_that_is_not_there_is_refused(monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setenv("LIB_DEVICE", name)
    with pytest.raises(RuntimeError, match=f"LIB_DEVICE='{name}', but this machine has no such"):
        device()


def test_descriptions_name_the_hardware(monkeypatch):
    threads = torch.get_num_threads()
    assert f"{threads} thread" in describe_device()
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda which: "NVIDIA H200")
    assert describe_device(torch.device("cuda")) == "NVIDIA H200"


def test_seeded_gives_the_same_numbers_and_puts_the_generator_back():
    def draw():
        with seeded(3):
            return torch.rand(4)

    before = torch.get_rng_state()
    first = draw()
    torch.rand(1)
    assert torch.equal(draw(), first)
    torch.set_rng_state(before)
    expected = torch.rand(2)
    torch.set_rng_state(before)
    with pytest.raises(ZeroDivisionError), seeded(9):
        torch.rand(3).tolist()[0] / 0
    assert torch.equal(torch.rand(2), expected)


def test_a_generator_starts_from_its_seed_alone():
    before = torch.get_rng_state()
    assert generator(5).initial_seed() == 5
    assert torch.rand(3, generator=generator(5)).equal(torch.rand(3, generator=generator(5)))
    assert not torch.rand(3, generator=generator(5)).equal(torch.rand(3, generator=generator(6)))
    assert torch.equal(torch.get_rng_state(), before)


CPU, GPU = {"steps": 100, "batch_size": 8}, {"batch_size": 64, "steps": 20_000}


def test_sizes_follow_the_device(monkeypatch):
    sizes = sized(cpu=CPU, gpu=GPU)
    assert (sizes.steps, sizes["batch_size"], sizes.present) == (100, 8, "cpu")
    assert dict(sizes) == CPU
    monkeypatch.setattr("lib.training.sizing.device", lambda: torch.device("cuda"))
    assert dict(sized(cpu=CPU, gpu=GPU)) == GPU
    monkeypatch.setattr("lib.training.sizing.device", lambda: torch.device("mps"))
    assert dict(sized(cpu=CPU, gpu=GPU)) == CPU


def test_the_environment_overrides_the_size(monkeypatch):
    monkeypatch.setenv("LIB_SIZE", "gpu")
    assert sized(cpu=CPU, gpu=GPU).steps == 20_000
    monkeypatch.setenv("LIB_SIZE", "tiny")
    tiny = sized(cpu=CPU, gpu=GPU, tiny={"steps": 2})
    assert (tiny.steps, tiny.batch_size) == (2, 8)
    assert "**smoke test (this run)**" in tiny._repr_markdown_()
    monkeypatch.setenv("LIB_SIZE", "huge")
    with pytest.raises(ValueError, match="LIB_SIZE='huge' is no size; expected cpu, gpu or tiny"):
        sized(cpu=CPU, gpu=GPU)


def test_sizes_show_both_columns_and_mark_the_present_one():
    table = sized(cpu=CPU, gpu=GPU)._repr_markdown_().splitlines()
    assert table[0] == "| size | **CPU (this run)** | GPU |"
    assert table[2:] == [
        "| steps | 100 | 20\N{NARROW NO-BREAK SPACE}000 |",
        "| batch size | 8 | 64 |",
    ]
    assert str(sized(cpu=CPU, gpu=GPU)) == "sizes for CPU: steps = 100, batch_size = 8"


def test_sizes_must_name_the_same_things():
    with pytest.raises(ValueError, match="needs a value for each device"):
        sized(cpu={"steps": 1}, gpu={"epochs": 1})
    with pytest.raises(ValueError, match="tiny"):
        sized(cpu=CPU, gpu=GPU, tiny={"epochs": 1})
    with pytest.raises(AttributeError, match="no size is named 'epochs'; there are: steps"):
        _ = sized(cpu=CPU, gpu=GPU).epochs


def test_the_schedule_rises_and_falls():
    weights = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    groups = [{"params": [weights[0]], "lr": 1.0}, {"params": [weights[1]], "lr": 10.0}]
    optimizer = torch.optim.SGD(groups)
    schedule = warmup_cosine(optimizer, 10, warmup=3, final=0.1)
    rates = []
    for _ in range(12):
        rates.append(schedule.get_last_lr())
        optimizer.step()
        schedule.step()
    first = [rate for rate, _ in rates]
    assert first[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert first[3:11] == sorted(first[3:11], reverse=True)
    assert first[10:] == pytest.approx([0.1, 0.1])
    assert all(ten == pytest.approx(10 * one) for one, ten in rates)
    for options in ({"warmup": 10}, {"warmup": -1}, {"final": 1.5}):
        with pytest.raises(ValueError, match=r"warmup|final"):
            warmup_cosine(optimizer, 10, **options)


def test_importing_training_does_not_import_accelerate():
    program = "import sys, lib.training; sys.exit('accelerate' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
