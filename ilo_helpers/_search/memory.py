"""What a search takes, and how it keeps within the bytes it is given."""

import re

import numpy as np

from ..memory import free_memory

#: Rows and columns of a tile of scores, at most and at least.
SIDES = 2048, 64
#: Numbers that a thread takes at a time where a step makes float64 copies of them.
PORTION = 2**16
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12,
         "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}  # fmt: skip


def memory_bytes(memory):
    """Bytes of ``"4GB"``, ``"500 MB"`` or ``"2 GiB"``; of None, half of what is free.

    Raises
    ------
    ValueError
        If it is no size.
    """
    if memory is None:
        return free_memory() // 2
    size = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmgt]i?)?b?", str(memory).strip().lower())
    if not size:
        raise ValueError(f"memory = {memory!r}: give bytes, or a size such as '4GB' or '500 MB'")
    return int(float(size[1]) * UNITS[size[2] or ""])


class Budget:
    """What a search keeps and how much it takes at a time, within the bytes it is given.

    Parameters
    ----------
    memory : int, str or None
        As :func:`memory_bytes` takes it.
    points, hidden, rows, k : int
        So many points of so many numbers; rows whose k neighbours are wanted.
    candidates : int
        Length of a row's list at first.
    threads : int

    Raises
    ------
    ValueError
        If the memory is too small, with what is needed.
    """

    def __init__(self, memory, points, hidden, rows, k, candidates, threads):
        self.hidden, memory = hidden, memory_bytes(memory)
        # of every point: divisor, square and half of it; of every row: results, and its place in
        # what is to do. Each thread works on PORTION numbers, or a row's list of all points.
        taken = 24 * points + (8 * k + 32) * rows
        taken += threads * (40 * max(PORTION, points) + 32 * max(PORTION, hidden))
        least = taken + 2 * self._tile(SIDES[1]) + 16 * points
        if memory < least:
            raise ValueError(
                f"memory = {memory / 1e6:.1f} MB: to search {points} vectors of {hidden} numbers "
                f"for {k} neighbours takes at least {np.ceil(least / 1e5) / 10} MB"
            )
        self.left, copy = memory - taken, 4 * points * hidden
        #: Whether the centred points are kept. Lists of all rows come first: without them a
        #: product serves one side only, and centring anew costs far less than a product.
        self.copied = (
            copy + 8 * max(candidates * rows, 2 * points) + self._tile(SIDES[0]) <= self.left
        )
        self.left -= copy * self.copied

    def blocks(self, candidates):
        """Rows of a tile, and rows whose lists, so long, are kept at a time."""
        side, smallest = SIDES
        while side > smallest and self._tile(side) > self.left / 2:
            side //= 2
        return side, int((self.left - self._tile(side)) // (8 * candidates))

    def _tile(self, side):
        """Bytes of the scores of a tile, and of its rows' and columns' centred vectors."""
        return 4 * side * (side + 2 * self.hidden)
