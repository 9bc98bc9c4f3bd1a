"""What callers pass, checked in one place: every error names the argument, its value, the remedy.

A function takes what it is promised, in whatever type it comes (``numpy.int64(3)``, ``numpy.str_``,
a tuple, an array), and goes on with Python's own; all else is a ValueError before any work is done.
"""

import difflib
import math
import operator
import os
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np


def told(value: object) -> str:
    """A value as an error tells it: as Python writes it if that is short, else its type."""
    if isinstance(value, type(None) | str | bytes | int | float | list | tuple | np.generic):
        written = repr(value)
        if len(written) <= 60:
            return written
    return f"a {type(value).__name__}"


def whole(name: str, value: Any, least: int = 1, most: int | None = None, where: str = "") -> int:
    """A whole number of any type, as an int.

    Parameters
    ----------
    name : str
        The argument's, for the error.
    value : int, numpy.integer or array of no dimension
    least, most : int
        The range it must be in; no upper end if ``most`` is None.
    where : str
        What sets the range, such as ``"with 12 sentences in all"``.

    Raises
    ------
    ValueError
        If it is another kind of thing (True, a string, 3.0), or out of range.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} = {told(value)}: give a whole number, such as {max(least, 1)}")
    if number < least or (most is not None and number > most):
        span = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} = {number}: {where}{', ' if where else ''}{name} must be {span}")
    return number


def wholes(name: str, value: Any) -> list[int]:
    """One whole number, or several, as a list; ValueError for none, or one of them twice."""
    single = isinstance(value, str | bytes) or not isinstance(value, Iterable)
    if single or getattr(value, "ndim", 1) == 0:
        return [whole(name, value, least=-(2**62))]
    return once(name, [whole(name, each, least=-(2**62)) for each in value])


def positive(name: str, value: Any) -> float:
    """A finite number above 0, as a float; ValueError for all else."""
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):
        raise ValueError(f"{name} = {told(value)}: give a number, such as 1e-5")
    if value <= 0:
        raise ValueError(f"{name} = {value}: {name} must be above 0")
    return float(value)


def flag(name: str, value: Any) -> bool:
    """A truth value; ValueError for all else, such as the word ``"no"``, which counts as true."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} = {told(value)}: give True or False")
    return bool(value)


def one_of(name: str, value: Any, choices: Collection[str]) -> str:
    """One of some words, as a str; ValueError, with all of them, for anything else."""
    if not isinstance(value, str) or value not in choices:
        known = ", ".join(map(repr, choices))
        raise ValueError(f"{name} {told(value)}: choose from {known}{did_you_mean(value, choices)}")
    return str(value)


def several(name: str, value: Any, word: str = "") -> list:
    """A list of some things that differ, one at least; see :func:`listed`.

    Raises
    ------
    ValueError
        As that function; and for none, or a thing twice.
    """
    return once(name, listed(name, value, word))


def listed(name: str, value: Any, word: str = "") -> list:
    """A list of some things.

    Parameters
    ----------
    name : str
    value : iterable
        A list, tuple, array, index, …
    word : str
        The one string that may stand in its place, for the error; it is the caller's to take.

    Raises
    ------
    ValueError
        For a string (its letters would be taken for a list), or no list.
    """
    also = f", or {word!r}" if word else ""
    if isinstance(value, str | bytes):
        raise ValueError(f"{name} is the string {value!r}; pass a list, [{value!r}, …]{also}")
    if not isinstance(value, Iterable) or getattr(value, "ndim", 1) != 1:
        raise ValueError(f"{name} = {told(value)}: pass a list{also}")
    return [each.item() if isinstance(each, np.generic) else each for each in value]


def name_or_path(kind: str, value: Any, known: Collection[str]) -> str:
    """What names a corpus, a task or a model, as a str.

    Parameters
    ----------
    kind : str
        What it names, for the error.
    value : str or path
    known : collection of str
        The names there are.

    Raises
    ------
    ValueError
        If it is neither a name nor a path, or empty.
    """
    if isinstance(value, str | os.PathLike) and str(value).strip() not in ("", "."):
        return str(value)
    raise ValueError(
        f"{kind} {told(value)}: give one name ({', '.join(map(repr, known))}) or one path"
    )


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """``"; did you mean 'cosine'?"`` for a name that is nearly one of those known, else nothing."""
    near = difflib.get_close_matches(str(name), map(str, known), n=1, cutoff=0.75)
    return f"; did you mean {near[0]!r}?" if near else ""


def once(name: str, values: list) -> list:
    """A list, if it is not empty and holds no thing twice; else ValueError."""
    if not values:
        raise ValueError(f"{name} is empty: give at least one")
    seen: list | set = set() if all(isinstance(each, str | int) for each in values) else []
    for each in values:
        if each in seen:
            raise ValueError(f"{name}: {each!r} is given twice")
        seen.add(each) if isinstance(seen, set) else seen.append(each)
    return values
