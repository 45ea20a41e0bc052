"""What fit does to the weights, and what it refuses."""

import math
import os

import pytest
import torch
from torch import nn

from lib.training import batches, fit, generator, warmup_cosine

from .conftest import squared_error


def sgd(model, lr=0.05):
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)


def test_fit_is_the_loop_that_one_would_write(make_line):
    model, data = make_line()
    twin, twin_data = make_line()
    fit(model, squared_error, data, sgd(model), epochs=3, seed=7, progress=False)

    optimizer = sgd(twin)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        for _ in range(3):
            for batch in twin_data:
                optimizer.zero_grad()
                squared_error(twin, batch).backward()
                optimizer.step()
    for ours, plain in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-6)


def test_fit_learns_a_line_and_tells_its_course(make_line):
    model, data = make_line()
    history = fit(model, squared_error, data, sgd(model), epochs=20)
    assert history.steps == 20 * len(data) == len(history.gradient_norm)
    assert history.learning_rate == [[0.05] * history.steps]
    epochs = history.epoch_loss()
    assert len(epochs) == 20
    assert epochs[-1] < epochs[0] / 10
    assert history.seconds > 0
    assert not model.training


def test_a_classifier_learns_with_groups_of_their_own_rate():
    x = torch.randn(200, 2, generator=generator(0))
    labels = (x[:, 0] * x[:, 1] > 0).long()
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5, generator=generator(1))
    optimizer = torch.optim.Adam(
        [{"params": model[0].parameters(), "lr": 0.02}, {"params": model[2].parameters()}], lr=0.2
    )
    data = batches(x, labels, batch_size=50, generator=generator(2))
    history = fit(
        model,
        lambda model, batch: nn.functional.cross_entropy(model(batch[0]), batch[1]),
        data,
        optimizer,
        epochs=50,
        scheduler=warmup_cosine(optimizer, 200, warmup=20),
        evaluate=lambda model: {"accuracy": (model(x).argmax(-1) == labels).float().mean()},
    )
    assert history.metrics["accuracy"][-1] > 0.95
    slow, fast = history.learning_rate
    assert max(slow) == pytest.approx(0.02)
    assert [10 * rate for rate in slow] == pytest.approx(fast)
    assert fast[0] < fast[19] > fast[-1]


def test_a_pair_of_sum_and_count_weighs_terms_and_not_items():
    """One item with three terms and one with one: the mean over terms is not that over items."""
    x = torch.tensor([[1.0, 1.0, 1.0], [5.0, 0.0, 0.0]])
    mask = torch.tensor([[True, True, True], [True, False, False]])
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    history = fit(
        model,
        lambda model, batch: (
            (model(batch[0][batch[1]][:, None])[:, 0] - batch[0][batch[1]]).square().sum(),
            batch[1].sum(),
        ),
        batches(x, mask, batch_size=2, shuffle=False),
        sgd(model),
        steps=1,
    )
    assert history.loss == [pytest.approx((3 * 1 + 25) / 4)]


def test_the_gradient_is_clipped_and_its_norm_noted_before(make_line):
    model, data = make_line()
    before = [p.detach().clone() for p in model.parameters()]
    plain = torch.optim.SGD(model.parameters(), lr=1.0)
    history = fit(model, squared_error, data, plain, steps=1, max_norm=1e-3)
    moved = torch.cat(
        [(p - old).flatten() for p, old in zip(model.parameters(), before, strict=True)]
    )
    assert moved.norm().item() == pytest.approx(1e-3, rel=1e-3)
    assert history.gradient_norm[0] > 1e-2


def test_the_norm_is_the_same_when_nothing_is_clipped(make_line):
    norms = []
    for max_norm in (None, 1e9):
        model, data = make_line()
        history = fit(model, squared_error, data, sgd(model), steps=3, max_norm=max_norm)
        norms.append(history.gradient_norm)
    assert norms[0] == pytest.approx(norms[1], rel=1e-5)


def test_gradients_left_from_before_do_not_count(make_line):
    model, data = make_line()
    expected = fit(model, squared_error, data, sgd(model), steps=3).loss
    model, data = make_line()
    squared_error(model, data.tensors).backward()
    assert fit(model, squared_error, data, sgd(model), steps=3).loss == expected


def test_only_what_the_optimizer_trains_moves_and_counts_in_the_norm(make_line):
    norms = []
    for freeze in (False, True):
        model, data = make_line()
        head, body = model[2], model[0]
        body.requires_grad_(not freeze)
        before = body.weight.detach().clone()
        optimizer = torch.optim.SGD(head.parameters(), lr=0.01)
        norms.append(fit(model, squared_error, data, optimizer, steps=3).gradient_norm)
        assert torch.equal(body.weight, before)
    assert norms[0] == norms[1]


