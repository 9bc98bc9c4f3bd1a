"""Exact nearest neighbours of all sentence vectors, all languages pooled."""

import hashlib
import sys

import numpy as np
import xarray as xr
from tqdm import tqdm

from .models import fast_matmul, matmul_precision
from .paths import data_dir, slug
from .stores import Store, check_disk

METRICS = ("cosine", "euclidean")
#: Candidates beyond k that the float32 search passes on to float64.
MARGIN = 8
#: Columns whose largest score stands for all of them in the first pass of the search.
GROUP = 32
#: Bytes that one block of work may take.
BLOCK_BYTES = 256 * 2**20


def nearest_neighbors(acts, k=10, metric="cosine", device=None):
    """The k nearest sentences of every sentence, in any language, at every layer.

    All languages are pooled. A sentence is never its own neighbour (it is left out by its
    index); sentences of its own language may be. The lists are those of a float64 brute force:
    a float32 search on centred vectors proposes, float64 distances decide, ties go to the lower
    index, and a row whose candidates cannot be proven complete is searched again with more.

    Parameters
    ----------
    acts : xarray.DataArray
        Dimensions layer, language, sentence, hidden, as :func:`extract_activations` returns it
        or any array so labelled.
    k : int
        Neighbours kept; every smaller k is a prefix of the lists.
    metric : str
        ``"cosine"`` (the ILO paper's) or ``"euclidean"``.
    device : str, optional
        ``"cpu"`` or ``"cuda"``; default: a GPU where there is one.

    Returns
    -------
    xarray.Dataset
        Dimensions layer, language, sentence, neighbor, nearest first. ``index``: int32, place in
        the stack of (language, sentence), row ``language × sentences + sentence``.
        ``distance``: float32; cosine distance, 0 to 2, or euclidean. ``attrs``: those of
        ``acts``, metric, k and a hash of the vectors.
        Results for vectors with a ``model`` in their ``attrs`` are kept in ``data/neighbors``,
        one layer at a time, under that hash; a killed run goes on where it was.

    Raises
    ------
    ValueError
        For an unknown metric, k of no neighbours or of all, missing dimensions; for a vector
        that is zero (cosine) or not finite, with layer, language and sentence.
    """
    acts = _check_shape(acts, k, metric)
    device = device or _default_device()
    attrs = acts.attrs | {"metric": metric, "k": k, "vectors": _hash(acts)}
    coords = {dim: acts[dim].values for dim in acts.dims[:3]} | {"neighbor": range(k)}
    if "model" not in acts.attrs:  # a toy: nothing to name it by, and quickly done
        layers = [_layer(acts, layer, k, metric, device) for layer in acts.layer.values]
        arrays = {name: np.stack([each[name] for each in layers]) for name in layers[0]}
        variables = {name: (list(coords), array) for name, array in arrays.items()}
        return xr.Dataset(variables, coords, attrs)
    name = f"{slug(attrs['model'])}--{slug(attrs['corpus'])}--{metric}-{k}"
    variables = {"index": "int32", "distance": "float32"}
    store = Store(data_dir("neighbors"), name, coords, variables, "layer", attrs)
    with store.lock():
        missing = store.missing()
        check_disk([(store, missing)])
        bar = {"unit": "layer", "file": sys.stdout, "mininterval": 1, "disable": not missing}
        for layer in tqdm(missing, f"neighbours, {metric}", **bar):
            store.write(layer, **_layer(acts, layer, k, metric, device))
        found = store.open()
    return found.assign_attrs(attrs)


