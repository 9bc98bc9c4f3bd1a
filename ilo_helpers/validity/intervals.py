"""How sure a score is: bootstrap and jackknife over sentences, rank correlations."""

import numpy as np
import pandas as pd
from scipy import stats
from scipy.stats import hmean

from ..ilo import ilo_scores, new_languages
from ..neighbors import neighbor_languages


def bootstrap_scores(neighbors, k=5, tau=3, draws=1000, seed=0):
    """Scores of resampled sentences: the same resample in every language.

    The stored neighbour lists are kept as they are, so the interval is that of *which sentences
    are scored*, given the pool in which their neighbours are searched.

    Parameters
    ----------
    neighbors : xarray.Dataset
    k, tau : int
    draws : int
    seed : int
        The same seed gives the same resamples: differences between models are paired.

    Returns
    -------
    dict of str to numpy.ndarray
        ``"bridge"``, ``"reach"``, ``"ilo"``, each float64 (draw, layer, language).
    """
    sentences = neighbors.sizes["sentence"]
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(sentences, np.full(sentences, 1 / sentences), draws)
    return _weighted_scores(neighbors, k, tau, weights.astype(np.float32))


def leave_one_out_scores(neighbors, k=5, tau=3):
    """Scores without each sentence in turn, in every language: what the jackknife needs.

    The stored neighbour lists are kept as they are, as in :func:`bootstrap_scores`.

    Parameters
    ----------
    neighbors : xarray.Dataset
    k, tau : int

    Returns
    -------
    dict of str to numpy.ndarray
        As :func:`bootstrap_scores`, with as many draws as there are sentences.
    """
    weights = 1 - np.eye(neighbors.sizes["sentence"], dtype=np.float32)
    return _weighted_scores(neighbors, k, tau, weights)


def _weighted_scores(neighbors, k, tau, weights):
    """Scores of corpora that hold each sentence so often; weights float32 (draw, sentence)."""
    met = neighbor_languages(neighbors).values[..., :k]
    layers, languages, sentences, _ = met.shape
    new = new_languages(met, np.arange(languages)[:, None])
    bridging = (new.sum(axis=-1) >= tau).astype(np.float32)
    shares = weights / weights.sum(1, keepdims=True)
    bridge = np.einsum("ds,lgs->dlg", shares, bridging, optimize=True)
    reach = np.empty(bridge.shape)
    for layer, language in np.ndindex(layers, languages):
        of = np.zeros((sentences, languages), np.float32)  # languages each sentence meets
        row, place = np.nonzero(new[layer, language])
        of[row, met[layer, language, row, place]] = 1
        reach[:, layer, language] = (weights @ of > 0).sum(1) / (languages - 1)
    return {"bridge": bridge, "reach": reach, "ilo": hmean([bridge, reach])}


def interval(draws, level=0.95):
    """Percentile interval over the first axis.

    Parameters
    ----------
    draws : numpy.ndarray
        (draw, …).
    level : float
        0 to 1.

    Returns
    -------
    tuple of numpy.ndarray
        Lower and upper end.
    """
    tail = 50 * (1 - level)
    return tuple(np.percentile(draws, [tail, 100 - tail], axis=0))


def jackknife_interval(value, left_out, level=0.95):
    """Normal interval with the jackknife's standard error (Efron & Tibshirani 1993, chapter 11).

    The bootstrap leaves out a third of the sentences, and reach, which counts the languages met
    at all, falls with every sentence left out: its percentile interval lies too low. The
    jackknife leaves out one. Which of the two holds the truth how often: notebook 07.

    Parameters
    ----------
    value : float or numpy.ndarray
        The score of all sentences.
    left_out : numpy.ndarray
        (sentence, …): the score without each sentence, from :func:`leave_one_out_scores`.
    level : float
        0 to 1.

    Returns
    -------
    tuple of numpy.ndarray
        Lower and upper end, not cut at 0 or 1.
    """
    n = len(left_out)
    error = np.sqrt((n - 1) * left_out.var(axis=0))
    half = stats.norm.ppf((1 + level) / 2) * error
    return value - half, value + half


