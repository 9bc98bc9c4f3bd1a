"""Is it sentence length, is it hubs? Neighbours without the one or the other, and the controls."""

import numpy as np
import pandas as pd
import xarray as xr

from .._search.knn import MARGIN
from ..ilo import ilo_scores
from ..keep.labelled import in_order
from ..neighbors import _dataset, check_search, nearest_neighbors
from .length import ordered_counts, shuffled_counts, without_length

BLOCK = 500  # rows searched at a time: by 9,300 columns of float64 37 MB


def neighbors_of_like_length(
    acts: xr.DataArray, tokens: xr.DataArray, k: int, metric: str = "cosine", ratio: float = 1.5
) -> xr.Dataset:
    """The k nearest of every sentence among those of like length; exact, in float64 (ours).

    Two sentences are candidates for each other where neither has more than ``ratio`` times the
    tokens of the other. That makes the pool smaller, and its languages those of like fertility. The
    control, :func:`ilo_helpers.regions.length.shuffled_counts`, keeps both.

    Parameters
    ----------
    acts : xarray.DataArray
        Dimensions layer, language, sentence, hidden.
    tokens : xarray.DataArray
        int (language, sentence), as ``length.token_counts`` returns it.
    k : int
    metric : str
        ``"cosine"`` or ``"euclidean"``.
    ratio : float
        From 1 (the same count) to infinity (no restriction).

    Returns
    -------
    xarray.Dataset
        As :func:`ilo_helpers.nearest_neighbors`; ``attrs["control"]`` says what was done.

    Raises
    ------
    KeyError
        If a sentence has no count.
    ValueError
        If one has fewer than k candidates; and as :func:`ilo_helpers.nearest_neighbors`.
    """
    allowed = _like_length(acts, tokens, k, ratio)
    return _lists(acts, k, metric, f"like length, ratio {ratio:g}", allowed)


def wide_enough(tokens: xr.DataArray, k: int, least: float = 1.5) -> float:
    """The least ratio of lengths, from ``least`` on, at which all have k of like length.

    Parameters
    ----------
    tokens : xarray.DataArray
        int (language, sentence).
    k : int
    least : float

    Returns
    -------
    float
        ``least`` but for small corpora.
    """
    counts = tokens.values.ravel().astype(float)
    ratios = np.maximum.outer(counts, counts) / np.minimum.outer(counts, counts)
    return max(least, float(np.sort(ratios, axis=1)[:, k].max()))  # the first is its own


def csls_neighbors(acts: xr.DataArray, k: int, r: int = 10) -> xr.Dataset:
    """The k nearest of every sentence by CSLS, under which hubs win less often; in float64.

    Cross-domain similarity local scaling: 2 cos(x, y) − r(x) − r(y), where r is the mean cosine of
    a point with its r nearest. Conneau et al. (2018) look for these in the other one of two
    languages; here, as lists are drawn from all languages together, among all other sentences.

    Parameters
    ----------
    acts : xarray.DataArray
        Dimensions layer, language, sentence, hidden.
    k, r : int

    Returns
    -------
    xarray.Dataset
        As :func:`ilo_helpers.nearest_neighbors`; ``distance`` is minus CSLS, −4 to 4.
    """
    check_search(acts, r, "cosine")
    return _lists(acts, k, "cosine", f"CSLS, r = {r}", r=r)


def mutual_lists(neighbors: xr.Dataset, k: int) -> xr.Dataset:
    """Neighbours that have each other among their k nearest; the other places are empty.

    A hub is near many that are not near it. But shorter lists have fewer bridges whoever is left
    out: the control empties as many places at random (:func:`confound_scores`).

    Parameters
    ----------
    neighbors : xarray.Dataset
        As :func:`ilo_helpers.nearest_neighbors` returns it.
    k : int
        At most as many as are stored.

    Returns
    -------
    xarray.Dataset
        As ``neighbors``, k places; in empty ones ``index`` −1, ``distance`` NaN.
        :func:`ilo_helpers.ilo_scores` counts no language there; other functions want full lists.

    Raises
    ------
    ValueError
        If fewer than k neighbours are stored.
    """
    if not 1 <= k <= neighbors.sizes["neighbor"]:
        raise ValueError(f"k = {k}: {neighbors.sizes['neighbor']} neighbours are stored")
    index = neighbors["index"].values[..., :k]
    lists = index.reshape(len(index), -1, k)
    own = np.arange(lists.shape[1])[:, None, None]
    mutual = np.stack([(near[near] == own).any(-1) for near in lists])
    return _only(neighbors, mutual.reshape(index.shape), "mutual")


