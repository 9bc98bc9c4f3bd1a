"""Does a measure of alignment tell which languages learn with the source language?

Every measure at every layer is set against every skill, plain and with what else tells languages
apart held fixed. Our design, written down before its results: notebook 8 says it in words.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from ..keep.arguments import one_of
from .measures import baselines

#: Random halves of the families, in one of which a layer is chosen.
HALVES = 200
#: Languages that must differ from a measure's commonest value for its order to say anything.
VARIED = 8
AT = ["layer", "language"]


def predictions(
    measures: pd.DataFrame, skills: pd.DataFrame, languages: pd.DataFrame, draws: int = 1000,
    seed: int = 0, held: Sequence[str] = (),
) -> pd.DataFrame:  # fmt: skip
    """Rank correlation of every measure with every skill, at every layer.

    Parameters
    ----------
    measures : pandas.DataFrame
        layer, language and a column a measure:
        :func:`ilo_helpers.validity.measures.language_measures`.
    skills : pandas.DataFrame
        skill, language, value (greater is better) and layer, NaN where the skill has none: a
        measure is set against the skill at its own layer.
    languages : pandas.DataFrame
        As :func:`ilo_helpers.language_table`: resource_class, script, family.
    draws, seed : int
        Resamples of whole families: relatives are not independent.
    held : list of str
        Columns of numbers of ``languages`` to hold fixed beside resource class and script.

    Returns
    -------
    pandas.DataFrame
        skill, measure, layer, languages (int), families (int); rho, Spearman's correlation, and
        the middle 95% of the resamples (low, high; the ranks stay those of all languages); the
        same with resource class, Latin script and ``held`` fixed (partial, partial_low,
        partial_high); and with the family fixed as well, which leaves what differs between
        relatives (within, and its degrees of freedom). NaN where fewer than :data:`VARIED`
        languages differ from a measure's commonest value; an interval is NaN, too, where one
        resample in twenty leaves nothing to correlate.
    """
    rows = []
    for skill, layer, values, target in _pairs(measures, skills):
        known = languages.loc[values.index]
        family, fixed = _controls(known, held)
        relatives = np.column_stack([fixed, family[:, None] == np.arange(family.max() + 1)])
        ranks = _ranks(values, target)
        found = {"measure": values.columns, "languages": len(known), "families": family.max() + 1}
        for name, (whole, drawn) in _resampled(ranks, family, fixed, draws, seed).items():
            found |= _with_ends(name, whole, drawn)
        found["within"] = weighted_partial(ranks, relatives)[0]
        design = np.column_stack([np.ones(len(known)), relatives])
        found["degrees"] = len(known) - 1 - np.linalg.matrix_rank(design)
        rows.append(pd.DataFrame({"skill": skill, "layer": layer} | found))
    first = ["skill", "measure", "layer"]
    table = pd.concat(rows, ignore_index=True)
    return table[first + [name for name in table if name not in first]]


def compare_measures(
    measures: pd.DataFrame, skills: pd.DataFrame, languages: pd.DataFrame,
    pairs: Sequence[tuple[str, str]], draws: int = 1000, seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """By how much one measure goes with a skill better than another does, at every layer.

    Parameters
    ----------
    measures, skills, languages, draws, seed
        As for :func:`predictions`. A resample is the same families for both measures.
    pairs : list of (str, str)
        Measures, the first less the second.

    Returns
    -------
    pandas.DataFrame
        skill, measure ("a less b"), layer; the difference of their correlations, with the middle
        95% of the resamples, plain (rho, low, high) and with resource class and Latin script fixed
        (partial, partial_low, partial_high). NaN as in :func:`predictions`.

    Raises
    ------
    ValueError
        For a measure that is not there.
    """
    rows = []
    for skill, layer, values, target in _pairs(measures, skills):
        names = list(values)
        one, other = ([names.index(one_of("measure", pair[i], names)) for pair in pairs]
                      for i in (0, 1))  # fmt: skip
        family, fixed = _controls(languages.loc[values.index], [])
        found = {"measure": [f"{a} less {b}" for a, b in pairs]}
        both = _resampled(_ranks(values, target), family, fixed, draws, seed)
        for name, (whole, drawn) in both.items():
            apart = (each[..., one] - each[..., other] for each in (whole, drawn))
            found |= _with_ends(name, *apart)
        rows.append(pd.DataFrame({"skill": skill, "layer": layer} | found))
    return pd.concat(rows, ignore_index=True)


def chosen_layers(
    measures: pd.DataFrame, skills: pd.DataFrame, languages: pd.DataFrame, seed: int = 0
) -> pd.DataFrame:
    """A measure's layer chosen on half of the families, and tried on the others.

    Parameters
    ----------
    measures, skills, languages
        As for :func:`predictions`.
    seed : int
        Of the halves, :data:`HALVES` in number, each used both ways round; no family is in both.

    Returns
    -------
    pandas.DataFrame
        skill, measure; halves (int), those on which the measure varies; layer, the one chosen most
        often; chosen, the correlation where it was chosen, and tried, on the other half, means
        over these halves: their difference is what looking at many layers makes up; low and high,
        the middle 95% of the latter, which is their spread and not a confidence interval, as the
        halves share languages. Ranks are those among all languages.
    """
    rows = []
    for skill in skills["skill"].unique():
        pairs = list(_pairs(measures, skills[skills["skill"] == skill]))
        family = pd.factorize(languages.loc[pairs[0][2].index, "family"])[0]
        here = _halves(family, seed)
        ranks = [_ranks(values, target) for _, _, values, target in pairs]
        halves = [
            np.stack([weighted_partial(each, each[:, :0], half) for each in ranks])
            for half in (here, 1 - here)
        ]
        chosen, tried = (np.concatenate([halves[i], halves[1 - i]], axis=1) for i in (0, 1))
        layers = np.array([layer for _, layer, *_ in pairs])
        for place, measure in enumerate(pairs[0][2].columns):
            found = _tried(chosen[..., place], tried[..., place], layers)
            rows.append({"skill": skill, "measure": measure} | found)
    return pd.DataFrame(rows)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Of every skill: how many correlations are surely not 0, and the greatest of them.

    Parameters
    ----------
    table : pandas.DataFrame
        Of :func:`predictions`.

    Returns
    -------
    pandas.DataFrame
        A row a skill: correlations (int), measures at layers that have one; sure, those whose
        interval leaves out 0, and negative, how many of these are below it; the same with resource
        class and Latin script held fixed (held, held_negative); measure, layer, rho, low and high
        of the greatest correlation.
    """
    rows = {}
    for skill, part in table.dropna(subset="rho").groupby("skill", sort=False):
        rows[skill] = {"correlations": len(part)}
        for before, sure, negative in [
            ("", "sure", "negative"),
            ("partial_", "held", "held_negative"),
        ]:
            above, below = part[f"{before}low"] > 0, part[f"{before}high"] < 0
            rows[skill] |= {sure: (above | below).sum(), negative: below.sum()}
        greatest = part.loc[part["rho"].idxmax()]
        rows[skill] |= greatest[["measure", "layer", "rho", "low", "high"]].to_dict()
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("skill").reset_index()


