"""The one place where work is handed out: here, part after part, or to the workers of a cluster.

Every step writes parts of a store: a language, a layer, a run. :func:`fill` makes those that are
missing. Whoever makes a part, here or on a worker, holds its lock, writes it into the shared
folder, and last what says that it is complete; whoever finds it complete returns at once. So
nothing is lost or made twice when Dask runs a task again whose worker died, or when two clients
fill one store.

A worker makes one part at a time, with as many threads as Dask gave it. The last bits of a float
depend on that number, not on the cluster: at as many threads, a single process gives the same.
"""

import contextlib
import functools
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from tqdm import tqdm

from .cluster import current_client, hand_out
from .tables import TableStore, kept_table


class Parts(Protocol):
    """What can be filled, such as a Store: something on disk that is written part by part."""

    path: Path

    def create(self) -> None:
        """Lay out what all parts share, once, before any of them is written."""

    def lock(self, part: Any) -> AbstractContextManager:
        """Context in which this process alone may write a part; waits for another to finish."""

    def holds(self, part: Any) -> bool:
        """Whether a part is complete."""

    def write(self, part: Any, **values: Any) -> None:
        """Write a part, and last what says that it is complete."""


def fill(
    stores: Sequence[Parts],
    jobs: Mapping[Any, Any],
    make: Callable[[Any, Callable[[int], object]], Sequence[dict]],
    title: str,
    unit: str = "part",
    sizes: Mapping[Any, int] | None = None,
) -> None:
    """Make parts of some stores, here or on the workers of a Dask client.

    Parameters
    ----------
    stores : list of Store, TableStore or the like
        All filled by one call of ``make`` a part. Parts that they hold are left as they are.
    jobs : dict
        By part, what ``make`` needs for it.
    make : callable
        Called with a job and a function that takes how much was done since it was last called;
        returns, for each store, the arguments of its ``write``. A cluster is sent it, so it is
        a function of a module or a ``functools.partial`` of one.
    title, unit : str
        For the progress bar.
    sizes : dict of int, optional
        By part, how much there is to do; default 1.

    Raises
    ------
    Exception
        What ``make`` raised. Here that ends the work; on a cluster, when the other parts are
        done. What is done is kept.
    RuntimeError
        If the workers died that a part was given to.
    ConnectionError
        If the scheduler is gone.
    """
    if not jobs:
        return
    for store in stores:
        store.create()
    client, do = current_client(), functools.partial(_make_part, stores, make)
    with _Progress(title, unit, sizes or dict.fromkeys(jobs, 1)) as progress:
        if client is not None:
            hand_out(client, do, jobs, title, progress.reach, progress.say)
            return
        for part, job in jobs.items():
            progress.bar.set_description(f"{title} {part}")
            do(part, job, functools.partial(progress.add, part))
            progress.reach(part)


def fill_table(
    step: str, name: str, settings: object, jobs: Mapping, make: Callable, title: str,
    unit: str = "part", sizes: Mapping[Any, int] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """A table whose rows are made part by part, as one; :func:`kept_table` then deletes the parts.

    Parameters
    ----------
    step, name, settings
        As for :func:`ilo_helpers.keep.tables.kept_table`.
    jobs, make, title, unit, sizes
        As for :func:`fill`, of all parts; ``make`` returns one dictionary of columns.

    Returns
    -------
    pandas.DataFrame
        The rows of all parts, in their order.
    """
    store = TableStore(step, name, settings, jobs)
    missing, sizes = store.missing(), sizes or dict.fromkeys(jobs, 1)
    todo, counts = ({part: each[part] for part in missing} for each in (jobs, sizes))
    fill([store], todo, make, title, unit, counts)
    return store.whole()


def table_by_layer(
    step: str, name: str, settings: object, jobs: Mapping, make: Callable
) -> pd.DataFrame:
    """A table of some rows a layer: made once, then read; or, without settings, here and now.

    Parameters and result as of :func:`fill_table`, a part a layer.
    """
    title, unit = f"{step}, layer", "layer"
    if settings is not None:
        return kept_table(
            step, name, settings, lambda: fill_table(step, name, settings, jobs, make, title, unit)
        )
    tables: list[pd.DataFrame] = []
    with _Progress(title, unit, dict.fromkeys(jobs, 1)) as progress:
        for part, job in jobs.items():
            tables += map(pd.DataFrame, make(job, functools.partial(progress.add, part)))
            progress.reach(part)
    return pd.concat(tables, ignore_index=True)


def _make_part(stores, make, part, job, progress):
    """Make a part, unless it is there."""
    for store in stores:
        if not store.path.is_dir():
            raise FileNotFoundError(
                f"{store.path} is not to be seen here: the data folder (ILO_DATA) must be one "
                "that client and workers share, under the same path"
            )
    with contextlib.ExitStack() as stack:
        # always in one order, so that two processes cannot lock each other up
        for store in sorted(stores, key=lambda store: store.path):
            stack.enter_context(store.lock(part))
        lacks = [not store.holds(part) for store in stores]
        if any(lacks):
            for store, values, wanted in zip(stores, make(job, progress), lacks, strict=True):
                if wanted:
                    store.write(part, **values)


class _Progress(contextlib.AbstractContextManager):
    """One bar over all parts; of a part that is made again, nothing counts twice."""

    def __init__(self, title, unit, sizes):
        self.sizes, self.done = sizes, dict.fromkeys(sizes, 0)
        self.lock = threading.Lock()  # messages of workers come in on another thread
        self.bar = tqdm(
            desc=title, total=sum(sizes.values()), unit=unit, unit_scale=unit == "tok",
            file=sys.stdout, mininterval=1,
        )  # fmt: skip

    def __exit__(self, *_):
        self.bar.close()

    def reach(self, part, count=None):
        with self.lock:
            count = self.sizes[part] if count is None else count
            self.bar.update(max(0, count - self.done[part]))
            self.done[part] = max(count, self.done[part])

    def add(self, part, count):
        self.reach(part, self.done[part] + count)

    def say(self, line):
        self.bar.write(line, file=self.bar.fp)