def neighbors_within(neighbors, acts, k, languages=None, sentences=None):
    """The k nearest within a part of the corpus, from the stored lists of the whole.

    Who is not in the part is struck from the lists, which keeps their order; rows with fewer
    than k left are searched anew. The result is that of :func:`nearest_neighbors` on the part.

    Parameters
    ----------
    neighbors : xarray.Dataset
        ``nearest_neighbors(acts, …)``; the longer the lists, the fewer searches.
    acts : xarray.DataArray
        The vectors, of the layers of ``neighbors`` at least.
    k : int
    languages, sentences : array of int, optional
        Places of those in the part, ascending; default all.

    Returns
    -------
    xarray.Dataset
        As :func:`nearest_neighbors`, k neighbours each, without the attributes of the whole.

    Raises
    ------
    ValueError
        If the part has no more than k sentences.
    """
    total = [neighbors.sizes["language"], neighbors.sizes["sentence"]]
    chosen = [np.arange(n) if part is None else np.asarray(part)
              for n, part in zip(total, (languages, sentences), strict=True)]  # fmt: skip
    rows = (chosen[0][:, None] * total[1] + chosen[1]).ravel()
    if k >= len(rows):
        raise ValueError(
            f"k = {k}: with {len(rows)} sentences in the part, k must be from 1 to {len(rows) - 1}"
        )
    place = np.full(total[0] * total[1], -1)
    place[rows] = np.arange(len(rows))
    metric, stored = neighbors.attrs["metric"], neighbors.sizes["neighbor"]
    found = {"index": [], "distance": []}
    for layer in neighbors.layer.values:
        at = neighbors.sel(layer=layer)
        lists = place[at["index"].values.reshape(-1, stored)[rows]]
        order = np.argsort(lists < 0, axis=1, kind="stable")[:, :k]  # those inside first
        index = np.take_along_axis(lists, order, 1).astype(np.int32)
        distance = np.take_along_axis(at["distance"].values.reshape(-1, stored)[rows], order, 1)
        short = np.flatnonzero((lists >= 0).sum(1) < k)
        if len(short):
            points = acts.sel(layer=layer).values.reshape(len(place), -1)[rows]
            index[short], distance[short] = knn(points, k, metric, _default_device(), short)
        shape = (*map(len, chosen), k)
        found["index"].append(index.reshape(shape))
        found["distance"].append(distance.reshape(shape))
    coords = {"layer": neighbors.layer.values, "language": neighbors.language.values[chosen[0]],
              "sentence": neighbors.sentence.values[chosen[1]], "neighbor": range(k)}  # fmt: skip
    variables = {name: (list(coords), np.stack(arrays)) for name, arrays in found.items()}
    return xr.Dataset(variables, coords, {"metric": metric, "k": k})


def _default_device():
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _check_shape(acts, k, metric):
    dims = ("layer", "language", "sentence", "hidden")
    if set(acts.dims) != set(dims):
        raise ValueError(f"activations have dimensions {tuple(acts.dims)}, need {dims}")
    if metric not in METRICS:
        raise ValueError(f"metric {metric!r}: choose from {', '.join(map(repr, METRICS))}")
    points = acts.sizes["language"] * acts.sizes["sentence"]
    if not 1 <= k < points:
        raise ValueError(
            f"k = {k}: with {points} sentences in all, k must be from 1 to {points - 1}"
        )
    return acts.transpose(*dims)


def _hash(acts):
    """Hash of the values: vectors changed by a hand never get the neighbours of the old ones."""
    digest = hashlib.sha256()
    for layer in range(acts.sizes["layer"]):
        digest.update(np.ascontiguousarray(acts[layer].values))
    return digest.hexdigest()[:16]


def _layer(acts, layer, k, metric, device):
    """Neighbours of one layer: index and distance, (language, sentence, neighbor)."""
    vectors = acts.sel(layer=layer)
    points = vectors.values.reshape(-1, vectors.sizes["hidden"])
    try:
        index, distance = knn(points, k, metric, device)
    except RowError as error:
        language, sentence = divmod(error.row, vectors.sizes["sentence"])
        raise ValueError(
            f"layer {layer}, language {vectors.language.values[language]}, sentence "
            f"{vectors.sentence.values[sentence]}: {error}"
        ) from None
    shape = (*vectors.shape[:2], k)
    return {"index": index.reshape(shape), "distance": distance.reshape(shape)}


class RowError(ValueError):
    """A vector that has no neighbours; ``row`` says which."""

    def __init__(self, row, message):
        super().__init__(message)
        self.row = int(row)


def knn(points, k, metric="cosine", device="cpu", rows=None, progress=None):
    """Exact k nearest neighbours within a set of points, self excluded by index.

    Cosine neighbours are euclidean neighbours of the unit vectors, and neither is moved by a
    shift. The points are centred first: language-model vectors crowd around one direction
    (cosines of 0.99…), where float32 cosines of the raw vectors lose the order.

    Parameters
    ----------
    points : numpy.ndarray
        (N, hidden), any float dtype.
    k : int
        1 to N − 1.
    metric : str
        ``"cosine"`` or ``"euclidean"``.
    device : str
        ``"cpu"`` or ``"cuda"``.
    rows : numpy.ndarray of int, optional
        Points whose neighbours (among all) are wanted; default all.
    progress : str, optional
        What to call a progress bar; default none.

    Returns
    -------
    index : numpy.ndarray
        int32 (rows, k), nearest first, ties by index.
    distance : numpy.ndarray
        float32 (rows, k).

    Raises
    ------
    RowError
        For a row that is not finite, or zero where the metric is cosine.
    """
    import torch

    exact = torch.tensor(points, dtype=torch.float64, device=device)
    norms = torch.linalg.vector_norm(exact, dim=1)
    if not torch.isfinite(norms).all():
        raise RowError(torch.nonzero(~torch.isfinite(norms))[0], "the vector is not finite")
    if metric == "cosine":
        if (norms == 0).any():
            raise RowError(torch.nonzero(norms == 0)[0], "the vector is zero: it has no direction")
        exact /= norms[:, None]
    exact -= exact.mean(0)
    wanted = torch.as_tensor(np.arange(len(points)) if rows is None else rows, device=device)
    index = torch.empty((len(wanted), k), dtype=torch.int64, device=device)
    squared = torch.empty((len(wanted), k), dtype=torch.float64, device=device)
    with fast_matmul(matmul_precision(device)):
        todo, candidates = torch.arange(len(wanted), device=device), k + MARGIN
        search = _Search(exact)
        bar = tqdm(
            total=len(todo), desc=progress, disable=progress is None, file=sys.stdout, mininterval=1
        )
        while len(todo):
            candidates = min(candidates, len(points) - 1)
            unproven = []
            for block in todo.split(search.block_rows(candidates)):
                near, distances, proven = search(wanted[block], k, candidates)
                index[block], squared[block] = near, distances
                unproven.append(block[~proven])
                bar.update(int(proven.sum()))
            todo, candidates = torch.cat(unproven), 8 * candidates
        bar.close()
    distance = squared / 2 if metric == "cosine" else squared.sqrt()
    return index.to(torch.int32).cpu().numpy(), distance.float().cpu().numpy()


