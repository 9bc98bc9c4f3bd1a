"""A small store whose parts take their time; imported by workers, so nothing large is."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from ilo_helpers.keep.fill import fill
from ilo_helpers.keep.stores import Store
from ilo_helpers.keep.tables import TableStore

PARTS = list("abcdef")


def letters(folder):
    """Six parts of two layers."""
    coords = {"layer": range(2), "language": PARTS, "sentence": range(3)}
    return Store("neighbors", "letters", coords, {"index": "int32"}, "language", {}, folder)


def value(part):
    return np.full((2, 3), ord(part), np.int32)


def slow(log, seconds, part, progress):
    """Note who makes a part, take time, make it."""
    with (Path(log) / part).open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(seconds)
    progress(1)
    return [{"index": value(part)}]


def fatal(part, progress):
    if part == "c":
        os.kill(os.getpid(), signal.SIGKILL)
    return [{"index": value(part)}]


def threads(part, progress):
    """Hand out work from within a task, and say how many threads there are."""
    import torch

    store = TableStore("answers", "nested", part, [0])
    fill([store], {0: 0}, lambda job, progress: [{"x": np.zeros(1)}], "nested")
    print("a worker is silent")
    return [{"index": np.full((2, 3), torch.get_num_threads(), np.int32)}]


class Elsewhere(TableStore):
    """A store in a folder that the client alone has."""

    def create(self):
        pass
