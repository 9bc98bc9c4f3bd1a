"""Directions in which languages differ, and as many in which they do not."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

#: What is taken out: the languages' means, what tells them apart best, and four controls.
ARMS = ("means", "LDA", "random", "within languages", "equal size", "another's mean")


@dataclasses.dataclass(frozen=True)
class Subspace:
    """Directions, and the point around which they are taken out.

    Parameters
    ----------
    basis : numpy.ndarray
        float64 (hidden, directions), orthonormal.
    centre : numpy.ndarray
        float64 (hidden,).
    variance : float
        Share of the vectors' variance that lies in the directions, 0 to 1.
    along : numpy.ndarray, optional
        float64 (hidden, directions), orthonormal: the states are moved along these instead, by as
        much as taking the directions out would move them.
    shifts : dict of str to numpy.ndarray, optional
        By language, float64 (hidden,): what is added to its states instead.
    """

    basis: np.ndarray
    centre: np.ndarray
    variance: float
    along: np.ndarray | None = None
    shifts: Mapping[str, np.ndarray] | None = None

    def without(self, states: Any, languages: Sequence[str] = ()) -> Any:
        """States with their part in the directions that of the centre.

        Parameters
        ----------
        states : numpy.ndarray or torch.Tensor
            (row, …, hidden).
        languages : list of str
            Of each row; only ``shifts`` need them.

        Returns
        -------
        numpy.ndarray or torch.Tensor
            Without ``along`` and ``shifts``, what is left of their difference from the centre is
            orthogonal to the directions, and a second time nothing changes.

        Raises
        ------
        ValueError
            If there are ``shifts``, but not of the language of every row.
        """
        if self.shifts is not None:
            if len(languages) != len(states) or not set(languages) <= set(self.shifts):
                raise ValueError(
                    f"{len(states)} rows in {', '.join(sorted(set(languages))) or 'no language'}: "
                    f"name one of {', '.join(self.shifts)} for each"
                )
            moves = np.array([self.shifts[code] for code in languages])
            moves = moves.reshape(len(moves), *[1] * (states.ndim - 2), -1)
            return states + (moves if isinstance(states, np.ndarray) else states.new_tensor(moves))
        parts = self.basis, self.centre, self.basis if self.along is None else self.along
        if not isinstance(states, np.ndarray):
            parts = tuple(states.new_tensor(part) for part in parts)
        basis, centre, along = parts
        return states - ((states - centre) @ basis) @ along.T


def find_subspace(
    points: xr.DataArray, arm: str = "means", directions: int | None = None, seed: int = 0
) -> Subspace:
    """Directions between languages, or a control with as many (ours).

    Parameters
    ----------
    points : xarray.DataArray
        float (language, sentence, hidden), vectors of one layer.
    arm : str
        One of :data:`ARMS`. ``"means"``: the leading directions between the languages' means.
        ``"LDA"``: those of linear discriminant analysis, which weighs directions by how little a
        language varies in them (scikit-learn's, covariance shrunk after Ledoit and Wolf 2004);
        where languages vary more in some directions than in others, these are oblique to the
        means, of which a part then stays.
        ``"random"``: any. ``"within languages"``: of the principal directions within languages,
        orthogonal to those between the means, as many successive ones as hold most nearly the
        variance that these hold; in a model languages differ by more than any of these.
        ``"equal size"``: nothing is taken out, but each state is moved as far as taking out the
        means' directions would move it, along random directions orthogonal to them.
        ``"another's mean"``: nothing is taken out, but the states of each language are moved by
        the difference of another's mean from its own: to where states of a language lie.
    directions : int, optional
        At most, and by default, one fewer than languages.
    seed : int
        Of the random ones, and of which language gets whose mean.

    Returns
    -------
    Subspace
        Around the mean of all vectors.

    Raises
    ------
    ValueError
        For an unknown arm, or a number of directions that there is not.
    """
    codes, vectors = points.language.values.tolist(), points.values.astype(np.float64)
    languages, sentences, hidden = vectors.shape
    k = languages - 1 if directions is None else directions
    if arm not in ARMS:
        raise ValueError(f"arm {arm!r}: choose {', '.join(map(repr, ARMS))}")
    if not 1 <= k < min(languages, hidden) or sentences < 2:
        raise ValueError(
            f"{k} directions of {languages} languages with {sentences} sentences: there are 1 to "
            f"{languages - 1}, and two sentences are needed"
        )
    flat, centre = vectors.reshape(-1, hidden), vectors.mean((0, 1))
    spread = flat - centre
    total = np.square(spread).sum()
    between = np.linalg.svd(vectors.mean(1) - centre, full_matrices=False)[2][:k].T
    along = _beside(between, seed) if arm == "equal size" else None
    shifts = _exchanged(vectors.mean(1), codes, seed) if arm == "another's mean" else None
    if arm in ("means", "equal size", "another's mean"):
        basis = between
    elif arm == "LDA":
        basis = _discriminants(flat, np.repeat(np.arange(languages), sentences), k)
    elif arm == "random":
        basis = np.linalg.qr(np.random.default_rng(seed).normal(size=(hidden, k)))[0]
    else:
        basis = _like_spread(vectors, spread, between)
    variance = float(np.square(spread @ basis).sum() / total)
    return Subspace(basis, centre, variance, along, shifts)


def _exchanged(means, codes, seed):
    """By language, the way to another's mean: of the next in an order drawn at random."""
    order = np.random.default_rng(seed).permutation(len(codes))
    return {codes[here]: means[there] - means[here]
            for here, there in zip(order, np.roll(order, 1), strict=True)}  # fmt: skip


def _beside(between, seed):
    """As many random directions, orthogonal to these."""
    drawn = np.random.default_rng(seed).normal(size=between.shape)
    return np.linalg.qr(drawn - between @ (between.T @ drawn))[0]


def _discriminants(flat, labels, k):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    found = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto").fit(flat, labels)
    return np.linalg.qr(found.scalings_[:, :k])[0]


def _like_spread(points, spread, between):
    """Principal directions within languages, beside ``between``, with as much of the spread."""
    inner = (points - points.mean(1, keepdims=True)).reshape(len(spread), -1)
    inner = inner - (inner @ between) @ between.T
    values, axes = np.linalg.svd(inner, full_matrices=False)[1:]
    axes, k = axes[values > 1e-9 * values[0]], between.shape[1]  # others are any directions
    held = np.square(spread @ axes.T).sum(0)
    windows = np.convolve(held, np.ones(k), "valid")  # of k successive directions
    first = np.abs(windows - np.square(spread @ between).sum()).argmin()
    return axes[first : first + k].T
