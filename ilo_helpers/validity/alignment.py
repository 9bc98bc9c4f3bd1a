"""How alike the vectors of the same sentences are: the measures that ILO competes with.

Each compares two languages of one layer, sentence by sentence; :func:`alignment_scores` computes
any of them for all layers, :func:`rivals` all of them and the mean counterpart of bridge.
"""

import itertools
import sys
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.linalg import eigh, svdvals
from tqdm import tqdm

from ..neighbors import neighbor_kinds
from .cka import cka, kernel

#: Neighbours of CSLS (Conneau et al. 2018) and of mutual k-NN (Huh et al. 2024).
NEIGHBORHOOD = 10
#: Share of the variance that SVCCA keeps (Raghu et al. 2017), and its most directions (ours).
VARIANCE, DIRECTIONS = 0.99, 20
#: Decimals to which cosines are compared: what float64 rounding makes of equal ones is a tie.
DECIMALS = 12


def alignment_scores(acts, metrics=None, pivot="auto"):
    """How well each language's vectors are aligned with another's, at every layer.

    Each metric compares two languages and is symmetric in them. n is the number of sentences, d
    that of SVCCA's directions. "Unrelated" is what is expected if the sentences of one language
    are put in random order, whatever the shape of the two clouds. Cosines, within a language too,
    are of the vectors as they are, not centred, in float64.

    ========================= ======= =========== ==================================================
    metric                    range   unrelated   what is measured
    ========================= ======= =========== ==================================================
    ``P@1``, ``P@5``          0 to 1  1/n, 5/n    sentences whose translation is among the 1 (5)
                                                  nearest of the other language by cosine; mean of
                                                  both directions. A tie counts against.
    ``P@1 CSLS``              0 to 1  1/n         the same by 2 cos(x, y) − r(x) − r(y), r the mean
                                                  cosine with the 10 (at most n − 1) nearest of the
                                                  other language (Conneau et al. 2018).
    ``MEXA``                  0 to 1  ≤ 1/n       sentences whose cosine with their translation is
                                                  greater than every other of its row and of its
                                                  column (Kargaran et al. 2024, arXiv 2410.05873).
    ``mutual k-NN``           0 to 1  k/(n − 1)   mean share of the k = 10 (at most n − 2) nearest
                                                  sentences within a language that are also nearest
                                                  in the other (Huh et al. 2024, cosine).
    ``CKA``                   ≤ 1     0           :func:`linear_cka`, unbiased.
    ``SVCCA``                 0 to 1  ≤ √(d/      mean canonical correlation of the leading singular
                                      (n − 1))    directions of the centred vectors (Raghu et al.
                                                  2017); see the notes.
    ``ANC``                   −1 to 1 0           mean over hidden dimensions of the correlation of
                                                  the dimension with itself in the other language
                                                  (Del & Fishel 2022); see the notes.
    ``cosine gap``            −2 to 2 0           mean cosine of translations less that of the other
                                                  pairs of the two languages.
    ``information imbalance`` −1+2/n  0           1 − the mean of both directions of Δ(x→y) = 2/n ×
                              to                  mean rank in y of the nearest neighbour in x
                              1−2/n               (Glielmo et al. 2022); see the notes.
    ========================= ======= =========== ==================================================

    Parameters
    ----------
    acts : xarray.DataArray
        Dimensions layer, language, sentence, hidden; the same sentence at the same place in all
        languages. May be lazy: one layer is read at a time.
    metrics : str or list of str, optional
        Names of :data:`METRICS`; default all.
    pivot : str or None
        The language that all others are compared with, which then has no row of its own;
        ``"auto"``: eng_Latn, or the first if it is not there. None: each language is compared
        with all others, and its value is the mean ("all pairs").

    Returns
    -------
    pandas.DataFrame
        One row a layer, language and metric: layer, language, metric, value (higher is more
        aligned). NaN where the metric looks at how sentences of one language differ (mutual k-NN,
        CKA, SVCCA, ANC, information imbalance) and they do not: so it is at layer 0 with the
        last token's vector, if all sentences end alike.

    Raises
    ------
    ValueError
        For an unknown metric or pivot, other dimensions, less than two languages or four
        sentences; for a vector that is zero or not finite, with layer, language and sentence.

    Notes
    -----
    SVCCA keeps the fewest directions that hold 99% of a language's variance, but at most
    min(20, n // 3), a cap of ours: n centred sentences have n − 1 directions (if hidden is not
    less), which span the same space in either language: every canonical correlation is 1, whatever
    the sentences. Under the cap, chance is still far from 0 with few sentences (at most √(16/48) =
    0.58 with 49, √(20/1011) = 0.14 with 1,012): compare values at one n only. Where one direction
    holds 99% (a massive activation), SVCCA is one correlation. If the languages differ in their
    number of directions, there are as many correlations as the smaller.

    ANC is the mean of plain Pearson correlations, with their sign, as in its authors' published
    code (github.com/MaksymDel/xsim); others take absolute values. Dimensions that are
    constant in either language are left out.

    Information imbalance is in the paper 0 for equal and 1 for unrelated spaces, which is turned
    round here. Ranks go from 1 to n − 1 (the sentence itself has none; equally near ones share
    the mean rank), are n/2 on average by chance and 1 in equal spaces: so values are 0 and
    1 − 2/n. Distances are cosine distances, as in the other metrics.

    A thousand sentences of width 640 take some 30 MB a language; with ``pivot=None``, all languages
    of a layer are held at once.
    """
    acts = _check_shape(acts)
    names = _check_metrics(metrics)
    languages = [str(language) for language in acts.language.values]
    place = _check_pivot(pivot, languages)
    rows = []
    one = acts.sizes["layer"] == 1
    bar = {"unit": "layer", "file": sys.stdout, "mininterval": 1, "disable": one}
    for layer in tqdm(acts.layer.values, "alignment", **bar):
        at = acts.sel(layer=layer)
        vectors = at.values
        _check_vectors(vectors, at)
        values = _compare(vectors, names, place)
        for i, language in enumerate(languages):
            if i != place:
                scored = zip(names, values[i], strict=True)
                rows += [(int(layer), language, name, value) for name, value in scored]
    return pd.DataFrame(rows, columns=["layer", "language", "metric", "value"])


