"""How sure a number is: bootstrap and jackknife over sentences, families and names."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats
from scipy.stats import hmean

from ..ilo import check_setting, ilo_scores, number_blocks, tally_lists
from ..keep import arguments
from ..keep.labelled import nearest
from ..neighbors import KINDS, list_kinds


def bootstrap_scores(
    neighbors: xr.Dataset, k: int = 5, tau: int = 3, draws: int = 1000, seed: int = 0
) -> dict[str, np.ndarray]:
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
    near = check_setting(neighbors, [k], [arguments.whole("tau", tau)])
    draws, seed = arguments.whole("draws", draws), arguments.whole("seed", seed, 0)
    tally = tally_lists(near)
    languages, sentences = tally.met.shape[1:3]
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(sentences, np.full(sentences, 1 / sentences), draws)
    weights = weights.astype(np.float32)
    bridging = (tally.count[..., -1] >= tau).astype(np.float32)
    meets = np.zeros((*bridging.shape, languages), np.float32)  # languages each sentence meets
    meets[*np.nonzero(tally.new)[:3], tally.met[tally.new]] = 1
    bridge = np.einsum("ds,lgs->dlg", weights / sentences, bridging, optimize=True)
    met_by_any = np.einsum("ds,lgso->dlgo", weights, meets, optimize=True) > 0
    reach = met_by_any.sum(axis=-1) / (languages - 1)
    return {"bridge": bridge, "reach": reach, "ilo": hmean([bridge, reach])}


def leave_one_out_scores(
    neighbors: xr.Dataset, k: int = 5, tau: int = 3, blocks: Sequence | np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Scores without each sentence in turn, in every language: what the jackknife needs.

    The stored neighbour lists are kept as they are, as in :func:`bootstrap_scores`.

    Parameters
    ----------
    neighbors : xarray.Dataset
    k, tau : int
    blocks : sequence, optional
        The document of each sentence, :func:`ilo_helpers.corpora.sentence_documents`; each
        document is then left out as a whole.

    Returns
    -------
    dict of str to numpy.ndarray
        As :func:`bootstrap_scores`, with as many draws as there are sentences or blocks.
    """
    near = check_setting(neighbors, [k], [arguments.whole("tau", tau)])
    return tally_lists(near).without_each(near.sizes["neighbor"], int(tau), blocks)


