"""Tables on disk, named by what decides them: made once, then read; long ones part by part."""

import contextlib
import io
import shutil
import warnings
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from hashlib import sha256

import numpy as np
import pandas as pd

from .digest import alone, settings_digest, written_whole
from .paths import data_dir, on_disk, shorten, slug
from .recipes import RECIPES


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
    if (table := _read(file)) is not None and not path.exists():
        return table
    with alone(path.with_name(f".{path.name}.lock"), path.name):
        table = _read(file)  # another process may have made it meanwhile
        if table is None:
            _write(make(), file)
            table = _read(file)
        shutil.rmtree(path, ignore_errors=True)  # its parts, if it was made of such
    return table


class TableStore:
    """A table that is made part by part: ``data/<step>/<name>--<key>/<part>.parquet``.

    Parameters
    ----------
    step, name, settings
        As for :func:`kept_table`.
    parts : iterable of int or str
        What they are called, in order.
    """

    def __init__(self, step: str, name: str, settings: object, parts: Iterable):
        self.path = _table_path(step, name, settings)
        self.parts = list(parts)

    def create(self) -> None:
        """Make the folder."""
        with on_disk(self.path):
            self.path.mkdir(parents=True, exist_ok=True)

    def lock(self, part: int | str) -> AbstractContextManager:
        """Context in which this process alone may write a part; waits for another to finish."""
        return alone(self.path / f".{part}.lock", f"{self.path.name}, {part}")

    def holds(self, part: int | str) -> bool:
        """Whether a part is complete."""
        return _read(self.path / f"{part}.parquet") is not None

    def missing(self) -> list:
        """Parts not written yet, in order."""
        return [part for part in self.parts if not self.holds(part)]

    def write(self, part: int | str, **columns: np.ndarray) -> None:
        """Write one part, column by column."""
        _write(pd.DataFrame(columns), self.path / f"{part}.parquet")

    def whole(self) -> pd.DataFrame:
        """All parts as one table; :func:`kept_table` of the same name deletes them."""
        parts = {part: _read(self.path / f"{part}.parquet") for part in self.parts}
        if missing := [part for part, table in parts.items() if table is None]:
            raise RuntimeError(f"{self.path.name} is not complete: missing {missing}")
        return pd.concat(parts.values(), ignore_index=True)


def _write(table, file):
    """A table, and beside it the file's hash, as ``sha256sum --check`` takes it.

    The hash is there first: no power cut leaves a table without one.
    """
    with written_whole(file) as part:
        table.to_parquet(part, index=False)
        with written_whole(_hash_of(file)) as sums:
            sums.write_bytes(_line(file, part.read_bytes()))


def _read(file):
    """What :func:`_write` wrote; None, with a warning, if it is not what it was."""
    if not file.exists():
        return None
    content, sums = file.read_bytes(), _hash_of(file)
    # one of older code has no hash
    if not sums.exists() or sums.read_bytes() == _line(file, content):
        with contextlib.suppress(ValueError, OSError):  # pyarrow's, of bytes that are no table
            return pd.read_parquet(io.BytesIO(content))
    warnings.warn(f"{file.name} was changed or cut short; it will be made again", stacklevel=3)
    return None


def _line(file, content):
    return f"{sha256(content).hexdigest()}  {file.name}\n".encode()


def _hash_of(file):
    return file.with_name(f"{file.name}.sha256")


def _table_path(step, name, settings):
    key = settings_digest([settings, RECIPES[step]], 16)
    return data_dir(step) / f"{shorten(slug(name), 80)}--{key}"