def label_overlap(neighbors, k=5):
    """Share of a language's neighbours that are in other languages: bridge without a threshold.

    Our definition: bridge asks whether the k neighbours cover tau other languages, this how many
    of them are in any other.

    Parameters
    ----------
    neighbors : xarray.Dataset
        As :func:`ilo_helpers.nearest_neighbors` returns it.
    k : int
        Neighbours looked at, at most as many as are stored.

    Returns
    -------
    pandas.DataFrame
        One row a layer and language: layer, language, metric (``"label overlap"``), value, 0 to
        1; with L languages of n sentences, about (L − 1)/L for uniform mixing.

    Raises
    ------
    ValueError
        If k is more than is stored.
    """
    stored = neighbors.sizes["neighbor"]
    if not 1 <= k <= stored:
        raise ValueError(
            f"k = {k}: {stored} neighbours are stored, so k must be from 1 to {stored}; for more "
            "call nearest_neighbors with a greater k"
        )
    kinds = neighbor_kinds(neighbors, k)
    return pd.DataFrame({
        "layer": kinds["layer"],
        "language": kinds["language"],
        "metric": "label overlap",
        "value": 1 - kinds["own"],
    })  # fmt: skip


def rivals(acts, neighbors, k=5, pivot="auto"):
    """All metrics of :func:`alignment_scores`, and :func:`label_overlap`, in one table.

    Parameters
    ----------
    acts : xarray.DataArray
        Dimensions layer, language, sentence, hidden.
    neighbors : xarray.Dataset
        ``nearest_neighbors(acts)``.
    k : int
        Of :func:`label_overlap`.
    pivot : str or None
        Of :func:`alignment_scores`. Label overlap has no pivot, and a row for every language.

    Returns
    -------
    pandas.DataFrame
        layer, language, metric, value.

    Raises
    ------
    ValueError
        As both; if the neighbours are of other layers, languages or sentences than ``acts``.
    """
    for dim in ("layer", "language", "sentence"):
        if not np.array_equal(acts[dim].values, neighbors[dim].values):
            raise ValueError(
                f"neighbors and acts have different {dim}s: call nearest_neighbors(acts) for these"
            )
    overlap = label_overlap(neighbors, k)
    return pd.concat([alignment_scores(acts, pivot=pivot), overlap], ignore_index=True)


