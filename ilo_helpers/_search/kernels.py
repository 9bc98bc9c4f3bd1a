"""The loops of the search, compiled by numba; none holds the interpreter's lock."""

import numpy as np
from numba import njit

#: Scores looked at in one go: a run without one above its threshold costs a comparison each.
RUN = 128


@njit(nogil=True, cache=True)
def keep_from_rows(product, half, values, ids, first):
    """Bring the scores of a tile into the lists of its rows.

    Parameters
    ----------
    product : numpy.ndarray
        float32 (rows, columns), x·y of every pair.
    half : numpy.ndarray
        float32 (columns,), |y|²/2: a row's scores are x·y − |y|²/2.
    values, ids : numpy.ndarray
        float32 and int32 (rows, kept): a row's largest scores so far and whose they are, as a
        heap, the least at its root.
    first : int
        Id of the first column.
    """
    for row in range(len(product)):
        scores, heap, owners = product[row], values[row], ids[row]
        for start in range(0, len(scores), RUN):
            run, less = scores[start : start + RUN], half[start : start + RUN]
            least = heap[0]
            above = False
            for i in range(len(run)):
                above |= run[i] - less[i] > least
            if above:
                for i in range(len(run)):
                    score = run[i] - less[i]
                    if score > heap[0]:
                        _replace_least(heap, owners, score, first + start + i)


@njit(nogil=True, cache=True)
def keep_from_columns(product, half, values, ids, first, start, stop):
    """As :func:`keep_from_rows` for columns start to stop: they meet the rows, from id first on.

    The tile is read as it lies, a row at a time; half, values and ids are those of the rows and
    of all columns.
    """
    least = values[start:stop, 0].copy()
    for row in range(len(product)):
        less = half[row]
        for begin in range(start, stop, RUN):
            end = min(begin + RUN, stop)
            run, limits = product[row, begin:end], least[begin - start : end - start]
            above = False
            for i in range(len(run)):
                above |= run[i] - less > limits[i]
            if above:
                for i in range(len(run)):
                    if run[i] - less > limits[i]:
                        column = begin + i
                        _replace_least(values[column], ids[column], run[i] - less, first + row)
                        limits[i] = values[column, 0]


@njit(nogil=True, cache=True)
def _replace_least(heap, owners, value, owner):
    """Put a value in the place of a heap's root, and let it sink to where it belongs."""
    place = 0
    while True:
        child = 2 * place + 1
        if child >= len(heap):
            break
        if child + 1 < len(heap) and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[place], owners[place] = heap[child], owners[child]
        place = child
    heap[place], owners[place] = value, owner


# The sum may be taken in any order (in vector registers), and it is the same for every pair.
@njit(nogil=True, cache=True, fastmath={"reassoc", "nsz"})
def squared_distances(points, divisors, rows, near):
    """float64 |x/d − y/e|² of rows and their candidates: from the differences.

    Equal vectors are exactly equally far, and x is as far from y as y from x.

    Parameters
    ----------
    points : numpy.ndarray
        (N, hidden), float32 or float64.
    divisors : numpy.ndarray
        float64 (N,).
    rows : numpy.ndarray
        int64 (rows,).
    near : numpy.ndarray
        int32 (rows, candidates).

    Returns
    -------
    numpy.ndarray
        float64 (rows, candidates).
    """
    result = np.empty(near.shape, np.float64)
    own = np.empty(points.shape[1], np.float64)
    for row in range(len(rows)):
        vector, divisor = points[rows[row]], divisors[rows[row]]
        for i in range(len(own)):
            own[i] = vector[i] / divisor
        for place in range(near.shape[1]):
            other, divisor = points[near[row, place]], divisors[near[row, place]]
            total = 0.0
            for i in range(len(own)):
                difference = own[i] - other[i] / divisor
                total += difference * difference
            result[row, place] = total
    return result
