"""Do the numbers come out again? Tables made anew against those that were kept."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

#: How far a number may move when a table is made anew, unless its notebook says otherwise:
#: absolute, relative for numbers above 1. Ours: one sentence of 49, where rounding moves it.
TOLERANCE = 0.03
#: What the number of threads and the kind of processor move by themselves: the last of six digits.
ROUNDING = 1e-5


def compare_tables(
    kept: pd.DataFrame, made: pd.DataFrame, name: str, tolerance: float | None = TOLERANCE
) -> pd.DataFrame:
    """Where two versions of a table differ by more than its tolerance.

    Parameters
    ----------
    kept, made : pandas.DataFrame
    name : str
        The table's, for the rows.
    tolerance : float or None
        Greatest absolute difference, relative for numbers above 1; None: numbers may differ.

    Returns
    -------
    pandas.DataFrame
        table, column, row (its place), kept, made; empty if nothing moved too far. A table of
        another shape or with other columns is one row with the column ``"shape"``.
    """
    columns = ["table", "column", "row", "kept", "made"]
    if list(kept.columns) != list(made.columns) or len(kept) != len(made):
        shapes = [f"{len(each)} rows, {' '.join(each.columns)}" for each in (kept, made)]
        return pd.DataFrame([(name, "shape", 0, *shapes)], columns=columns)
    rows = []
    for column in kept:
        old, new = kept[column], made[column]
        if _numbers(old) and _numbers(new):
            if tolerance is None:
                continue
            near = np.isclose(new, old, rtol=tolerance, atol=tolerance, equal_nan=True)
        else:
            near = (old == new) | (old.isna() & new.isna())
        rows += [(name, column, int(i), old[i], new[i]) for i in np.flatnonzero(~near)]
    return pd.DataFrame(rows, columns=columns)


def same_but_for_rounding(kept: pd.DataFrame, made: pd.DataFrame) -> bool:
    """Whether two versions of a table are one: nothing differs but the last of six digits.

    Parameters
    ----------
    kept, made : pandas.DataFrame

    Returns
    -------
    bool
        True where texts and whole numbers are equal, and other numbers but for
        :data:`ROUNDING`: of the number, or, since what is near 0 is a difference of larger ones,
        of the column's greatest, of 1 at most.
    """
    if not compare_tables(kept, made, "", None).empty:
        return False
    for column in [name for name in kept if _numbers(kept[name])]:
        old, new = kept[column], made[column]
        whole = pd.api.types.is_integer_dtype(old) and pd.api.types.is_integer_dtype(new)
        near = 0 if whole else ROUNDING
        greatest = min(1, np.nanmax(np.abs(old), initial=0))
        if not np.isclose(new, old, rtol=near, atol=near * greatest, equal_nan=True).all():
            return False
    return True


def compare_folders(kept: Path, made: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All tables of one folder against those of the same names in another.

    Parameters
    ----------
    kept : pathlib.Path
        Folder of ``.csv`` files; those only here are not looked at.
    made : pathlib.Path
        The same with their ``.json``, which say how far the numbers may move.

    Returns
    -------
    checked : pandas.DataFrame
        table, numbers (how many), tolerance, greatest (difference: absolute, relative for
        numbers above 1), moved (how many too far).
    moved : pandas.DataFrame
        As :func:`compare_tables`, of all tables.

    Raises
    ------
    ValueError
        If the two have no table in common.
    """
    stems = ({path.stem for path in folder.glob("*.csv")} for folder in (kept, made))
    names = sorted(set.intersection(*stems))
    if not names:
        raise ValueError(f"nothing to compare: {made} and {kept} have no table in common")
    checked, moved = [], []
    for name in names:
        old, new = (pd.read_csv(folder / f"{name}.csv") for folder in (kept, made))
        allowed = json.loads((made / f"{name}.json").read_text(encoding="utf-8"))["tolerance"]
        found = compare_tables(old, new, name, allowed)
        moved.append(found)
        numbers = 0 if allowed is None else int(old.select_dtypes("number").size)
        checked.append((name, numbers, allowed, _greatest_difference(old, new), len(found)))
    columns = ["table", "numbers", "tolerance", "greatest", "moved"]
    return pd.DataFrame(checked, columns=columns), pd.concat(moved, ignore_index=True)


def _numbers(column):
    """Whether a column holds numbers; what is true or false is as a text."""
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _greatest_difference(old, new):
    """Of the numbers of two tables of one shape; NaN where they cannot be compared."""
    old, new = (table.select_dtypes("number") for table in (old, new))
    if old.shape != new.shape or list(old) != list(new):
        return float("nan")
    scale = np.maximum(1, old.abs().to_numpy(float))
    return float(np.nanmax(np.abs(new.to_numpy(float) - old.to_numpy(float)) / scale, initial=0))
