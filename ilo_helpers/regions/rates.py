"""Who neighbours whom, and whether languages of one kind do; ours."""

import functools

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from ..keep.labelled import nearest
from ..neighbors import neighbor_languages


def language_rates(neighbors: xr.Dataset, k: int = 5) -> xr.Dataset:
    """How often a neighbour of a sentence in one language is in another.

    Parameters
    ----------
    neighbors : xarray.Dataset
        As :func:`ilo_helpers.nearest_neighbors` returns it.
    k : int

    Returns
    -------
    xarray.Dataset
        (layer, language, neighbor_language), float64. ``rate``: share of the k neighbours, 0 to
        1, rows sum to 1. ``ratio``: rate over what it would be if neighbours were drawn at
        random from all other sentences; 1 is uniform mixing.
    """
    languages, sentences = neighbors.sizes["language"], neighbors.sizes["sentence"]
    met = neighbor_languages(nearest(neighbors, k))
    names = {"neighbor_language": neighbors.language.values}
    rate = (met == xr.DataArray(range(languages), names)).mean(("sentence", "neighbor"))
    by_chance = (sentences - np.eye(languages)) / (languages * sentences - 1)
    # with one sentence a language, no neighbour can be of its own: 0 / 0
    return xr.Dataset({"rate": rate, "ratio": (rate / by_chance).fillna(0)})


def group_agreement(ratio: xr.DataArray, languages: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Do languages of one group neighbour each other more than languages of different groups?

    Permutation test over the labels of the languages (scipy's, exact where there are few
    languages, else of 999 draws), at each layer by itself, one-sided. Our definition.

    Parameters
    ----------
    ratio : xarray.DataArray
        Of :func:`language_rates`.
    languages : pandas.DataFrame
        family, script and region of each, as :attr:`ilo_helpers.study.Study.languages` (whose
        scripts are those that the text is in) or :func:`ilo_helpers.language_table`.
    seed : int

    Returns
    -------
    pandas.DataFrame
        layer, group (family, script, region), within and across (mean ratio of pairs of
        different languages), p. A grouping in which no two languages agree, or all do, has no
        rows.
    """
    table = languages.loc[ratio.language.values]
    rows = []
    for group in ("family", "script", "region"):
        codes, names = pd.factorize(table[group])
        if len(names) in (1, len(table)):
            continue
        for layer in ratio.layer.values:
            means = functools.partial(_within_and_across, ratio.sel(layer=layer).values)
            test = stats.permutation_test(
                (codes,), lambda labels, means=means: np.subtract(*means(labels)),
                permutation_type="pairings", alternative="greater", vectorized=False,
                n_resamples=999, rng=np.random.default_rng(seed),
            )  # fmt: skip
            rows.append((layer, group, *means(codes), test.pvalue))
    return pd.DataFrame(rows, columns=["layer", "group", "within", "across", "p"])


def _within_and_across(values, labels):
    """Mean of the pairs of one label, and of two; a language with itself left out."""
    same = labels[:, None] == labels
    return values[same & ~np.eye(len(same), dtype=bool)].mean(), values[~same].mean()
