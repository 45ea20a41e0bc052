"""Integrals along the steps of a path."""

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from lib.kernels._path_recording import GradientPath, Step


def gauss_legendre(count: int) -> list[tuple[float, float]]:
    """Return nodes and weights on [0, 1]; no nodes are the left end."""
    if count < 0:
        raise ValueError(f"quadrature_nodes must be at least 0, got {count}")
    if count == 0:
        return [(0.0, 1.0)]
    places, weights = np.polynomial.legendre.leggauss(count)
    return [((1 + p) / 2, w / 2) for p, w in zip(places.tolist(), weights.tolist(), strict=True)]


def places(step: Step, nodes: list[tuple[float, float]]) -> Iterator[tuple[Tensor, float]]:
    """Yield the parameters at the nodes of a step, and the weights."""
    for place, weight in nodes:
        yield step.before.lerp(step.after, place), weight


def check_queries(path: GradientPath, x_query: Tensor) -> None:
    """Refuse queries that are shaped otherwise than the training inputs."""
    if x_query.shape[1:] != path.x.shape[1:]:
        raise ValueError(
            f"x_query has samples of the shape {tuple(x_query.shape[1:])} and the training set "
            f"{tuple(path.x.shape[1:])}; they must be the same"
        )
