"""HSIC: are two variables independent? Kernels answer, from samples alone.

Two variables are independent when no function of one is correlated with a function of the other.
HSIC adds up the squared covariances of so many pairs of functions that, for a kernel such as the
Gaussian, it is 0 for independent variables only; and it needs no functions, only two Gram
matrices. :func:`hsic` estimates it, :func:`cka` makes it a correlation, :func:`hsic_test` gives
p-values, and :class:`HSICBottleneck` trains a network with it, without back-propagation.

All functions share these conventions. x is ``samples dims_x`` and y ``samples dims_y``, row i of
the one belonging to row i of the other. The Gaussian kernel is :math:`e^{-d^2/2\\sigma^2}`; a
bandwidth left out is the median distance of that variable itself, never of the other one. Inputs
are never modified, and dtype and device come back as they went in.
"""

from lib.kernels._hsic_bottleneck import HSICBottleneck, nocco
from lib.kernels._hsic_estimators import cka, hsic
from lib.kernels._hsic_gram import gaussian_kernel, incomplete_cholesky, median_bandwidth
from lib.kernels._hsic_independence import IndependenceTest, hsic_test
from lib.kernels._hsic_low_rank import LowRank

__all__ = [
    "HSICBottleneck",
    "IndependenceTest",
    "LowRank",
    "cka",
    "gaussian_kernel",
    "hsic",
    "hsic_test",
    "incomplete_cholesky",
    "median_bandwidth",
    "nocco",
]

for _name in __all__:  # for links, ledgers and tracebacks: their home is where one imports them
    globals()[_name].__module__ = __name__
