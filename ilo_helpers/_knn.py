"""The search behind :mod:`ilo_helpers.neighbors`: exact, in float32 with a proof in float64."""

import sys

import numpy as np
from tqdm import tqdm

from .arithmetic import fast_matmul, matmul_precision

#: Candidates beyond k that the float32 search passes on to float64.
MARGIN = 8
#: Columns whose largest score stands for all of them in the first pass of the search.
GROUP = 32
#: Bytes that one block of work may take.
BLOCK_BYTES = 256 * 2**20


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
