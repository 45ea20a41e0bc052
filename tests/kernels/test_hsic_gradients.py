"""Derivatives: against finite differences, whole matrices and the closed form."""

from functools import partial

import pytest
import torch

from lib.kernels import hsic
from tests.kernels.conftest import dense_gaussian, dense_hsic

ESTIMATORS = ["unbiased", "biased"]
SIGMA = {"bandwidth_x": 1.1, "bandwidth_y": 0.8}


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("method", ["exact", "low_rank"])
@pytest.mark.parametrize("function", [hsic.hsic, hsic.cka])
@pytest.mark.parametrize("dims", [(2, 1), (5, 2)])
def test_gradcheck(draw, function, method, estimator, dims):
    x, y = (v.requires_grad_() for v in draw(7, dims))
    found = partial(function, **SIGMA, method=method, estimator=estimator)
    assert torch.autograd.gradcheck(found, (x, y))
    assert torch.autograd.gradgradcheck(found, (x, y))


@pytest.mark.parametrize("kernel", ["linear", "distance", lambda a, b: (a @ b.t() + 1) ** 3])
def test_gradcheck_of_other_kernels(draw, kernel):
    x, y = (v.requires_grad_() for v in draw(6))
    for function in (hsic.hsic, hsic.cka, partial(hsic.hsic, method="low_rank")):
        assert torch.autograd.gradcheck(partial(function, kernel=kernel), (x, y))


def test_gradcheck_of_kernel_matrix_and_nocco(draw):
    x, y = (v.requires_grad_() for v in draw(6, (2, 2)))
    assert torch.autograd.gradcheck(partial(hsic.gaussian_kernel, bandwidth=1.0), (x, y))
    assert torch.autograd.gradcheck(partial(hsic.nocco, **SIGMA, epsilon=1e-2), (x, y))


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("function", [hsic.hsic, hsic.cka])
def test_gradients_over_several_tiles(draw, function, estimator):
    x, y = (v.requires_grad_() for v in draw(600, (2, 6)))
    settings = {"bandwidth_x": 1.5, "bandwidth_y": 3.0, "estimator": estimator}
    K, L = dense_gaussian(x, 1.5), dense_gaussian(y, 3.0)
    expected = dense_hsic(K, L, estimator)
    if function is hsic.cka:
        own = dense_hsic(K, K, estimator) * dense_hsic(L, L, estimator)
        expected = expected / own.sqrt()
    wanted = torch.autograd.grad(expected, (x, y))
    found = torch.autograd.grad(function(x, y, **settings), (x, y))
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12 * theirs.abs().max())
    (alone,) = torch.autograd.grad(function(x.detach(), y, **settings), y)
    torch.testing.assert_close(alone, wanted[1], rtol=1e-9, atol=1e-14)


def test_closed_form_is_a_signed_graph_laplacian(draw):
    """∂ tr(KHLH)/∂Z = −(2/σ²)(D − S)Z with S = K∘HLH and D its row sums."""
    z, y = draw(9)
    z.requires_grad_()
    value = 81 * hsic.hsic(z, y, bandwidth_x=1.1, bandwidth_y=0.8, estimator="biased")
    (found,) = torch.autograd.grad(value, z)
    H = torch.eye(9, dtype=z.dtype) - 1 / 9
    S = dense_gaussian(z.detach(), 1.1) * (H @ dense_gaussian(y, 0.8) @ H)
    torch.testing.assert_close(found, -2 / 1.1**2 * (S.sum(1).diag() - S) @ z.detach())


def test_one_tensor_as_both_variables(draw):
    x, _ = draw(7)
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda v: hsic.hsic(v, v, **SIGMA), x)
    assert torch.autograd.gradgradcheck(lambda v: hsic.hsic(v, v, **SIGMA), x)


def test_a_bandwidth_may_be_learned_and_the_default_is_held_constant(draw):
    x, y = draw(8)
    width = torch.tensor(0.7, dtype=x.dtype, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda s: hsic.hsic(x, y, bandwidth_x=s, bandwidth_y=1.0), width
    )
    x.requires_grad_()
    held = {"bandwidth_x": hsic.median_bandwidth(x), "bandwidth_y": hsic.median_bandwidth(y)}
    (found,) = torch.autograd.grad(hsic.hsic(x, y), x)
    torch.testing.assert_close(found, torch.autograd.grad(hsic.hsic(x, y, **held), x)[0])


def test_repeated_points_have_finite_gradients(draw):
    x, y = draw(8)
    x, y = x[[0, 0, 1, 2, 3, 4, 5, 6]], y[[0, 0, 1, 2, 3, 4, 5, 6]]
    for kernel in ("gaussian", "linear", "distance"):
        x = x.detach().requires_grad_()
        (found,) = torch.autograd.grad(hsic.hsic(x, y, kernel=kernel), x)
        assert found.isfinite().all()
        assert found.abs().max() > 1e-6


def test_backward_holds_no_matrix(draw):
    """Count what autograd keeps, and the largest tensor that backward or forward makes."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Largest(TorchDispatchMode):
        numel = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                self.numel = max(self.numel, result.numel())
            return result

    x, y = (v.requires_grad_() for v in draw(1000))
    with Largest() as seen:
        hsic.hsic(x, y, **SIGMA).backward()
    assert 256**2 <= seen.numel < 1000**2 / 10
