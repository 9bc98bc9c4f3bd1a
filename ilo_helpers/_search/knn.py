"""The search behind :mod:`ilo_helpers.neighbors`: float32 proposes, float64 decides and proves."""

import itertools
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from tqdm import tqdm

from .gpu import propose_on
from .memory import PORTION, Budget
from .products import fast_product

#: Candidates beyond k that the float32 search passes on to float64.
MARGIN = 8
#: At most what underflow takes from the product of two numbers up to 2, and from their sum.
UNDERFLOW = 2.0**-123


class RowError(ValueError):
    """A vector that has no neighbours; ``row`` says which."""

    def __init__(self, row, message):
        super().__init__(message)
        self.row = int(row)


def knn(points, k, metric="cosine", device="cpu", rows=None, progress=None, memory=None):
    """Exact k nearest neighbours within a set of points, self excluded by index.

    Cosine neighbours are euclidean neighbours of the unit vectors, and neither is moved by a
    shift. For the float32 search the points are centred: language-model vectors crowd around
    one direction (cosines of 0.99…), where float32 cosines of the raw vectors lose the order.
    What is returned is computed in float64 from the points as they are.

    Parameters
    ----------
    points : numpy.ndarray
        (N, hidden), any float dtype; may be mapped from a file.
    k : int
        1 to N − 1.
    metric : str
        ``"cosine"`` or ``"euclidean"``.
    device : str
        ``"cpu"`` or ``"cuda"``: where float32 searches. float64 decides on the CPU.
    rows : numpy.ndarray of int, optional
        Points whose neighbours (among all) are wanted; default all.
    progress : str, optional
        What to call a progress bar; default none.
    memory : int or str, optional
        Bytes, or ``"4GB"``, that all arrays but ``points`` may take, results included; default
        half of what is free. The results do not depend on it.

    Returns
    -------
    index : numpy.ndarray
        int32 (rows, k), nearest first, ties by index.
    distance : numpy.ndarray
        float32 (rows, k), rounded from float64.

    Raises
    ------
    RowError
        For a row that is not finite, or zero where the metric is cosine.
    ValueError
        For a memory that is no size, or too small, with what is needed.
    """
    import torch

    points = np.ascontiguousarray(points)
    if points.dtype not in (np.float32, np.float64):
        points = points.astype(np.float32 if points.dtype == np.float16 else np.float64)
    wanted = np.arange(len(points)) if rows is None else np.asarray(rows)
    candidates, threads = min(k + MARGIN, len(points) - 1), torch.get_num_threads()
    n, hidden = points.shape
    budget = Budget(memory, n, hidden, len(wanted), k, candidates, threads)
    index = np.empty((len(wanted), k), np.int32)
    distance = np.empty((len(wanted), k), np.float32)
    bar = tqdm(
        total=0, desc=progress, unit="block", disable=progress is None, file=sys.stdout,
        mininterval=1,
    )  # fmt: skip
    with ThreadPoolExecutor(threads) as pool, bar:
        search = _Search(points, metric, budget.copied, pool, threads)
        todo = np.arange(len(wanted))
        while len(todo):
            unproven, (side, batch) = [], budget.blocks(candidates)
            for start in range(0, len(todo), batch):
                part = todo[start : start + batch]
                values, ids = search.propose(wanted[part], candidates, side, device, bar)
                proven = search.decide(wanted[part], values, ids, part, index, distance)
                unproven.append(part[~proven])
            todo, candidates = np.concatenate(unproven), min(8 * candidates, len(points) - 1)
    return index, distance


