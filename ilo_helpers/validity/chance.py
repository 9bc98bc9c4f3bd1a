"""What chance would give, and what ILO is made of: closed forms, shuffles, parts left out."""

from collections.abc import Sequence
from math import comb

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import hmean

from ..ilo import ilo_scores, new_languages
from ..languages import language_table
from ..neighbors import neighbors_within


def expected_scores(
    sentences: int, languages: int, k: int = 5, tau: int = 3, translations: bool = True
) -> dict[str, float]:
    """Bridge, reach and ILO if neighbours were drawn at random from all other sentences.

    Closed form: the k neighbours are a draw without replacement from the own language's n − 1
    and the other languages' n sentences each, so the counts by language are multivariate
    hypergeometric.

    Parameters
    ----------
    sentences, languages : int
        n and L; all languages have the same sentences.
    k, tau : int
    translations : bool
        Whether a sentence's own translations may be drawn; without them the other languages have
        n − 1 sentences each, too.

    Returns
    -------
    dict of str to float
        bridge: P(at least tau distinct other languages among k); reach: expected share of the
        other languages met in n lists drawn independently; ilo: harmonic mean of the two.
    """
    own, each = sentences - 1, sentences - (not translations)
    lists = comb(own + each * (languages - 1), k)
    # lists that meet exactly d others: of all from those d and one's own, less what misses some
    bridging = sum(
        comb(languages - 1, d) * (-1) ** (d - j) * comb(d, j) * comb(own + each * j, k)
        for d in range(tau, k + 1)
        for j in range(d + 1)
    )
    bridge = bridging / lists
    missed = comb(own + each * (languages - 2), k) / lists  # one language, by one list
    reach = 1 - missed**sentences
    return {"bridge": bridge, "reach": reach, "ilo": float(hmean([bridge, reach]))}


def permutation_null(
    neighbors: xr.Dataset, k: int = 5, tau: int = 3, draws: int = 200, seed: int = 0
) -> pd.DataFrame:
    """Mean ILO of each layer when the sentences' languages are dealt out at random.

    The neighbour lists stay as they are; every language keeps its number of sentences.

    Parameters
    ----------
    neighbors : xarray.Dataset
    k, tau : int
    draws, seed : int

    Returns
    -------
    pandas.DataFrame
        layer, ilo (observed mean over languages), null (mean over draws), low and high (its
        2.5 and 97.5 percentiles), p: chance of an ILO as *low* as observed, if languages were
        mixed at random.
    """
    rng = np.random.default_rng(seed)
    languages, sentences = neighbors.sizes["language"], neighbors.sizes["sentence"]
    labels = np.repeat(np.arange(languages), sentences)
    shuffled = [labels] + [rng.permutation(labels) for _ in range(draws)]
    rows = []
    for layer in neighbors.layer.values:
        index = neighbors["index"].sel(layer=layer).values[..., :k].reshape(-1, k)
        parts = np.array([_parts(index, each, languages, tau) for each in shuffled])
        values = hmean(parts, axis=1).mean(axis=1)
        observed, null = values[0], values[1:]
        low, high = np.quantile(null, [0.025, 0.975])
        p = (1 + (null <= observed).sum()) / (draws + 1)
        rows.append((int(layer), observed, null.mean(), low, high, p))
    return pd.DataFrame(rows, columns=["layer", "ilo", "null", "low", "high", "p"])


def _parts(index, labels, languages, tau):
    """Bridge and reach by language of one layer's lists, given each sentence's language."""
    met = labels[index]
    new = new_languages(met, labels)
    bridge = np.bincount(labels, new.sum(axis=1) >= tau, languages) / np.bincount(labels)
    seen = np.zeros((languages, languages), bool)
    row, place = np.nonzero(new)
    seen[labels[row], met[row, place]] = True
    return bridge, seen.sum(axis=1) / (languages - 1)


def subsample_scores(
    acts: xr.DataArray, neighbors: xr.Dataset, dim: str, sizes: Sequence[int], draws: int = 5,
    k: int = 5, tau: int = 3, seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Scores of random parts of the sentences or of the languages, each a pool of its own.

    Parameters
    ----------
    acts : xarray.DataArray
    neighbors : xarray.Dataset
        ``nearest_neighbors(acts, …)``; see :func:`ilo_helpers.neighbors.neighbors_within`.
    dim : {"sentence", "language"}
    sizes : sequence of int
    draws : int
        Random parts of each size.
    k, tau : int
    seed : int

    Returns
    -------
    pandas.DataFrame
        As :func:`ilo_helpers.ilo_scores`, with columns size and draw.
    """
    rng = np.random.default_rng(seed)
    tables = []
    for size in sizes:
        for draw in range(draws):
            chosen = np.sort(rng.choice(neighbors.sizes[dim], size, replace=False))
            near = neighbors_within(neighbors, acts, k, **{f"{dim}s": chosen})
            tables.append(ilo_scores(near, k=k, tau=tau).assign(size=size, draw=draw))
    return pd.concat(tables, ignore_index=True)


def leave_out(
    acts: xr.DataArray, neighbors: xr.Dataset, by: str = "language", k: int = 5, tau: int = 3
) -> pd.DataFrame:
    """Scores of the other languages when one language, or one family, is left out.

    Parameters
    ----------
    acts : xarray.DataArray
    neighbors : xarray.Dataset
        ``nearest_neighbors(acts, …)``; see :func:`ilo_helpers.neighbors.neighbors_within`.
    by : str
        ``"language"``, or a column of :func:`ilo_helpers.language_table` such as ``"family"``.
    k, tau : int

    Returns
    -------
    pandas.DataFrame
        As :func:`ilo_helpers.ilo_scores`, with a column left_out. A group without which fewer
        than tau + 1 languages are left has no rows.

    Raises
    ------
    ValueError
        If that is so for all groups.
    """
    codes = neighbors.language.values
    group = codes if by == "language" else language_table(list(codes))[by].values
    tables = []
    for name in dict.fromkeys(group):
        rest = np.flatnonzero(group != name)
        if len(rest) > tau:
            near = neighbors_within(neighbors, acts, k, languages=rest)
            tables.append(ilo_scores(near, k=k, tau=tau).assign(left_out=name))
    if not tables:
        raise ValueError(
            f"{len(codes)} languages, τ = {tau}: without any one {by} fewer than {tau + 1} are "
            "left; take more languages or a smaller τ"
        )
    return pd.concat(tables, ignore_index=True)
