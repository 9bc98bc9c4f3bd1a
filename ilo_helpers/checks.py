"""Do the numbers come out again? Tables made anew against those that were kept."""

import re

import numpy as np
import pandas as pd

#: How far a number may move, by the table's name: greatest absolute difference, relative for
#: numbers above 1; None where a table does not repeat elsewhere. All ours.
TOLERANCES = {
    r"0[34]_maps|06_map$|04_map_quality": (None, "maps repeat on one machine only"),
    r"05_": (0.1, "training repeats on one machine only"),
    r"": (0.03, "one sentence of 49, where rounding moves a neighbour"),
}


def tolerance(name):
    """Tolerance of a table, and why.

    Parameters
    ----------
    name : str
        Such as ``"03_ilo_by_layer"``.

    Returns
    -------
    (float or None, str)
    """
    return next(value for pattern, value in TOLERANCES.items() if re.match(pattern, name))


def compare_tables(kept, made, name):
    """Where two versions of a table differ by more than its tolerance.

    Parameters
    ----------
    kept, made : pandas.DataFrame
    name : str
        The table's, for :func:`tolerance`.

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
    allowed, _ = tolerance(name)
    rows = []
    for column in kept:
        old, new = kept[column], made[column]
        if pd.api.types.is_numeric_dtype(old) and pd.api.types.is_numeric_dtype(new):
            if allowed is None:
                continue
            near = np.isclose(new, old, rtol=allowed, atol=allowed, equal_nan=True)
        else:
            near = (old == new) | (old.isna() & new.isna())
        rows += [(name, column, int(i), old[i], new[i]) for i in np.flatnonzero(~near)]
    return pd.DataFrame(rows, columns=columns)


def compare_folders(kept, made):
    """All tables of one folder against those of the same names in another.

    Parameters
    ----------
    kept, made : pathlib.Path
        Folders of ``.csv`` files; those only in ``kept`` are not looked at.

    Returns
    -------
    checked : pandas.DataFrame
        table, numbers (how many), tolerance, moved (how many too far).
    moved : pandas.DataFrame
        As :func:`compare_tables`, of all tables.

    Raises
    ------
    ValueError
        If ``made`` has no table that ``kept`` has.
    """
    names = sorted(
        {path.stem for path in made.glob("*.csv")} & {p.stem for p in kept.glob("*.csv")}
    )
    if not names:
        raise ValueError(f"nothing to compare: {made} and {kept} have no table in common")
    checked, moved = [], []
    for name in names:
        old, new = (pd.read_csv(folder / f"{name}.csv") for folder in (kept, made))
        found = compare_tables(old, new, name)
        moved.append(found)
        allowed, _ = tolerance(name)
        numbers = 0 if allowed is None else int(old.select_dtypes("number").size)
        checked.append((name, numbers, allowed, len(found)))
    checked = pd.DataFrame(checked, columns=["table", "numbers", "tolerance", "moved"])
    return checked, pd.concat(moved, ignore_index=True)
