"""Two languages at one layer, and the matrices that several alignment metrics need of them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import eigh

from .cka import linear_kernel

#: Neighbours of CSLS (Conneau et al. 2018) and of mutual k-NN (Huh et al. 2024).
NEIGHBORHOOD = 10
#: Share of the variance that SVCCA keeps (Raghu et al. 2017), and its most directions (ours).
VARIANCE, DIRECTIONS = 0.99, 20
#: Decimals to which cosines are compared: what float64 rounding makes of equal ones is a tie.
DECIMALS = 12


@dataclass(eq=False)
class Cloud:
    """The n sentences of one language at one layer; each matrix is computed once, when needed.

    Parameters
    ----------
    raw : numpy.ndarray
        (n, hidden), the vectors as they are.
    """

    raw: np.ndarray

    @cached_property
    def varying(self) -> np.ndarray:
        """Which hidden dimensions differ between any two sentences, bool (hidden,)."""
        return (self.raw != self.raw[0]).any(0)

    @property
    def points(self) -> np.ndarray:
        """Centred vectors, float64 (n, hidden)."""
        points = self.raw.astype(np.float64)
        return points - points.mean(0)

    @cached_property
    def unit(self) -> np.ndarray:
        """The vectors as they are, at length 1, float64 (n, hidden)."""
        points = self.raw.astype(np.float64)
        return points / np.linalg.norm(points, axis=1, keepdims=True)

    @cached_property
    def own(self) -> np.ndarray:
        """Cosines within the language, (n, n), of a sentence with itself −∞."""
        cosines = np.round(self.unit @ self.unit.T, DECIMALS)
        np.fill_diagonal(cosines, -np.inf)
        return cosines

    @cached_property
    def near(self) -> np.ndarray:
        """The 10 (at most n − 2) nearest of each, (n, 10), nearest first, ties by place."""
        nearest = np.argsort(-self.own, axis=1, kind="stable")
        return nearest[:, : min(NEIGHBORHOOD, len(nearest) - 2)]

    @cached_property
    def kernel(self) -> np.ndarray:
        """:func:`ilo_helpers.validity.cka.linear_kernel`, (n, n)."""
        return linear_kernel(self.raw)

    @cached_property
    def directions(self) -> np.ndarray:
        """Leading left singular vectors of the centred vectors, (n, directions), orthonormal.

        The fewest that hold 99% of the variance, but at most min(20, n // 3), a cap of ours: n
        centred sentences have n − 1 directions (if hidden is not less), which span the same space
        in any language.
        """
        points = self.points
        gram = points @ points.T
        n = len(gram)
        variance, vectors = eigh(gram, subset_by_index=(n - min(DIRECTIONS, n // 3), n - 1))
        held = np.cumsum(variance[::-1]) / np.trace(gram)
        return vectors[:, ::-1][:, : np.searchsorted(held, VARIANCE) + 1]

    @cached_property
    def standard(self) -> np.ndarray:
        """Each hidden dimension with mean 0 and sum of squares 1 (0 where it is constant)."""
        points = self.points * self.varying
        norms = np.linalg.norm(points, axis=0)
        return np.divide(points, norms, out=np.zeros_like(points), where=norms > 0)


@dataclass(eq=False)
class Pair:
    """Two languages at one layer, row i of both the same sentence: what a metric is given.

    Parameters
    ----------
    x, y : Cloud
    """

    x: Cloud
    y: Cloud

    @cached_property
    def cosines(self) -> np.ndarray:
        """Cosines of the sentences of x (rows) with those of y, float64 (n, n)."""
        return np.round(self.x.unit @ self.y.unit.T, DECIMALS)

    @property
    def varies(self) -> bool:
        """Whether the sentences of either language differ at all."""
        return bool(self.x.varying.any() and self.y.varying.any())
