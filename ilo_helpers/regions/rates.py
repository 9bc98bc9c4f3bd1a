"""Who neighbours whom, and whether languages of one kind do; ours."""

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from ..languages import language_table
from ..neighbors import neighbor_languages


def language_rates(neighbors, k=5):
    """How often a neighbour of a sentence in one language is in another.

    Parameters
    ----------
    neighbors : xarray.Dataset
    k : int

    Returns
    -------
    xarray.Dataset
        (layer, language, neighbor_language), float64. ``rate``: share of the k neighbours, 0 to
        1, rows sum to 1. ``ratio``: rate over what it would be if neighbours were drawn at
        random from all other sentences; 1 is uniform mixing.
    """
    layers, languages, sentences = (
        neighbors.sizes[dim] for dim in ("layer", "language", "sentence")
    )
    met = neighbor_languages(neighbors).values[..., :k]
    place = np.arange(layers * languages).reshape(layers, languages, 1, 1) * languages + met
    counts = np.bincount(place.ravel(), minlength=layers * languages**2)
    rate = counts.reshape(layers, languages, languages) / (sentences * k)
    by_chance = np.full((languages, languages), float(sentences))
    np.fill_diagonal(by_chance, sentences - 1)
    by_chance /= languages * sentences - 1
    # with one sentence a language, no neighbour can be of its own
    ratio = np.divide(rate, by_chance, out=np.zeros_like(rate), where=by_chance > 0)
    dims = ("layer", "language", "neighbor_language")
    names = neighbors.language.values
    coords = {"layer": neighbors.layer.values, "language": names, "neighbor_language": names}
    return xr.Dataset({"rate": (dims, rate), "ratio": (dims, ratio)}, coords)


def group_agreement(ratio, groups=("family", "script", "region"), draws=999, seed=0):
    """Do languages of one group neighbour each other more than languages of different groups?

    Permutation test over the labels of the languages (scipy's, exact where there are few
    languages), at each layer by itself, one-sided. Our definition.

    Parameters
    ----------
    ratio : xarray.DataArray
        Of :func:`language_rates`.
    groups : tuple of str
        Columns of :func:`ilo_helpers.language_table`.
    draws, seed : int

    Returns
    -------
    pandas.DataFrame
        layer, group, within and across (mean ratio of pairs of different languages), p. A
        grouping in which no two languages agree, or all do, has no rows.
    """
    table = language_table(ratio.language.values.tolist())
    apart = ~np.eye(len(table), dtype=bool)
    rows = []
    for group in groups:
        codes, names = pd.factorize(table[group])
        if len(names) in (1, len(table)):
            continue
        for layer in ratio.layer.values:
            values = ratio.sel(layer=layer).values

            def difference(labels, values=values):
                same = (labels[:, None] == labels[None]) & apart
                return values[same].mean() - values[~same & apart].mean()

            test = stats.permutation_test(
                (codes,), difference, permutation_type="pairings", alternative="greater",
                vectorized=False, n_resamples=draws, rng=np.random.default_rng(seed),
            )  # fmt: skip
            same = (codes[:, None] == codes[None]) & apart
            rows.append(
                (layer, group, values[same].mean(), values[~same & apart].mean(), test.pvalue)
            )
    return pd.DataFrame(rows, columns=["layer", "group", "within", "across", "p"])
