"""The path kernel: what each training sample added to each prediction of a trained model.

A model that learned by gradient descent is its start plus a sum over the training set, of
residuals times inner products of gradients, added up along the path that its parameters took.
:func:`tangent_kernel` gives the inner products at one place, :func:`record_gradient_descent` trains
and keeps the path, and :func:`path_contributions` takes predictions apart, up to rounding: for
any module that treats samples one by one, any differentiable loss, minibatches, momentum, weight
decay and Adam. :func:`path_kernel` sums the inner products alone, :func:`tracin` is the cheap
estimate.

All functions share these conventions. Inputs and targets have a sample a row; a model gives
``samples`` or ``samples outputs``. Models and inputs are never modified, and dtype and device come
back as they went in.
"""

from lib.kernels._path_contributions import PathContributions, path_contributions
from lib.kernels._path_recording import GradientPath, record_gradient_descent
from lib.kernels._path_storage import load_path, save_path
from lib.kernels._path_summed import path_kernel
from lib.kernels._path_tangent import tangent_kernel
from lib.kernels._path_tracin import tracin

__all__ = [
    "GradientPath",
    "PathContributions",
    "load_path",
    "path_contributions",
    "path_kernel",
    "record_gradient_descent",
    "save_path",
    "tangent_kernel",
    "tracin",
]

for _name in __all__:  # for links, ledgers and tracebacks: their home is where one imports them
    globals()[_name].__module__ = __name__