class _Search:
    """Nearest neighbours of blocks of rows: float32 proposes, float64 decides and proves."""

    def __init__(self, exact):
        import torch

        self.exact = exact
        self.points = exact.float()
        self.half_norms = (exact.square().sum(1) / 2).float()
        # |float32 score − true score| ≤ error × |row|: rounding of the inputs, of a sum of
        # `hidden` products in any order, and of half_norms (Higham 2002, section 3.1)
        largest = torch.linalg.vector_norm(exact, dim=1).max().item()
        unit = torch.finfo(torch.float32).eps / 2
        self.relative = (exact.shape[1] + 4) * unit * largest
        self.absolute = 2 * unit * largest**2

    def block_rows(self, candidates):
        n, hidden = self.exact.shape
        return max(1, BLOCK_BYTES // max(4 * n, 8 * candidates * hidden))

    def __call__(self, rows, k, candidates):
        """Indices, squared distances, and whether they are proven, of a block of rows."""
        import torch

        score = self._scores(rows)
        values, near = _top(score, candidates)
        near = near.sort(dim=1).values  # ties go to the lower index
        squared = self._squared_distances(rows, near)
        squared, order = squared.sort(dim=1, stable=True)
        near = near.gather(1, order)[:, :k]
        if candidates == len(self.exact) - 1:
            return near, squared[:, :k], torch.ones_like(rows, dtype=torch.bool)
        # No point outside the candidates scores more than the least candidate, so none is nearer
        # than the distance that score stands for, less what float32 may have got wrong.
        norms = torch.linalg.vector_norm(self.exact[rows], dim=1)
        least = values[:, -1].double() + self.relative * norms + self.absolute
        outside = norms.square() - 2 * least
        return near, squared[:, :k], squared[:, k - 1] < outside

    def _scores(self, rows):
        """x·y − |y|²/2, the greater the nearer; the row itself −∞."""
        import torch

        score = torch.addmm(self.half_norms, self.points[rows], self.points.T, beta=-1)
        score[torch.arange(len(rows), device=rows.device), rows] = -torch.inf
        return score

    def _squared_distances(self, rows, near):
        """float64 |x − y|², from the differences: equal vectors are exactly equally far."""
        import torch

        result = torch.empty(near.shape, dtype=torch.float64, device=rows.device)
        step = max(1, BLOCK_BYTES // (8 * near.shape[1] * self.exact.shape[1]))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            difference = self.exact[near[part]] - self.exact[rows[part], None]
            result[part] = difference.square_().sum(2)
        return result


def _top(score, count):
    """Largest ``count`` scores of each row, in descending order, and their columns.

    A wide row is cut into groups: the largest scores can only lie in the groups with the
    largest maxima, and a few groups are quickly sorted.
    """
    import torch

    groups = score.shape[1] // GROUP
    if groups <= 2 * count:
        return score.topk(count, dim=1)
    whole, rest = score[:, : groups * GROUP], score[:, groups * GROUP :]
    best = whole.view(len(score), groups, GROUP).amax(2).topk(count, dim=1).indices
    columns = (best[:, :, None] * GROUP + torch.arange(GROUP, device=score.device)).flatten(1)
    tail = torch.arange(groups * GROUP, score.shape[1], device=score.device)
    columns = torch.cat([columns, tail.expand(len(score), -1)], dim=1)
    values, place = torch.cat([score.gather(1, columns[:, : count * GROUP]), rest], dim=1).topk(
        count, dim=1
    )
    return values, columns.gather(1, place)