def confound_scores(
    acts: xr.DataArray, tokens: xr.DataArray, k: int = 5, tau: int = 3, ratio: float = 1.5,
    seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Each layer's scores as they are, without length, without hubs, and under the controls.

    Parameters
    ----------
    acts, tokens, k, ratio
        As for :func:`neighbors_of_like_length`; neighbours are by cosine.
    tau : int
        As for :func:`ilo_helpers.ilo_scores`.
    seed : int
        Of what is shuffled and emptied.

    Returns
    -------
    pandas.DataFrame
        A row a layer and variant: layer, variant; bridge, reach, ilo, means over the languages;
        translations: of the neighbours in other languages, the share that are translations, NaN
        where there are no such neighbours. Variants: as it is; like length; length regressed out,
        of all languages together and by language; each with shuffled counts; CSLS; mutual, and as
        few at random.
    """
    rng = np.random.default_rng(seed)
    plain = nearest_neighbors(acts, k, keep=False)
    mutual = mutual_lists(plain, k)
    full = (mutual["index"].values >= 0).reshape(plain.sizes["layer"], -1)
    kept = rng.permuted(full, axis=1).reshape(plain["index"].shape)
    lists = {
        "as it is": plain, "CSLS": csls_neighbors(acts, k), "mutual": mutual,
        "as few at random": _only(plain, kept, "as few at random"),
    }  # fmt: skip
    for name, counts in {
        "length": tokens, "shuffled length": shuffled_counts(tokens, seed)
    }.items():  # fmt: skip
        lists[f"like {name}"] = neighbors_of_like_length(acts, counts, k, ratio=ratio)
        for how, by_language in {"": False, " by language": True}.items():
            rest = without_length(acts, counts, by_language)
            lists[f"{name} regressed out{how}"] = nearest_neighbors(rest, k, keep=False)
    tables = [_summary(near, k, tau).assign(variant=name) for name, near in lists.items()]
    return pd.concat(tables, ignore_index=True)


def _summary(neighbors, k, tau):
    """Mean scores by layer, and how many neighbours in other languages are translations."""
    scores = ilo_scores(neighbors, k, tau).groupby("layer")[["bridge", "reach", "ilo"]].mean()
    index, sentences = neighbors["index"].values, neighbors.sizes["sentence"]
    language, sentence, _ = np.ogrid[: index.shape[1], :sentences, :1]
    other = (index >= 0) & (index // sentences != language)
    translations = (other & (index % sentences == sentence)).sum((1, 2, 3))
    others = other.sum((1, 2, 3)).astype(float)
    scores["translations"] = translations / np.where(others, others, np.nan)
    return scores.reset_index()


def _only(neighbors, kept, control):
    """As many neighbours as ``kept`` has places, and only those where it is true."""
    near = neighbors.isel(neighbor=slice(kept.shape[-1]))
    index, distance = near["index"].where(kept, -1).astype(np.int32), near["distance"].where(kept)
    near = near.assign(index=index, distance=distance)
    return near.assign_attrs(neighbors.attrs | {"k": kept.shape[-1], "control": control})


def _like_length(acts, tokens, k, ratio):
    """Who may be whose neighbour, bool (point, point), nobody their own."""
    counts = ordered_counts(in_order(acts), tokens).ravel()
    allowed = counts <= ratio * counts[:, None]
    allowed &= allowed.T.copy()
    np.fill_diagonal(allowed, False)
    found = allowed.sum(1)
    least = int(found.argmin())
    if found[least] < k:
        raise ValueError(
            f"{_name(acts, least)}: {found[least]} others are of like length at ratio {ratio:g}, "
            f"k = {k}; choose a greater ratio or a smaller k"
        )
    return allowed


def _name(acts, point):
    language, sentence = divmod(int(point), acts.sizes["sentence"])
    return f"language {acts.language.values[language]}, sentence {acts.sentence.values[sentence]}"


def _lists(acts, k, metric, control, allowed=None, r=None):
    """Neighbours at every layer, of all or those allowed; with r, by CSLS."""
    acts, k, metric = check_search(acts, k, metric)
    layers, size = [], acts.sizes["language"] * acts.sizes["sentence"]
    allowed = ~np.eye(size, dtype=bool) if allowed is None else allowed
    for layer in acts.layer.values:
        points = _points(acts.sel(layer=layer), metric)
        scale = np.zeros(size)
        if r:  # of vectors of norm 1, |x − y|² = 2 − 2 cos(x, y)
            scale = 1 - _nearest(points, r, allowed, scale)[1].mean(1) / 2
        index, value = _nearest(points, k, allowed, scale)
        distance = np.sqrt(value) if metric == "euclidean" else value / 2
        if r:
            distance = value - 2 + scale[:, None]
        found = {"index": index.astype(np.int32), "distance": distance.astype(np.float32)}
        layers.append({name: each.reshape(*acts.shape[1:3], k) for name, each in found.items()})
    coords = {dim: acts[dim].values for dim in acts.dims[:3]} | {"neighbor": range(k)}
    return _dataset(coords, layers, acts.attrs | {"metric": metric, "k": k, "control": control})


def _points(at, metric):
    """Vectors of one layer, float64, centred; for cosine scaled to norm 1 before."""
    points = at.values.reshape(-1, at.sizes["hidden"]).astype(np.float64)
    norms = np.linalg.norm(points, axis=1, keepdims=True)
    bad = ~np.isfinite(norms) | ((norms == 0) & (metric == "cosine"))
    if bad.any():
        name = _name(at, bad.argmax())
        raise ValueError(f"layer {at.layer.item()}, {name}: the vector is zero or not finite")
    points = points / norms if metric == "cosine" else points
    return points - points.mean(0)


def _nearest(points, k, allowed, scale):
    """Index and value of the k lowest |x − y|² + scale[y], float64 (point, k), ties by index."""
    column, found = np.square(points).sum(1) + scale, []
    last = min(k + MARGIN, len(points)) - 1
    for rows in np.split(np.arange(len(points)), range(BLOCK, len(points), BLOCK)):
        # without |x|², which is the same for a whole list
        value = np.where(allowed[rows], column - 2 * points[rows] @ points.T, np.inf)
        near = np.sort(np.argpartition(value, last, axis=1)[:, : last + 1], axis=1)
        # decided by the differences: equal vectors are exactly equally far
        exact = np.square(points[near] - points[rows, None]).sum(2) + scale[near]
        exact[~allowed[rows[:, None], near]] = np.inf
        order = np.argsort(exact, axis=1, kind="stable")[:, :k]
        found.append([np.take_along_axis(each, order, 1) for each in (near, exact)])
    return [np.concatenate(each) for each in zip(*found, strict=True)]