def _check_shape(acts):
    dims = ("layer", "language", "sentence", "hidden")
    if set(acts.dims) != set(dims):
        raise ValueError(f"activations have dimensions {tuple(acts.dims)}, need {dims}")
    for dim, least in (("language", 2), ("sentence", 4)):
        if acts.sizes[dim] < least:
            raise ValueError(
                f"{acts.sizes[dim]} {dim}s: alignment needs at least {least}; load a corpus of more"
            )
    return acts.transpose(*dims)


def _check_metrics(metrics):
    names = [metrics] if isinstance(metrics, str) else list(METRICS if metrics is None else metrics)
    for name in names:
        if name not in METRICS:
            raise ValueError(f"metric {name!r}: choose from {', '.join(map(repr, METRICS))}")
    return names


def _check_pivot(pivot, languages):
    """Place of the pivot among the languages; None for all pairs."""
    if pivot == "auto":
        pivot = "eng_Latn" if "eng_Latn" in languages else languages[0]
    if pivot is not None and pivot not in languages:
        raise ValueError(
            f"pivot {pivot!r} is not among the languages {', '.join(languages)}: choose one of "
            "them, or None for all pairs"
        )
    return None if pivot is None else languages.index(pivot)


def _check_vectors(vectors, at):
    """Refuse vectors without a direction; ``at`` has the labels."""
    squared = np.einsum("lsh,lsh->ls", vectors, vectors, dtype=np.float64)
    for bad, what in ((~np.isfinite(squared), "not finite"), (squared == 0, "zero")):
        if bad.any():
            language, sentence = np.argwhere(bad)[0]
            raise ValueError(
                f"layer {int(at.layer)}, language {at.language.values[language]}, sentence "
                f"{at.sentence.values[sentence]}: the vector is {what}, so it has no cosines; "
                "extract it again, or leave the sentence out with acts.drop_sel(sentence=[…])"
            )


def _compare(vectors, names, pivot):
    """Values of one layer, (language, metric); those of the pivot itself mean nothing."""
    count = len(vectors)
    sides = [_Side(points) for points in vectors]
    values = np.zeros((count, count, len(names)))
    pairs = itertools.combinations(range(count), 2)
    if pivot is not None:
        pairs = ((pivot, other) for other in range(count) if other != pivot)
    for one, other in pairs:
        pair = _Pair(sides[one], sides[other])
        values[one, other] = values[other, one] = [pair.score(name) for name in names]
        if pivot is not None:
            sides[other] = None  # not met again: frees its matrices
    return values[:, pivot] if pivot is not None else values.sum(1) / (count - 1)


