"""What chance would give, and what ILO is made of: closed forms, shuffles, parts left out."""

from math import comb

import numpy as np
import pandas as pd
import xarray as xr

from .ilo import ilo_scores
from .languages import language_table
from .neighbors import nearest_neighbors, neighbors_within
from .statistics import bootstrap_scores, interval, jackknife_interval, leave_one_out_scores


def expected_scores(sentences, languages, k=5, tau=3):
    """Bridge, reach and ILO if neighbours were drawn at random from all other sentences.

    Closed form: the k neighbours are a draw without replacement from the own language's n − 1
    and the other languages' n sentences each, so the counts by language are multivariate
    hypergeometric.

    Parameters
    ----------
    sentences, languages : int
        n and L; all languages have the same sentences.
    k, tau : int

    Returns
    -------
    dict of str to float
        bridge: P(at least tau distinct other languages among k); reach: expected share of the
        other languages met in n lists drawn independently; ilo: harmonic mean of the two.
    """
    lists = comb(sentences * languages - 1, k)
    # ways[d][j]: to draw j sentences that are of d other languages, language by language
    ways = {0: [comb(sentences - 1, j) for j in range(k + 1)]}
    one = [0] + [comb(sentences, j) for j in range(1, k + 1)]
    for _ in range(languages - 1):
        grown = {d: list(row) for d, row in ways.items()}
        for d, row in ways.items():
            into = grown.setdefault(d + 1, [0] * (k + 1))
            for j in range(1, k + 1):
                into[j] += sum(row[j - i] * one[i] for i in range(1, j + 1))
        ways = {d: row for d, row in grown.items() if d <= k}
    bridge = sum(row[k] for d, row in ways.items() if d >= tau) / lists
    missed = comb(sentences * (languages - 1) - 1, k) / lists  # one language, by one list
    reach = 1 - missed**sentences
    ilo = 2 * bridge * reach / (bridge + reach) if bridge + reach else 0.0
    return {"bridge": bridge, "reach": reach, "ilo": ilo}


def permutation_null(neighbors, k=5, tau=3, draws=200, seed=0):
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
        mixed at random; adjusted: (ilo − null) / (1 − null), our definition, 0 at random mixing.
    """
    rng = np.random.default_rng(seed)
    languages, sentences = neighbors.sizes["language"], neighbors.sizes["sentence"]
    labels = np.repeat(np.arange(languages), sentences)
    shuffled = [labels] + [rng.permutation(labels) for _ in range(draws)]
    rows = []
    for layer in neighbors.layer.values:
        index = neighbors["index"].sel(layer=layer).values[..., :k].reshape(-1, k)
        values = np.array([_mean_ilo(index, each, languages, tau) for each in shuffled])
        observed, null = values[0], values[1:]
        low, high = np.quantile(null, [0.025, 0.975])
        p = (1 + (null <= observed).sum()) / (draws + 1)
        adjusted = (observed - null.mean()) / (1 - null.mean()) if null.mean() < 1 else -np.inf
        rows.append((int(layer), observed, null.mean(), low, high, p, adjusted))
    return pd.DataFrame(rows, columns=["layer", "ilo", "null", "low", "high", "p", "adjusted"])


def _mean_ilo(index, labels, languages, tau):
    """Mean ILO over languages of one layer's lists, given each sentence's language."""
    met = np.where(labels[index] != labels[:, None], labels[index], -1)
    met.sort(axis=1)
    distinct = (np.diff(met, axis=1, prepend=-1) > 0).sum(1)
    bridge = np.bincount(labels, distinct >= tau, languages) / np.bincount(labels)
    reach = _reached(labels, met, languages)
    total = bridge + reach
    return np.divide(2 * bridge * reach, total, out=np.zeros(languages), where=total > 0).mean()


def _reached(labels, met, languages):
    """Share of the other languages that each language's lists meet."""
    own, other = np.repeat(labels, met.shape[1]), met.ravel()
    seen = np.zeros((languages, languages), bool)
    seen[own[other >= 0], other[other >= 0]] = True
    return seen.sum(1) / (languages - 1)


