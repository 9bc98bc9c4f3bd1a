"""Tables on disk, named by what decides them: made once, then read; long ones part by part."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pandas as pd

from .digest import settings_digest, written_whole
from .paths import data_dir, slug
from .recipes import RECIPES
from .stores import alone


def kept_table(
    step: str, name: str, settings: object, make: Callable[[], pd.DataFrame]
) -> pd.DataFrame:
    """A table made once for some settings, then read: ``data/<step>/<name>--<key>.parquet``.

    Parameters
    ----------
    step : str
        What makes it, a name of :data:`RECIPES`.
    name : str
    settings : object
        All that decides it, as JSON can hold it.
    make : callable
        Returns the ``pandas.DataFrame``.

    Returns
    -------
    pandas.DataFrame
    """
    path = _table_path(step, name, settings)
    file = path.with_name(f"{path.name}.parquet")
    if not file.exists():
        with alone(path.with_name(f".{path.name}.lock"), path.name):
            if not file.exists():  # another process may have made it meanwhile
                with written_whole(file) as part:
                    make().to_parquet(part, index=False)
    return pd.read_parquet(file)


class TableStore:
    """A table that is made part by part: ``data/<step>/<name>--<key>/<part>.parquet``.

    Parameters
    ----------
    step, name, settings
        As for :func:`kept_table`.
    parts : int
        How many; they are numbered from 0.
    """

    def __init__(self, step: str, name: str, settings: object, parts: int):
        self.path = _table_path(step, name, settings)
        self.parts = range(parts)

    def create(self) -> None:
        """Make the folder."""
        self.path.mkdir(parents=True, exist_ok=True)

    def lock(self, part: int) -> AbstractContextManager:
        """Context in which this process alone may write a part; waits for another to finish."""
        return alone(self.path / f".{part}.lock", f"{self.path.name}, {part}")

    def holds(self, part: int) -> bool:
        """Whether a part is complete."""
        return (self.path / f"{part}.parquet").exists()

    def missing(self) -> list[int]:
        """Parts not written yet, in order."""
        return [part for part in self.parts if not self.holds(part)]

    def write(self, part: int, **columns: np.ndarray) -> None:
        """Write one part, column by column."""
        with written_whole(self.path / f"{part}.parquet") as file:
            pd.DataFrame(columns).to_parquet(file, index=False)

    def take(self) -> pd.DataFrame:
        """All parts as one table; they are deleted."""
        files = [self.path / f"{part}.parquet" for part in self.parts]
        whole = pd.concat(map(pd.read_parquet, files), ignore_index=True)
        shutil.rmtree(self.path)
        return whole


def _table_path(step, name, settings):
    key = settings_digest([settings, RECIPES[step]], 16)
    return data_dir(step) / f"{slug(name)[:80]}--{key}"