def test_same_seed_same_run_and_global_generator_untouched(make_line):
    runs = [(seed, *make_line()) for seed in (0, 0, 1)]
    before = torch.get_rng_state()
    losses = [
        fit(model, squared_error, data, sgd(model), epochs=1, seed=seed).loss
        for seed, model, data in runs
    ]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]
    assert torch.equal(torch.get_rng_state(), before)


def test_threads_and_environment_stay_as_they_were(make_line):
    environment, threads = dict(os.environ), torch.get_num_threads()
    model, data = make_line()
    fit(model, squared_error, data, sgd(model), steps=1)
    assert dict(os.environ) == environment
    assert torch.get_num_threads() == threads


def test_best_weights_come_back_and_patience_ends_the_run(make_line):
    model, data = make_line()
    scores = iter([0.5, 0.9, 0.7, 0.8, 0.1, 0.2])
    seen = []

    def evaluate(model):
        assert not model.training
        assert not torch.is_grad_enabled()
        seen.append([p.clone() for p in model.parameters()])
        return {"f1": next(scores)}

    history = fit(
        model, squared_error, data, sgd(model), epochs=50, evaluate=evaluate,
        monitor="f1", mode="max", patience=3,
    )  # fmt: skip
    assert history.metrics == {"f1": [0.5, 0.9, 0.7, 0.8, 0.1]}
    assert history.stopped_early
    assert history.best_step == 2 * len(data) == history.evaluated_at[1]
    for now, best, last in zip(model.parameters(), seen[1], seen[-1], strict=True):
        assert torch.equal(now, best)
        assert not torch.equal(now, last)


def test_a_nan_metric_is_never_the_best(make_line):
    model, data = make_line()
    values = iter([math.nan, 2.0, math.nan, 3.0])
    history = fit(
        model, squared_error, data, sgd(model), epochs=4, monitor="loss",
        evaluate=lambda model: {"loss": next(values)},
    )  # fmt: skip
    assert history.best_step == 2 * len(data)


def test_evaluation_each_so_many_steps_and_at_the_end(make_line):
    model, data = make_line()
    history = fit(
        model, squared_error, data, sgd(model), steps=10, every=4, evaluate=lambda _: {"one": 1}
    )
    assert history.evaluated_at == [4, 8, 10]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_with_the_step(make_line, value, tmp_path):
    model, data = make_line()
    kept = {}

    def loss(model, batch):
        loss.calls += 1
        if loss.calls == 10:
            kept.update({k: v.clone() for k, v in model.state_dict().items()})
        return squared_error(model, batch) * (value if loss.calls == 10 else 1)

    loss.calls = 0
    path = tmp_path / "run.pt"
    with pytest.raises(FloatingPointError, match=rf"step 10: the loss is {value}"):
        fit(model, loss, data, sgd(model), epochs=5, checkpoint=path)
    assert torch.load(path)["history"]["evaluated_at"] == []
    assert len(torch.load(path)["history"]["loss"]) == len(data)
    assert all(torch.equal(model.state_dict()[k], v) for k, v in kept.items())


def test_a_gradient_that_is_not_finite_stops_too(make_line):
    model, data = make_line()

    def loss(model, batch):  # 0, and its derivative 0 / 0
        return (model(batch[0]) * 0).sum().square().sqrt()

    with pytest.raises(FloatingPointError, match=r"loss is 0\.0 and the norm .* nan"):
        fit(model, loss, data, sgd(model), steps=1)


def test_bf16_runs_on_a_cpu_and_leaves_the_weights_in_float32(make_line):
    model, data = make_line()
    dtypes = []

    def loss(model, batch):
        out = model(batch[0])
        dtypes.append(out.dtype)
        return (out.float() - batch[1]).square().mean()

    history = fit(model, loss, data, sgd(model), epochs=10, precision="bf16")
    assert set(dtypes) == {torch.bfloat16}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert history.epoch_loss()[-1] < history.epoch_loss()[0]
    # and the process is free to use another precision now
    fit(model, squared_error, data, sgd(model), steps=1, precision="no")
    assert fit(model, squared_error, data, sgd(model), steps=1, precision="auto").steps == 1


