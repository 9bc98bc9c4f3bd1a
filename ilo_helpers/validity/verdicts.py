"""How a number with its interval becomes a verdict on a claim, and who may give one.

The rules are the same for every claim; they were written when most of the tables were there, and
their floors are ours. A claim that has a direction holds *in kind* if the whole interval lies on
its side, is *contradicted* if it lies on the other, and otherwise *could not be tested here*; it is
*reproduced* if the paper's own number, of the same thing, lies in the interval. Fewer than three
seeds, a claim about models that are not here, terms that are not public, or a number that could not
speak against the claim, and it could not be tested, whatever the number.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from ..keep.captions import Caption
from ..keep.figures import figures_folder, load_table
from ..training.comparison import SEEDS
from ..training.sweep import committed

REPRODUCED, IN_KIND, CONTRADICTED = "reproduced", "in kind", "contradicted"
UNTESTED = "could not be tested here"
VERDICTS = (REPRODUCED, IN_KIND, CONTRADICTED, UNTESTED)
#: The sweep's tables among the others.
SWEEP = {"05_runs": "runs", "05_layers": "layers", "05_languages": "languages"}


class Finding(NamedTuple):
    """A number and what it says of a claim; the interval is NaN where there is none."""

    value: float = np.nan
    low: float = np.nan
    high: float = np.nan
    verdict: str = UNTESTED
    #: Which layer, rate or model, of several.
    setting: str = ""
    #: Why it could not be tested, or what limits the verdict.
    why: str = ""


class Claim(NamedTuple):
    """One claim of a paper, and where to look."""

    figure: str
    claim: str
    #: What the number is.
    number: str
    #: What the interval resamples.
    interval: str
    tables: tuple[str, ...]
    #: From the tables, in that order, to findings.
    judge: Callable[..., Iterable[Finding]]


def verdict_of(
    low: float, high: float, floor: float = 0.0, least: float = 0.0, paper: float | None = None
) -> str:
    """Verdict on a claim that a number is above a floor.

    Parameters
    ----------
    low, high : float
        The number's interval; without one (NaN) the claim could not be tested.
    floor : float
        What it would be if the claim were empty: guessing, chance, no change.
    least : float
        A smaller distance from the floor counts as none: an interval that holds nothing as great
        contradicts the claim.
    paper : float, optional
        The paper's number, of the same thing.

    Returns
    -------
    str
        One of :data:`VERDICTS`.
    """
    if np.isnan(low):
        return UNTESTED
    if low > floor + least:
        return REPRODUCED if paper is not None and low <= paper <= high else IN_KIND
    # all below the floor, or no room left for an effect that counts
    return CONTRADICTED if high < floor + least else UNTESTED


def without_each(
    groups: Iterable, statistic: Callable[[object], float], value: float
) -> tuple[float, float, float]:
    """A number with the 95% interval of the jackknife that leaves out a group at a time.

    Parameters
    ----------
    groups : iterable
        Such as families: relatives are not independent.
    statistic : callable
        The number without one of them.
    value : float
        The number of all.

    Returns
    -------
    tuple of float
        The number, low, high (Student's t); NaN at the ends with fewer than two groups.
    """
    left = np.array([statistic(group) for group in dict.fromkeys(groups)])
    left = left[np.isfinite(left)]
    if len(left) < 2:
        return value, np.nan, np.nan
    error = np.sqrt((len(left) - 1) * left.var())
    margin = stats.t.ppf(0.975, len(left) - 1) * error
    return value, value - margin, value + margin


def over_seeds(effect: pd.Series, setting: str, least: float = 0.0) -> Finding:
    """Mean over seeds with Student's interval.

    Parameters
    ----------
    effect : pandas.Series
        A number a seed, in the direction of the claim.
    setting, least
        As for :func:`of_seeds`.

    Returns
    -------
    Finding
    """
    seeds, mean = len(effect), effect.mean()
    margin = stats.t.ppf(0.975, seeds - 1) * effect.sem() if seeds > 1 else np.nan
    return of_seeds(mean, mean - margin, mean + margin, seeds, setting, least)


def of_seeds(
    value: float, low: float, high: float, seeds: int, setting: str, least: float = 0.0
) -> Finding:
    """A finding of runs that differ by their seed: with fewer than :data:`SEEDS`, no verdict.

    Parameters
    ----------
    value, low, high : float
        An effect in the direction of the claim, and its interval.
    seeds : int
        How many there are.
    setting : str
        Which runs; the number of seeds is added.
    least : float
        A smaller effect counts as none.

    Returns
    -------
    Finding
        Without an interval, where there are too few.
    """
    setting += f", {seeds} seed" + "s" * (seeds != 1)
    if seeds < SEEDS:
        return Finding(value, setting=setting, why=f"fewer than {SEEDS} seeds")
    verdict = verdict_of(low, high, least=least)
    why = f"nothing beyond {least:g} either way is sure" if verdict == UNTESTED else ""
    if verdict == CONTRADICTED and high > -least:
        why = f"no room for an effect of {least:g}"
    return Finding(value, low, high, verdict, setting, why)


def open_tables(caption: Caption) -> Callable[[str], pd.DataFrame]:
    """A function that gives a model's and a text's tables by name.

    Parameters
    ----------
    caption : Caption
        Of model and corpus.

    Returns
    -------
    callable
        As :func:`ilo_helpers.load_table`, and with its error; those of the sweep, which have no
        settings beside them, are the committed ones where this run has none.
    """
    folder = figures_folder(caption)

    def read(name: str) -> pd.DataFrame:
        if name not in SWEEP:
            return load_table(name, folder)
        table = committed(caption)[SWEEP[name]]
        if table.empty:
            raise FileNotFoundError(f"{folder.name} has no table {name}; make sweep writes it")
        return table

    return read


def verdicts(claims: Sequence[Claim], caption: Caption, larger: Sequence[str]) -> pd.DataFrame:
    """Every claim judged: on a text, and on the first of some others that has the tables.

    Parameters
    ----------
    claims : sequence of Claim
    caption : Caption
        Of model and corpus.
    larger : sequence of str
        Other corpora, as the folders of their tables are named, in order of preference.

    Returns
    -------
    pandas.DataFrame
        figure, claim, number and interval (what they are), setting, verdict, value, low, high,
        why and tables; a row a finding, and at least one a claim.
    """
    rows = []
    for claim in claims:
        fixed = claim._asdict() | {"tables": " ".join(claim.tables)}
        rows += [fixed | finding._asdict() for finding in _findings(claim, caption, larger)]
    first = ["figure", "claim", "number", "interval", "setting", "verdict"]
    return pd.DataFrame(rows)[[*first, "value", "low", "high", "why", "tables"]]


def _findings(claim, caption, larger):
    """On the text, and on the first larger one that has the tables; at least one."""
    others = [open_tables(caption.but(corpus=corpus)) for corpus in larger if claim.tables]
    found, missing = [], ""
    for texts in ([open_tables(caption)], others):
        for read in texts:
            try:
                tables = [read(name) for name in claim.tables]
                found += _of_text(tables, claim.judge(*tables))
                missing = missing or "no run has this yet"
                break
            except FileNotFoundError as error:
                missing = missing or str(error)
            except KeyError as column:  # a committed table by older code
                names = ", ".join(claim.tables)
                missing = missing or f"{names}: no {column}; run the notebook of that number again"
    return found or [Finding(why=missing)]


def _of_text(tables, findings):
    """The findings, the text they are of in their setting."""
    of = tables[0].attrs.get("caption") if tables else None
    # a part of a corpus has its sizes and a hash in its name
    name = re.sub(r"-\d+x\d+-\w+$", "", of.corpus or "") if of else ""
    text = f"{name} {of.sentences}" if of and of.sentences else ""
    return [
        each._replace(setting=", ".join(filter(None, [text, each.setting]))) for each in findings
    ]
