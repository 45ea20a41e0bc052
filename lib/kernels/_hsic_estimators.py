"""HSIC, CKA and their kernels; public through :mod:`lib.kernels.hsic`."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from lib.kernels._hsic_bandwidth import median_distance
from lib.kernels._hsic_inputs import (
    Bandwidth,
    Kernel,
    Pair,
    check_samples,
    checked_bandwidth,
    prepare,
    variable,
)
from lib.kernels._hsic_low_rank import LowRank, diagonal, factorize, low_rank_hsic
from lib.kernels._hsic_tiles import TiledHSIC, full_precision

Estimator = Literal["unbiased", "biased"]
Method = Literal["exact", "low_rank"]


def gaussian_kernel(
    x: Float[Tensor, "samples dims"],
    y: Float[Tensor, "others dims"] | None = None,
    *,
    bandwidth: float | Tensor | None = None,
) -> Float[Tensor, "samples others"]:
    r"""Compute :math:`K_{ij} = e^{-\lVert x_i - y_j \rVert^2 / 2\sigma^2}`, the whole matrix.

    Args:
        x: the points.
        y: other points of as many dimensions; x itself if None.
        bandwidth: :math:`\sigma`, in the units of x; by default the median distance of x, which
            autograd holds constant.

    Returns:
        The Gram matrix, in time and memory O(samples · others · dims); dimensionless, in (0, 1].
        The points are moved to their common mean first. Up to four dimensions distances come from
        differences; beyond, from a matrix product, with an error of about
        :math:`\varepsilon \lVert x \rVert^2 / \sigma^2` in the exponent.

    Raises:
        ValueError: for shapes that do not fit, NaN or infinities (named with their position), a
            bandwidth that is not positive, or none given and a median distance of 0.
        TypeError: for what is not a floating tensor, and for different dtypes.

    Example:
        >>> import torch
        >>> gaussian_kernel(torch.tensor([[0.0], [2.0]]), bandwidth=2.0)
        tensor([[1.0000, 0.6065],
                [0.6065, 1.0000]])

    Source: Gretton, Bousquet, Smola & Schölkopf (2005).
    """
    others = x if y is None else y
    check_samples("x", x)
    check_samples("y", others)
    if others.dtype != x.dtype:
        raise TypeError(f"x is {x.dtype} and y {others.dtype}; give both the same dtype")
    if others.shape[1] != x.shape[1]:
        raise ValueError(
            f"x has {x.shape[1]} columns and y {others.shape[1]}; distances need as many in both"
        )
    both = torch.cat([x, others]).to(torch.promote_types(x.dtype, torch.float32))
    with full_precision(x):
        width = checked_bandwidth("x", both[: len(x)], bandwidth)
        points, gram, _ = variable("x", both, "gaussian", width)
        return gram(points[: len(x)], points[len(x) :]).to(x.dtype)


def median_bandwidth(x: Float[Tensor, "samples dims"]) -> Float[Tensor, ""]:
    """Compute the median of the Euclidean distances between different samples.

    The distances themselves, neither squared nor halved; the middle two are averaged. Exact for
    any number of samples, in memory O(samples): beyond some thousands the median is bracketed by
    the distances of random pairs (of a fixed draw) and then found among those that one pass over
    all pairs leaves inside. O(samples² · dims). Not differentiable: a bandwidth is a setting.

    Args:
        x: the points.

    Returns:
        The median, in the units of x; 0 where at least half of the pairs coincide.

    Raises:
        ValueError: for fewer than two samples, NaN or infinities.
        TypeError: for what is not a floating tensor.

    Example:
        >>> import torch
        >>> median_bandwidth(torch.tensor([[0.0], [1.0], [3.0]]))  # of 1, 2 and 3
        tensor(2.)
    """
    check_samples("x", x)
    if len(x) < 2:
        raise ValueError(f"a distance needs at least 2 samples, got {len(x)}")
    points = x.detach()
    return median_distance(points.to(torch.promote_types(x.dtype, torch.float32))).to(x.dtype)


def hsic(
    x: Float[Tensor, "samples dims_x"],
    y: Float[Tensor, "samples dims_y"],
    *,
    kernel: Kernel | tuple[Kernel, Kernel] = "gaussian",
    bandwidth_x: Bandwidth = None,
    bandwidth_y: Bandwidth = None,
    estimator: Estimator = "unbiased",
    method: Method = "exact",
    tolerance: float = 1e-10,
    max_rank: int = 1000,
) -> Float[Tensor, ""]:
    r"""Estimate how far two variables are from being independent, from n pairs of samples.

    With the Gram matrices K of x and L of y, and :math:`H = I - \mathbf{1}\mathbf{1}^\top/n`, the
    biased estimate is :eq:`hsic-three-terms`

    .. math:: \frac{1}{n^2} \operatorname{tr} KHLH \;\ge 0,

    exactly the HSIC of the empirical distribution. The unbiased one is :eq:`hsic-song`: with
    :math:`\tilde K, \tilde L` for the matrices with their diagonals set to 0,

    .. math::

        \frac{1}{n(n-3)} \Big[ \operatorname{tr} \tilde K \tilde L
        + \frac{\mathbf{1}^\top \tilde K \mathbf{1}\; \mathbf{1}^\top \tilde L \mathbf{1}}
        {(n-1)(n-2)} - \frac{2}{n-2} \mathbf{1}^\top \tilde K \tilde L \mathbf{1} \Big],

    which is negative about half of the time when x and y are independent. (The factor
    :math:`(n-1)^{-2}` before the trace, often met, makes it no less biased.)

    Args:
        x: one variable, a sample a row.
        y: the other; its row i belongs to row i of x.
        kernel: ``gaussian``, :math:`e^{-d^2/2\sigma^2}`; ``linear``, for which HSIC is the squared
            Frobenius norm of the covariance; ``distance``, for which it is a quarter of the squared
            distance covariance; or a symmetric, positive semidefinite function from ``(a, dims)``
            and ``(b, dims)`` to ``(a, b)``. A pair of them is one for x and one for y.
        bandwidth_x: :math:`\sigma` of the Gaussian kernel, in the units of x; by default the
            median distance of x, see :func:`median_bandwidth`. A tensor may require gradients;
            the default is held constant.
        bandwidth_y: likewise of y, by default from y alone.
        estimator: ``unbiased`` or ``biased``.
        method: ``exact``, or ``low_rank`` by :func:`incomplete_cholesky` of both matrices, which
            is faster for smooth kernels in few dimensions.
        tolerance: for ``low_rank``, the largest relative error :math:`e` of the trace of a Gram
            matrix. The biased estimate is then off by at most :math:`(e_x + e_y)` times the mean
            diagonals of both (1 for the Gaussian), the unbiased one by n/(n − 3) of that.
        max_rank: for ``low_rank``, the largest number of columns of a factor.

    Returns:
        The estimate; dimensionless for the Gaussian kernel. Differentiable in both arguments; the
        gradient for the Gaussian kernel is :eq:`hsic-local-gradient`. ``exact`` takes time
        O(n² · dims) and memory O(n · dims), backwards too: Gram matrices live in tiles only.
        Second derivatives (``create_graph=True``) are right but hold n × n matrices.
        ``low_rank`` takes O(n · rank²), in float64.

    Sums are carried in float64 from tile to tile. Of float32 the error is about 1e-7 of the mean
    product of kernel entries, from which the three terms are differences; use float64 where that
    is too much. float16 and bfloat16 are computed in float32, under autocast too.

    Raises:
        ValueError: for fewer than 4 samples (biased: 2), different numbers of them, NaN or
            infinities, a median distance of 0 with no bandwidth given, unknown names, and for
            ``low_rank`` a tolerance that ``max_rank`` does not reach, with the error reached.
        TypeError: for what is not a floating tensor, and for different dtypes.

    Example:
        >>> import torch
        >>> x = torch.linspace(-1, 1, 100, dtype=torch.float64)[:, None]
        >>> hsic(x, x**2)  # uncorrelated, and dependent
        tensor(0.0304, dtype=torch.float64)

    Source: Gretton et al. (2005); Song, Smola, Gretton, Bedo & Borgwardt (2012);
    Székely, Rizzo & Bakirov (2007) and Sejdinovic et al. (2013) for ``distance``.
    """
    least = 4 if estimator == "unbiased" else 2
    why = f"the {estimator} estimator"
    pair = prepare(x, y, kernel, bandwidth_x, bandwidth_y, least=least, why=why)
    found = _estimate(pair, estimator, method, tolerance, max_rank, with_self=False)
    return found[0].to(x.dtype)


def cka(
    x: Float[Tensor, "samples dims_x"],
    y: Float[Tensor, "samples dims_y"],
    *,
    kernel: Kernel | tuple[Kernel, Kernel] = "gaussian",
    bandwidth_x: Bandwidth = None,
    bandwidth_y: Bandwidth = None,
    estimator: Estimator = "unbiased",
    method: Method = "exact",
    tolerance: float = 1e-10,
    max_rank: int = 1000,
) -> Float[Tensor, ""]:
    r"""Compute the centered kernel alignment, a correlation of kernels, :eq:`hsic-cka`.

    .. math:: \frac{\mathrm{HSIC}(x, y)}{\sqrt{\mathrm{HSIC}(x, x)\,\mathrm{HSIC}(y, y)}}

    With the ``biased`` estimator it lies in [0, 1], and is far from 0 for few independent samples;
    with the ``unbiased`` one in [−1, 1], around 0 for independent samples of any number. With
    kernel ``distance`` it is the squared distance correlation. Rotating or scaling a variable
    changes nothing, unless a bandwidth is given.

    Args:
        x: see :func:`hsic`, as for all arguments.
        y: the other variable.
        kernel: a kernel, or a pair of them.
        bandwidth_x: the bandwidth of x.
        bandwidth_y: the bandwidth of y.
        estimator: of all three HSICs.
        method: ``exact`` or ``low_rank``; all three come from one pass.
        tolerance: see :func:`hsic`.
        max_rank: see :func:`hsic`.

    Returns:
        The alignment. Cost, derivatives and stability are those of :func:`hsic`.

    Raises:
        ValueError: as :func:`hsic`; and where HSIC of a variable with itself is 0 up to rounding,
            as for a constant one.
        TypeError: as :func:`hsic`.

    Example:
        >>> import torch
        >>> x = torch.linspace(-1, 1, 100, dtype=torch.float64)[:, None]
        >>> cka(x, 3 * x + 1), cka(x, x**2)
        (tensor(1.0000, dtype=torch.float64), tensor(0.3046, dtype=torch.float64))

    Source: Kornblith, Norouzi, Lee & Hinton (2019); with the unbiased estimator Székely & Rizzo
    (2014), for distances.
    """
    least = 4 if estimator == "unbiased" else 2
    why = f"the {estimator} estimator"
    pair = prepare(x, y, kernel, bandwidth_x, bandwidth_y, least=least, why=why)
    joint, *own = _estimate(pair, estimator, method, tolerance, max_rank, with_self=True)
    with torch.no_grad(), full_precision(x):
        for name, value, part in zip("xy", own, (pair.x, pair.y), strict=True):
            rounding = 8 * torch.finfo(part.points.dtype).eps * diagonal(part).mean() ** 2
            if bool(value <= rounding):
                raise ValueError(
                    f"HSIC of {name} with itself is 0 up to rounding: all its samples are alike to "
                    "the kernel, and nothing can align with it; leave it out, or choose another "
                    f"kernel or bandwidth_{name}"
                )
    alignment: Tensor = joint / (own[0].sqrt() * own[1].sqrt())
    return alignment.to(x.dtype)


def incomplete_cholesky(
    x: Float[Tensor, "samples dims"],
    *,
    kernel: Kernel = "gaussian",
    bandwidth: Bandwidth = None,
    tolerance: float = 1e-10,
    max_rank: int = 1000,
) -> LowRank:
    r"""Write a Gram matrix as :math:`K \approx GG^\top` with few columns.

    Samples are taken as pivots, the one with the largest error :math:`(K - GG^\top)_{ii}` first,
    until their sum is at most ``tolerance`` of the trace of K. What is left is positive
    semidefinite, so that its trace bounds its norm.

    Args:
        x: the points.
        kernel: as in :func:`hsic`.
        bandwidth: of the Gaussian kernel; by default the median distance.
        tolerance: the largest relative error of the trace.
        max_rank: the largest number of columns.

    Returns:
        A named tuple: ``factor`` (G, ``samples rank``, float64), ``pivots`` (their indices; none
        for the linear kernel, whose factor is the centered x) and ``error``,
        :math:`\operatorname{tr}(K - GG^\top)/\operatorname{tr} K`. O(samples · rank²).
        Differentiable, the pivots being fixed.

    Raises:
        ValueError: where max_rank does not reach the tolerance, with the error reached; and as
            :func:`hsic`.
        TypeError: as :func:`hsic`.

    Example:
        >>> import torch
        >>> found = incomplete_cholesky(torch.linspace(0, 1, 1000)[:, None], bandwidth=1.0)
        >>> found.factor.shape, found.error < 1e-10
        (torch.Size([1000, 7]), True)

    Source: Fine & Scheinberg (2001); Bach & Jordan (2002).
    """
    check_samples("x", x)
    with full_precision(x):
        return factorize("x", variable("x", x, kernel, bandwidth), tolerance, max_rank)


def _estimate(
    pair: Pair,
    estimator: Estimator,
    method: Method,
    tolerance: float,
    max_rank: int,
    with_self: bool,
) -> Tensor:
    if estimator not in ("unbiased", "biased"):
        raise ValueError(f"estimator must be 'unbiased' or 'biased', got {estimator!r}")
    if method not in ("exact", "low_rank"):
        raise ValueError(f"method must be 'exact' or 'low_rank', got {method!r}")
    hollow = estimator == "unbiased"
    (x, y), grams = (pair.x.points, pair.y.points), (pair.x.gram, pair.y.gram)
    with full_precision(x):
        if method == "low_rank":
            return low_rank_hsic(pair, hollow, with_self, tolerance, max_rank)
        found: Tensor = TiledHSIC.apply(x, y, grams, hollow, with_self)  # type: ignore[no-untyped-call]
        return found