class _Search:
    """Points, divided to unit length (cosine) or to lengths up to one (euclidean).

    Those quotients in float64, x, are what distances are of. The float32 search is of
    a = x − mean. Parameters: as :func:`knn`; whether to keep all a; a pool of so many threads.
    """

    def __init__(self, points, metric, copied, pool, threads):
        self.points, self.metric, self.pool, self.threads = points, metric, pool, threads
        self.rows = max(1, PORTION // points.shape[1])
        norms, total, end = np.empty(len(points)), 0, 0
        for part, sums in self._parts(self._measure):
            start, end = end, end + len(part)
            norms[start:end], total = part, total + sums
        if not np.isfinite(norms).all():
            raise RowError(np.flatnonzero(~np.isfinite(norms))[0], "the vector is not finite")
        if metric == "cosine" and not norms.all():
            message = "the vector is zero: it has no direction"
            raise RowError(np.flatnonzero(norms == 0)[0], message)
        # a power of two: dividing by it rounds nothing, and no square leaves float32's range
        self.scale = 2.0 ** np.ceil(np.log2(norms.max() or 1))
        self.divisors = norms if metric == "cosine" else np.full(len(points), self.scale)
        self.mean = total / len(points) / (1 if metric == "cosine" else self.scale)
        self.copy = np.empty(points.shape, np.float32) if copied else None
        self.squares = np.concatenate(list(self._parts(self._centre)))
        self.half = (self.squares / 2).astype(np.float32)
        self.longest = np.sqrt(self.squares.max())

    def _parts(self, function):
        """Results of a function of portions of all points, in order."""
        starts = range(0, len(self.points), self.rows)
        return self.pool.map(function, (slice(start, start + self.rows) for start in starts))

    def _measure(self, rows):
        """Norms, and the sum of what the mean is of."""
        part = self.points[rows].astype(np.float64)
        with np.errstate(all="ignore"):  # the caller looks at the norms
            norms = np.sqrt(np.einsum("ij,ij->i", part, part))
            if self.metric == "cosine":
                part /= norms[:, None]
            return norms, part.sum(0)

    def _centre(self, rows, out=None):
        """|a|² of some rows; a goes to ``out``, or where all a are kept."""
        part = self.points[rows].astype(np.float64)
        part /= self.divisors[rows, None]
        part -= self.mean
        if out is None and self.copy is not None:
            out = self.copy[rows]
        if out is not None:
            out[:] = part
        return np.einsum("ij,ij->i", part, part)

    def centred(self, rows):
        """float32 a of some rows, of a slice or an array of them."""
        if self.copy is not None:
            return self.copy[rows]
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self.points)))
        out = np.empty((len(rows), self.points.shape[1]), np.float32)
        starts = range(0, len(rows), self.rows)
        parts = [slice(start, start + self.rows) for start in starts]
        list(self.pool.map(lambda part: self._centre(rows[part], out[part]), parts))
        return out

    def propose(self, rows, count, side, device, bar):
        """The ``count`` largest scores x·y − |y|²/2 of rows, and whose they are.

        Returns
        -------
        values, ids : numpy.ndarray
            float32 and int32 (rows, count), in no order but that the least is at place 0.
        """
        values = np.full((len(rows), count), -np.inf, np.float32)
        ids = np.empty((len(rows), count), np.int32)
        if device != "cpu":
            propose_on(device, self, rows, values, ids, side, bar)
            return values, ids
        # The product of two blocks of points serves the rows of one and the columns of the other.
        both = len(rows) == len(self.points) and (rows == np.arange(len(rows))).all()
        tiles = [(i, j) for i in range(0, len(rows), side) for j in range(0, len(self.points), side)
                 if not both or i <= j]  # fmt: skip
        # Who lies near in the array is often near: those first, and most of the rest is too far.
        tiles.sort(key=lambda tile: tile[0] != tile[1])
        bar.total += len(tiles)
        space, at = np.empty(side * side, np.float32), None
        with fast_product() as product:
            for i, j in tiles:
                if i != at:
                    mine, at = self.centred(rows[i : i + side]), i
                theirs = self.centred(slice(j, j + side))
                tile = space[: len(mine) * len(theirs)].reshape(len(mine), len(theirs))
                product(mine, theirs, tile)
                self._keep(tile, rows, values, ids, i, j, both and i != j)
                bar.update()
        return values, ids

    def _keep(self, tile, rows, values, ids, i, j, both):
        """Bring a tile of products into the lists of its rows, and of its columns."""
        from .kernels import keep_from_columns, keep_from_rows

        own = rows[i : i + len(tile)] - j
        here = (own >= 0) & (own < tile.shape[1])
        tile[here, own[here]] = -np.inf  # nobody is its own neighbour
        submit, half = self.pool.submit, self.half
        theirs = slice(j, j + tile.shape[1])
        jobs = []
        for start, stop in self._shares(len(tile)):
            lists = values[i + start : i + stop], ids[i + start : i + stop]
            jobs.append(submit(keep_from_rows, tile[start:stop], half[theirs], *lists, j))
        for share in self._shares(tile.shape[1]) if both else ():
            lists = values[theirs], ids[theirs]
            jobs.append(submit(keep_from_columns, tile, half[i : i + len(tile)], *lists, i, *share))
        for job in jobs:
            job.result()

    def _shares(self, total):
        """About equal parts of a range, (start, stop), one a thread."""
        edges = np.linspace(0, total, self.threads + 1).astype(int)
        return itertools.pairwise(edges)

    def decide(self, rows, values, ids, places, index, distance):
        """Write the neighbours of rows, by float64, to ``places`` of index and distance.

        Returns
        -------
        numpy.ndarray
            bool (rows,): whether it is proven that no point outside the candidates belongs in.
        """
        step = max(1, PORTION // ids.shape[1])
        parts = [slice(start, start + step) for start in range(0, len(rows), step)]

        def decide(part):
            near, squared = self._order(rows[part], ids[part], index.shape[1])
            far = np.sqrt(squared) * self.scale if self.metric == "euclidean" else squared / 2
            index[places[part]], distance[places[part]] = near, far
            if ids.shape[1] == len(self.points) - 1:
                return np.ones(len(near), bool)
            return self._proven(rows[part], values[part, 0], squared[:, -1])

        return np.concatenate(list(self.pool.map(decide, parts)))

    def _order(self, rows, ids, k):
        """The k nearest of the candidates, ties to the lower index, and float64 |x − y|²."""
        from .kernels import squared_distances

        near = np.sort(ids, axis=1)
        squared = squared_distances(self.points, self.divisors, rows, near)
        order = np.argsort(squared, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(near, order, 1), np.take_along_axis(squared, order, 1)

    def _proven(self, rows, least, squared):
        """Whether no point that scored ``least`` or less is as near as ``squared``.

        For a row's a and another point's b, the score s = a·b − |b|²/2 tells the distance:
        |a − b|² = |a|² − 2s. What float32 made of s is off by no more than, with u = 2⁻²⁴ and
        n numbers a vector,

        - 2u|a||b| as a and b were rounded, nu|a||b| in the sum of n products, in any order, with
          or without fused multiplication (Higham 2002, section 3.1), u|a||b| in the difference;
        - u|b|²/2 as |b|²/2 was rounded, u|b|²/2 in the difference;
        - what falls below float32's range, or is taken for zero there.

        Of |b| it is known that it is at most the largest, and if b is as near as ``squared``,
        at most |a| + √squared. Terms of second order, and the roundings of float64, are far
        below the one u|a||b| and the u|b|² that the bound has to spare.
        """
        single, terms = np.finfo(np.float32).eps / 2, self.points.shape[1] + 4
        gamma = terms * single / (1 - terms * single)
        norm = np.sqrt(self.squares[rows])
        other = np.minimum(self.longest, (norm + np.sqrt(squared)) * (1 + single))
        error = gamma * norm * other + 2 * single * other**2 + terms * UNDERFLOW
        # two float64 distances may be off by so much themselves
        slack = 8 * terms * np.finfo(np.float64).eps
        return squared * (1 + slack) < self.squares[rows] - 2 * (least + error)