def test_methods_of_the_model_can_be_called_in_the_loss(make_line):
    class Named(nn.Linear):
        def energy(self, x):
            return self(x).square().mean()

    model, data = Named(2, 1), make_line()[1]
    assert fit(model, lambda m, batch: m.energy(batch[0]), data, sgd(model), steps=2).steps == 2


def test_an_accelerator_of_the_caller_is_respected(make_line):
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, GradientState

    try:
        own = Accelerator(cpu=True)
        model, data = make_line()
        fit(model, squared_error, data, sgd(model), steps=1)
        assert own.device == torch.device("cpu")
        assert own.num_processes == 1
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)
        GradientState._reset_state()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either epochs or steps; got neither"),
        ({"epochs": 1, "steps": 1}, "either epochs or steps; got both"),
        ({"epochs": 0}, "epochs must be above 0"),
        ({"steps": 1, "every": 0}, "every must be above 0"),
        ({"steps": 1, "patience": 2}, "needs monitor"),
        (
            {"steps": 1, "patience": 0, "monitor": "f1", "evaluate": dict},
            "patience must be 1 or more",
        ),
        ({"steps": 1, "monitor": "f1", "evaluate": lambda _: {"g1": 1.0}}, "no 'f1' to monitor"),
        ({"steps": 1, "monitor": "f1"}, "needs evaluate"),
        ({"steps": 1, "resume": True}, "needs checkpoint"),
        ({"steps": 1, "max_norm": 0.0}, "max_norm must be"),
    ],
)
def test_contradictions_are_refused(make_line, options, message):
    model, data = make_line()
    with pytest.raises(ValueError, match=message):
        fit(model, squared_error, data, sgd(model), **options)


@pytest.mark.usefixtures("unchecked_shapes")
def test_wrong_kinds_are_refused(make_line):
    model, data = make_line()
    with pytest.raises(TypeError, match=r"lib\.training\.batches"):
        fit(model, squared_error, list(data), sgd(model), steps=1)
    for option in ({"precision": "fp8"}, {"mode": "best"}):
        with pytest.raises(ValueError, match="must be"):
            fit(model, squared_error, data, sgd(model), steps=1, **option)
    order = r"the order is fit\(model, loss, data, optimizer\)"
    with pytest.raises(TypeError, match=rf"model must be .* got a function; {order}"):
        fit(squared_error, model, data, sgd(model), steps=1)
    with pytest.raises(TypeError, match=rf"loss must be .* got a str; {order}"):
        fit(model, "mse", data, sgd(model), steps=1)
    for name, value in [("epochs", "a"), ("steps", 1.5)]:
        with pytest.raises(TypeError, match=f"{name} must be an integer; it is {value!r}"):
            fit(model, squared_error, data, sgd(model), **{name: value})
    with pytest.raises(TypeError, match="max_norm must be a number; it is '1'"):
        fit(model, squared_error, data, sgd(model), steps=1, max_norm="1")


def test_an_optimizer_or_schedule_that_cannot_work_is_refused(make_line):
    model, data = make_line()
    with pytest.raises(ValueError, match="not the model's"):
        fit(model, squared_error, data, sgd(nn.Linear(1, 1)), steps=1)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(sgd(model))
    with pytest.raises(ValueError, match="needs a metric"):
        fit(model, squared_error, data, sgd(model), steps=1, scheduler=plateau)


def test_a_loss_that_is_no_scalar_is_refused(make_line):
    model, data = make_line()
    with pytest.raises(ValueError, match=r"scalar, or a pair .* shape \(8, 1\)"):
        fit(model, lambda m, batch: m(batch[0]) - batch[1], data, sgd(model), steps=1)


@pytest.mark.parametrize("result", [0.5, (0.5, 8), None])
def test_a_loss_that_is_no_tensor_is_refused(make_line, result):
    model, data = make_line()
    with pytest.raises(TypeError, match=r"loss must return a tensor, .* got a (float|NoneType)"):
        fit(model, lambda m, batch: result, data, sgd(model), steps=1)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["no", "auto"])
def test_fit_on_a_gpu_resumes_exactly(make_line, monkeypatch, tmp_path, precision):
    monkeypatch.delenv("LIB_DEVICE")
    whole, data = make_line()
    steps = 3 * len(data)
    full = fit(whole, squared_error, data, sgd(whole), steps=steps, precision=precision)
    assert next(whole.parameters()).device.type == "cuda"
    options = {"checkpoint": tmp_path / "run.pt", "resume": True, "precision": precision}
    for until in (5, steps):
        model, data = make_line()
        parts = fit(model, squared_error, data, sgd(model), steps=until, **options)
    assert parts.loss == full.loss