def change_by_layer(before, after, k=5, tau=3, groups=None):
    """Change of the scores from one model to another, with paired jackknife intervals.

    The same sentence is left out of both, so what both owe to it cancels.

    Parameters
    ----------
    before, after : xarray.Dataset
        Neighbours of the same corpus.
    k, tau : int
    groups : pandas.Series, optional
        A group for each language, such as its resource band.

    Returns
    -------
    pandas.DataFrame
        group, layer, score (bridge, reach or ilo), after (its value), change, low, high: means
        over the languages of a group; the group ``"all"`` is of all languages.
    """
    tables = [ilo_scores(each, k, tau) for each in (before, after)]
    without = [leave_one_out_scores(each, k, tau) for each in (before, after)]
    languages = before["language"].values
    members = {"all": np.ones(len(languages), bool)}
    if groups is not None:
        of = groups.loc[languages]
        members |= {group: (of == group).to_numpy() for group in of.unique()}
    rows = []
    for group, inside in members.items():
        means = [
            table[table["language"].isin(languages[inside])].groupby("layer")[[*without[0]]].mean()
            for table in tables
        ]
        for score in without[0]:
            change = means[1][score] - means[0][score]
            left_out = without[1][score] - without[0][score]
            low, high = jackknife_interval(change.to_numpy(), left_out[:, :, inside].mean(2))
            rows.append(pd.DataFrame({
                "group": group, "layer": change.index, "score": score,
                "after": means[1][score].values, "change": change.values, "low": low, "high": high,
            }))  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def rank_correlation(x, y, controls=None, draws=1000, seed=0):
    """Spearman's correlation, of what controls leave of the ranks, with a bootstrap interval.

    Parameters
    ----------
    x, y : array
        (N,) each, N at least 4 more than there are controls.
    controls : array, optional
        (N, controls): numbers, whose ranks are regressed out of the ranks of both.
    draws, seed : int
        Resamples of the N; those in which x or y is constant do not count, and where the controls
        explain all of x or y the correlation counts as 0. With few values and controls the
        interval is too narrow.

    Returns
    -------
    dict of str to float
        rho, low, high (95%, percentiles), p (two-sided, of no correlation; by Student's t with
        N − 2 − controls degrees of freedom).

    Raises
    ------
    ValueError
        If a value is not finite, there are too few, or x or y is constant.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    controls = np.empty((len(x), 0)) if controls is None else np.asarray(controls, float)
    degrees = len(x) - 2 - controls.shape[1]
    if not np.isfinite(np.column_stack([x, y, controls])).all():
        raise ValueError(f"rank correlation of {len(x)} values: some are not finite; drop them")
    if degrees < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        raise ValueError(
            f"rank correlation of {len(x)} values with {controls.shape[1]} controls: need at least "
            f"{4 + controls.shape[1]}, not all equal"
        )
    rho = _partial(x, y, controls)
    t = rho * np.sqrt(degrees / max(1e-15, 1 - rho**2))
    rng = np.random.default_rng(seed)
    drawn = []
    for chosen in rng.integers(len(x), size=(draws, len(x))):
        if np.ptp(x[chosen]) and np.ptp(y[chosen]):
            drawn.append(_partial(x[chosen], y[chosen], controls[chosen]))
    low, high = interval(np.nan_to_num(drawn))
    p = float(2 * stats.t.sf(abs(t), degrees))
    return {"rho": rho, "low": float(low), "high": float(high), "p": p}


def _partial(x, y, controls):
    """Correlation of the ranks of x and y, after a linear regression on those of the controls."""
    design = np.column_stack([np.ones(len(x)), *map(stats.rankdata, controls.T)])
    left = []
    for values in (x, y):
        ranks = stats.rankdata(values)
        left.append(ranks - design @ np.linalg.lstsq(design, ranks, rcond=None)[0])
    size = np.linalg.norm(left[0]) * np.linalg.norm(left[1])
    return float(left[0] @ left[1] / size) if size > 1e-9 else 0.0