def weighted_partial(
    ranks: np.ndarray, controls: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Correlation of every column with the last, what the controls explain taken out of both.

    Parameters
    ----------
    ranks : numpy.ndarray
        (N, columns); of ranks, the correlation is Spearman's.
    controls : numpy.ndarray
        (N, controls), regressed out with a constant; may have no column.
    weights : numpy.ndarray, optional
        (draws, N), such as how often each is drawn; default once each.

    Returns
    -------
    numpy.ndarray
        float64 (draws, columns − 1), −1 to 1; NaN where nothing is left of either.
    """
    weights = np.ones((1, len(ranks))) if weights is None else np.asarray(weights, float)
    design = np.column_stack([np.ones(len(ranks)), controls])
    both, c = np.column_stack([design, ranks - ranks.mean(0)]), design.shape[1]
    gram = np.einsum("dn,np,nq->dpq", weights, both, both, optimize=True)
    # controls that are a sum of others are left out, at a precision that rounding does not reach
    inverse = np.linalg.pinv(gram[:, :c, :c], rcond=1e-10, hermitian=True)
    left = gram[:, c:, c:] - gram[:, c:, :c] @ inverse @ gram[:, :c, c:]
    own, whole = (np.diagonal(each, axis1=1, axis2=2) for each in (left, gram[:, c:, c:]))
    share = np.where(own > 1e-7 * whole, own, np.nan)
    return left[:, :-1, -1] / np.sqrt(share[:, :-1] * share[:, -1:])


def _pairs(measures, skills):
    """Skill, layer, and measures and skill of the languages that have both."""
    names = [name for name in measures if name not in AT]
    for skill, part in skills.groupby("skill", sort=False):
        for layer, table in measures.groupby("layer"):
            at = part[part["layer"].isna() | (part["layer"] == layer)]
            target = at.set_index("language")["value"].dropna()
            values = table.set_index("language")[names]
            both = values.index[values.index.isin(target.index)]
            yield skill, int(layer), values.loc[both], target[both]


def _ranks(values, target):
    """Ranks of every measure and, last, of the skill; NaN where a measure hardly varies."""
    values = values.to_numpy(float)
    commonest = (values[:, None] == values).sum(axis=0).max(axis=0)
    told = np.where(len(values) - commonest >= VARIED, values, np.nan)
    return stats.rankdata(np.column_stack([told, target]), axis=0, nan_policy="propagate")


def _controls(known, held):
    """Of languages: places of their families, and ranks of what is held fixed."""
    fixed = pd.concat([baselines(known), known[list(held)]], axis=1)
    return pd.factorize(known["family"])[0], stats.rankdata(fixed.astype(float), axis=0)


def _resampled(ranks, family, fixed, draws, seed):
    """Correlations by name, plain and partial: of all, and of resampled families."""
    weights = _family_weights(family, draws, seed)
    return {
        name: (weighted_partial(ranks, each)[0], weighted_partial(ranks, each, weights))
        for name, each in {"rho": fixed[:, :0], "partial": fixed}.items()
    }


def _with_ends(name, whole, drawn):
    """Numbers and the middle 95% of their resamples, as columns."""
    low, high = pd.DataFrame(drawn).quantile([0.025, 0.975]).to_numpy()  # NaN left out
    sure = np.isfinite(drawn).mean(axis=0) >= 0.95
    before = "" if name == "rho" else f"{name}_"
    return {name: whole, f"{before}low": np.where(sure, low, np.nan),
            f"{before}high": np.where(sure, high, np.nan)}  # fmt: skip


def _family_weights(family, draws, seed):
    """How often each language is drawn, families drawn with replacement, (draws, N)."""
    families = family.max() + 1
    times = np.random.default_rng(seed).multinomial(
        families, np.full(families, 1 / families), draws
    )
    return times[:, family]


def _halves(family, seed):
    """Which languages are in the first of two halves without a common family, (half, N)."""
    rng, sizes = np.random.default_rng(seed), np.bincount(family)
    halves = []
    for _ in range(HALVES):
        order = rng.permutation(len(sizes))
        filled = np.cumsum(sizes[order])
        last = np.abs(filled - len(family) / 2).argmin()
        halves.append(np.isin(family, order[: last + 1]))
    return np.array(halves, float)


def _tried(chosen, tried, layers):
    """Of one measure, (layer, half): where it is best, and what it is there on the other half."""
    usable = np.isfinite(chosen).any(axis=0)
    best = np.nanargmax(chosen[:, usable], axis=0)
    there = np.arange(usable.sum())
    on_half, on_other = chosen[:, usable][best, there], tried[:, usable][best, there]
    told = np.isfinite(on_other)
    if not told.any():
        return {"halves": 0} | dict.fromkeys(["layer", "chosen", "tried", "low", "high"], np.nan)
    low, high = np.percentile(on_other[told], [2.5, 97.5])
    return {
        "halves": int(told.sum()), "layer": int(stats.mode(layers[best[told]]).mode),
        "chosen": on_half[told].mean(), "tried": on_other[told].mean(), "low": low, "high": high,
    }  # fmt: skip