class _Side:
    """One language at one layer; what the metrics need of it is computed once."""

    def __init__(self, points):
        self.raw = points
        n = len(points)
        self.k = min(NEIGHBORHOOD, n - 2)
        self.most = min(DIRECTIONS, n // 3)

    @cached_property
    def varying(self):
        """Which hidden dimensions differ between any two sentences."""
        return (self.raw != self.raw[0]).any(0)

    @property
    def points(self):
        """Centred vectors, float64."""
        points = self.raw.astype(np.float64)
        return points - points.mean(0)

    @cached_property
    def unit(self):
        points = self.raw.astype(np.float64)
        return points / np.linalg.norm(points, axis=1, keepdims=True)

    @cached_property
    def own(self):
        """Cosines within the language, of a sentence with itself −∞."""
        cosines = _cosines(self.unit, self.unit)
        np.fill_diagonal(cosines, -np.inf)
        return cosines

    @cached_property
    def near(self):
        """The k nearest sentences of each, nearest first, ties by index."""
        return np.argsort(-self.own, axis=1, kind="stable")[:, : self.k]

    @cached_property
    def kernel(self):
        return kernel(self.points)

    @cached_property
    def directions(self):
        """Leading left singular vectors, (n, directions), orthonormal."""
        points = self.points
        gram = points @ points.T
        n = len(gram)
        variance, vectors = eigh(gram, subset_by_index=(n - self.most, n - 1))
        held = np.cumsum(variance[::-1]) / np.trace(gram)
        needed = np.searchsorted(held, VARIANCE) + 1
        return vectors[:, ::-1][:, :needed]

    @cached_property
    def standard(self):
        """Each hidden dimension with mean 0 and sum of squares 1 (0 where it is constant)."""
        points = self.points * self.varying
        norms = np.linalg.norm(points, axis=0)
        return np.divide(points, norms, out=np.zeros_like(points), where=norms > 0)


class _Pair:
    """Two languages at one layer, and their cosines, which many metrics share."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    @cached_property
    def cosines(self):
        return _cosines(self.x.unit, self.y.unit)

    def score(self, name):
        vary = self.x.varying.any() and self.y.varying.any()
        return METRICS[name](self) if vary or name in OF_COSINES else np.nan


def _cosines(x, y):
    return np.round(x @ y.T, DECIMALS)


def _precision(scores, k):
    """P@k of a matrix (query, candidate), and of its transpose, averaged."""
    right = scores.diagonal()
    rows = (scores >= right[:, None]).sum(1)  # at most as good as these, itself among them
    columns = (scores >= right).sum(0)
    return ((rows <= k).mean() + (columns <= k).mean()) / 2


def _csls(cosines):
    k = min(NEIGHBORHOOD, len(cosines) - 1)
    x, y = (np.partition(each, -k, axis=1)[:, -k:].mean(1) for each in (cosines, cosines.T))
    return np.round(2 * cosines - x[:, None] - y, DECIMALS)


def _mexa(cosines):
    rivals_of_each = np.maximum(cosines, cosines.T)  # of its row and of its column
    return ((rivals_of_each >= cosines.diagonal()[:, None]).sum(1) == 1).mean()


def _gap(cosines):
    n, right = len(cosines), np.trace(cosines)
    return right / n - (cosines.sum() - right) / (n * (n - 1))


def _mutual(x, y):
    return (x.near[:, :, None] == y.near[:, None, :]).sum() / x.near.size


def _svcca(x, y):
    return np.minimum(svdvals(x.directions.T @ y.directions), 1).mean()


def _anc(x, y):
    shared = x.varying & y.varying
    return (x.standard * y.standard).sum(0)[shared].mean() if shared.any() else np.nan


def _imbalance(x, y):
    """Δ(x→y)."""
    found = np.take_along_axis(y.own, x.near[:, :1], axis=1)
    nearer, level = (y.own > found).sum(1), (y.own == found).sum(1)
    return 2 / len(found) * (nearer + (level + 1) / 2).mean()


#: The metrics by name: functions of a pair of languages.
METRICS = {
    "P@1": lambda pair: _precision(pair.cosines, 1),
    "P@5": lambda pair: _precision(pair.cosines, 5),
    "P@1 CSLS": lambda pair: _precision(_csls(pair.cosines), 1),
    "MEXA": lambda pair: _mexa(pair.cosines),
    "mutual k-NN": lambda pair: _mutual(pair.x, pair.y),
    "CKA": lambda pair: cka(pair.x.kernel, pair.y.kernel),
    "SVCCA": lambda pair: _svcca(pair.x, pair.y),
    "ANC": lambda pair: _anc(pair.x, pair.y),
    "cosine gap": lambda pair: _gap(pair.cosines),
    "information imbalance": lambda pair: (
        1 - (_imbalance(pair.x, pair.y) + _imbalance(pair.y, pair.x)) / 2
    ),
}
#: Those that have a value where all sentences of a language have one vector.
OF_COSINES = ("P@1", "P@5", "P@1 CSLS", "MEXA", "cosine gap")
