"""The tables of a sweep on disk: ``05_runs.csv``, ``05_layers.csv`` and ``05_languages.csv``."""

from contextlib import AbstractContextManager
from pathlib import Path

import pandas as pd

from ..keep.digest import alone, written_whole

TABLES = ("runs", "layers", "languages")


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables of a sweep.

    Parameters
    ----------
    folder : path

    Returns
    -------
    dict of pandas.DataFrame
        ``"runs"``, ``"layers"``, ``"languages"``; empty where there is none yet.
    """
    files = {name: folder / f"05_{name}.csv" for name in TABLES}
    text = {"run": str, "answers": str}  # digits that are no number
    return {
        name: pd.read_csv(file, dtype=text) if file.exists() else pd.DataFrame()
        for name, file in files.items()
    }


class RunStore:
    """The tables of a sweep as what :func:`ilo_helpers.keep.fill.fill` fills, a run a part.

    Parameters
    ----------
    folder : pathlib.Path
    names : dict of str
        By what a run is called on the screen, its name in the tables.
    """

    def __init__(self, folder: Path, names: dict[str, str]):
        self.path, self.names = folder, names

    def create(self) -> None:
        """Make the folder."""
        self.path.mkdir(exist_ok=True)

    def lock(self, part: str) -> AbstractContextManager:
        """Context in which this process alone may make a run; waits for another to finish."""
        return alone(self.path / f".{self.names[part]}.lock", f"run {part}")

    def holds(self, part: str) -> bool:
        """Whether a run is in the tables."""
        return self.names[part] in set(read_tables(self.path)["runs"].get("run", ()))

    def write(self, part: str, **tables: pd.DataFrame) -> None:
        """Add a run to the tables, one process at a time."""
        with alone(self.path / ".tables.lock", f"the tables of {part}"):
            old = read_tables(self.path)
            for name in reversed(TABLES):
                there = old[name]
                if len(there):  # left by a call that was killed between two tables
                    there = there[there["run"] != tables["runs"]["run"].iloc[0]]
                with written_whole(self.path / f"05_{name}.csv") as file:
                    pd.concat([there, tables[name]]).to_csv(file, index=False, float_format="%.6g")