def interval(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval of 95% over the first axis.

    Parameters
    ----------
    draws : numpy.ndarray
        (draw, …).

    Returns
    -------
    tuple of numpy.ndarray
        Lower and upper end.
    """
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    return low, high


def jackknife_interval(
    value: float | np.ndarray, left_out: np.ndarray, blocks: Sequence | np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Normal interval of 95% with the jackknife's standard error.

    Efron & Tibshirani 1993, chapter 11; of blocks of unequal size Busing, Meijer & van der Leeden
    1999, *Delete-m jackknife for unequal m*. The bootstrap leaves out a third of the sentences, and
    reach, which counts the languages met at all, falls with every sentence left out: its
    percentile interval lies too low. The jackknife leaves out one. Which of the two holds the
    truth how often: notebook 07.

    Parameters
    ----------
    value : float or numpy.ndarray
        The score of all sentences.
    left_out : numpy.ndarray
        (sentence or block, …): the score without each, from :func:`leave_one_out_scores`.
    blocks : sequence, optional
        What was given to that function.

    Returns
    -------
    tuple of numpy.ndarray
        Lower and upper end, not cut at 0 or 1.

    Raises
    ------
    ValueError
        If there are not as many blocks as scores.
    """
    sizes = np.ones(len(left_out), int)
    if blocks is not None:
        sizes = np.bincount(number_blocks(blocks, len(blocks)))
    if len(sizes) != len(left_out):
        raise ValueError(f"{len(sizes)} blocks, but {len(left_out)} scores without one")
    if np.ptp(sizes) == 0:
        variance = (len(left_out) - 1) * left_out.var(axis=0)
    else:  # pseudo-values, of which a large block's is less scattered
        times = (sizes.sum() / sizes).reshape(-1, *[1] * (left_out.ndim - 1))
        pseudo = times * value - (times - 1) * left_out
        centre = (pseudo / times).sum(axis=0)
        variance = ((pseudo - centre) ** 2 / (times - 1)).mean(axis=0)
    half = stats.norm.ppf(0.975) * np.sqrt(variance)
    return value - half, value + half


def change_by_layer(
    before: xr.Dataset, after: xr.Dataset, k: int = 5, tau: int = 3,
    groups: pd.Series | None = None, blocks: Sequence | np.ndarray | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Change of the scores from one model to another, with paired jackknife intervals.

    The same sentence (or block) is left out of both, so what both owe to it cancels.

    Parameters
    ----------
    before, after : xarray.Dataset
        Neighbours of the same corpus.
    k, tau : int
    groups : pandas.Series, optional
        A group for each language, such as its resource band.
    blocks : sequence, optional
        As for :func:`leave_one_out_scores`.

    Returns
    -------
    pandas.DataFrame
        group, layer, score (bridge, reach or ilo), after (its value), change, low, high: means
        over the languages of a group; the group ``"all"`` is of all languages.
    """
    scores = [ilo_scores(each, k, tau) for each in (before, after)]
    without = [leave_one_out_scores(each, k, tau, blocks) for each in (before, after)]
    layers, languages = before["layer"].values, before["language"].values
    members = {"all": np.ones(len(languages), bool)}
    if groups is not None:
        of = groups.loc[languages]
        members |= {group: (of == group).to_numpy() for group in of.unique()}
    rows = []
    for (group, inside), score in itertools.product(members.items(), without[0]):
        was, now = (
            table[score].to_numpy().reshape(len(layers), -1)[:, inside].mean(1) for table in scores
        )
        left_out = (without[1][score] - without[0][score])[:, :, inside].mean(2)
        low, high = jackknife_interval(now - was, left_out, blocks)
        rows.append(pd.DataFrame({
            "group": group, "layer": layers, "score": score,
            "after": now, "change": now - was, "low": low, "high": high,
        }))  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def foreign_translations(
    neighbors: xr.Dataset, k: int = 5, blocks: Sequence | np.ndarray | None = None
) -> pd.DataFrame:
    """Of the neighbours in other languages, how many are translations (our definition).

    Parameters
    ----------
    neighbors : xarray.Dataset
    k : int
    blocks : sequence, optional
        As for :func:`leave_one_out_scores`.

    Returns
    -------
    pandas.DataFrame
        layer; share (0 to 1, NaN without a neighbour in another language), low, high: the
        jackknife's, each sentence or block left out of all languages, cut at 0 and 1.
    """
    kinds = list_kinds(nearest(neighbors, k))
    at = [kinds == KINDS.index(name) for name in ("translation", "other")]
    translations, others = (each.sum((1, 3)).T for each in at)  # (sentence, layer)
    foreign = translations + others
    block = number_blocks(np.arange(len(foreign)) if blocks is None else blocks, len(foreign))
    without = [each.sum(0) - np.stack([each[block == b].sum(0) for b in range(block.max() + 1)])
               for each in (translations, foreign)]  # fmt: skip
    with np.errstate(invalid="ignore"):  # 0 of 0 is not a number
        share, left_out = translations.sum(0) / foreign.sum(0), without[0] / without[1]
    low, high = jackknife_interval(share, left_out, block)
    ends = {"low": np.maximum(low, 0), "high": np.minimum(high, 1)}
    return pd.DataFrame({"layer": neighbors["layer"].values, "share": share} | ends)


def cluster_means(
    table: pd.DataFrame, value: str, by: Sequence[str], unit: str | Sequence[str],
    clusters: Sequence[pd.Series] = (), draws: int = 1000, seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Means over units, with intervals of whole clusters drawn anew (our choice).

    Relatives are not independent: a family is drawn with all its languages, or not at all. What is
    shared in two ways, by languages of a family and by all that are asked one name, is drawn in
    both, and a unit counts as often as the product (Owen 2007, the "pigeonhole" bootstrap).

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``value``, ``unit`` and those of ``by``; rows of one unit are averaged first.
    value : str
    by : list of str
        A mean for each of their combinations.
    unit : str or list of str
        Such as ``"language"``, or ``["language", "item"]``.
    clusters : list of pandas.Series
        Such as the family of each language; the index is named as one of ``unit``. Default: each
        unit by itself.
    draws, seed : int
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        ``by``, value (the mean over units), low, high (the middle 95% of the draws), units and
        clusters (int, of the kind there are fewest of). Of fewer than two there is no interval:
        low and high are NaN.
    """
    wide = table.pivot_table(index=unit, columns=list(by), values=value, sort=False)
    units = wide.index.to_frame(index=False)
    drawn_in = [cluster.loc[units[cluster.index.name]].to_numpy() for cluster in clusters]
    codes = [pd.factorize(of)[0] for of in drawn_in or [pd.factorize(wide.index)[0]]]
    rng, times = np.random.default_rng(seed), np.ones((draws, len(units)))
    for each in codes:
        count = each.max() + 1
        times = times * rng.multinomial(count, np.full(count, 1 / count), draws)[:, each]
    filled, there = wide.fillna(0).to_numpy(), wide.notna().to_numpy().astype(float)
    with np.errstate(invalid="ignore"):  # a draw without any unit of a column
        drawn = (times @ filled) / (times @ there)
    low, high = np.nanpercentile(drawn, [2.5, 97.5], axis=0)
    known = np.array([min(len(set(each[column])) for each in codes) for column in there.T > 0])
    low, high = (np.where(known > 1, end, np.nan) for end in (low, high))
    found = wide.mean().rename("value").reset_index()
    return found.assign(low=low, high=high, units=there.sum(0).astype(int), clusters=known)