def without_translations(neighbors, k):
    """The k nearest of every sentence that are not its own translations; exact.

    Parameters
    ----------
    neighbors : xarray.Dataset
        With at least k + languages − 1 neighbours: no more than languages − 1 are left out.
    k : int

    Returns
    -------
    xarray.Dataset
        As :func:`ilo_helpers.nearest_neighbors` returns it, k neighbours each.

    Raises
    ------
    ValueError
        If too few neighbours are stored.
    """
    languages, sentences = neighbors.sizes["language"], neighbors.sizes["sentence"]
    need = k + languages - 1
    if neighbors.sizes["neighbor"] < need:
        raise ValueError(
            f"{neighbors.sizes['neighbor']} neighbours are stored; to leave out the translations "
            f"in {languages} languages and keep {k}, call nearest_neighbors(acts, k={need})"
        )
    index = neighbors["index"].values[..., :need]
    translation = index % sentences == np.arange(sentences)[:, None]
    order = np.argsort(translation, axis=-1, kind="stable")[..., :k]
    kept = neighbors.isel(neighbor=slice(k)).copy()
    for name in ("index", "distance"):
        values = neighbors[name].values[..., :need]
        kept[name] = kept[name].dims, np.take_along_axis(values, order, axis=-1)
    return kept.assign_attrs(neighbors.attrs | {"k": k, "left_out": "translations"})


def subsample_scores(acts, neighbors, dim, sizes, draws=5, k=5, tau=3, seed=0):
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


def leave_out(acts, neighbors, by="language", k=5, tau=3):
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


def make_world(
    languages=8, sentences=100, hidden=32, meaning=1.0, offset=0.0, rotation=0.0, noise=0.5,
    misplaced=0, seed=0,
):  # fmt: skip
    """Vectors with a known amount of alignment, one knob each for what may disturb it (ours).

    Parameters
    ----------
    languages, sentences, hidden : int
    meaning : float
        Length of what translations have in common.
    offset : float
        Length of one vector a language, added to all its sentences.
    rotation : float
        From 0 to 1: how far each language's meanings are turned, from not at all to a random
        rotation (the matrix power of one).
    noise : float
        Length of what each sentence has for itself.
    misplaced : int
        Sentences of the last language that are moved to the middle of everything, with noise.
    seed : int

    Returns
    -------
    xarray.DataArray
        (layer, language, sentence, hidden), one layer, float32; all lengths are those expected.
    """
    from scipy.linalg import expm, logm
    from scipy.stats import special_ortho_group

    rng = np.random.default_rng(seed)
    scale = hidden**-0.5
    shared = meaning * scale * rng.normal(size=(sentences, hidden))
    values = np.empty((1, languages, sentences, hidden))
    for language in range(languages):
        turn = np.eye(hidden)
        if rotation:
            turn = expm(rotation * logm(special_ortho_group.rvs(hidden, random_state=rng)).real)
        own = offset * scale * rng.normal(size=hidden)
        values[0, language] = shared @ turn + own
    values[0, -1, :misplaced] = values[0].mean((0, 1))
    values += noise * scale * rng.normal(size=values.shape)
    coords = {"layer": [0], "language": language_table().index[:languages].tolist(),
              "sentence": [str(i) for i in range(sentences)]}  # fmt: skip
    return xr.DataArray(values.astype(np.float32), coords, (*coords, "hidden"))


def interval_coverage(world, sentences, k=5, tau=3, metric="cosine", draws=200):
    """How often nominal 95% intervals from one corpus hold the mean over many (ours).

    Parameters
    ----------
    world : xarray.DataArray
        One layer, as :func:`make_world` gives it; cut into as many corpora of ``sentences`` as
        it holds, each with its own pool of neighbours.
    sentences : int
        Of one corpus.
    k, tau : int
    metric : str
    draws : int
        Resamples of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        A row for each score (means over languages, and ILO of the first language alone) and
        method (bootstrap, jackknife): truth (the mean of the observed scores); observed, low,
        high (means over the corpora); holds the truth (share of the corpora, 0 to 1).
    """
    rows = []
    for number in range(world.sizes["sentence"] // sentences):
        part = world.isel(sentence=slice(number * sentences, (number + 1) * sentences))
        near = nearest_neighbors(part, k=k, metric=metric)
        scores = ilo_scores(near, k=k, tau=tau)
        drawn = bootstrap_scores(near, k, tau, draws, number)
        left_out = leave_one_out_scores(near, k, tau)
        for score in ("bridge", "reach", "ilo"):
            several = [each[score][:, 0].mean(1) for each in (drawn, left_out)]
            rows += _both_intervals(score, scores[score].mean(), *several)
        first = [each["ilo"][:, 0, 0] for each in (drawn, left_out)]
        rows += _both_intervals("ilo of the 1st language", scores["ilo"].iloc[0], *first)
    table = pd.DataFrame(rows, columns=["score", "method", "observed", "low", "high"])
    table["truth"] = table.groupby("score")["observed"].transform("mean")
    table["holds the truth"] = table["low"].le(table["truth"]) & table["high"].ge(table["truth"])
    return table.groupby(["score", "method"], as_index=False).mean()


def _both_intervals(score, value, drawn, left_out):
    return [
        (score, "bootstrap", value, *interval(drawn)),
        (score, "jackknife", value, *jackknife_interval(value, left_out)),
    ]
