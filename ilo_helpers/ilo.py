"""Interlingual Local Overlap: bridge, reach and their harmonic mean, from neighbour lists.

Source: Wilie, Cahyawijaya, He, Fung, *High-Dimensional Interlingual Representations of Large
Language Models* (2025, arXiv 2503.11280) and its published code.
"""

import itertools

import numpy as np
import pandas as pd

#: What of a setting stands in each row of the scores.
SETTING = ("model", "corpus", "pooling", "metric")


def ilo_scores(neighbors, k=5, tau=3):
    """Bridge, reach and ILO of every layer and language.

    Parameters
    ----------
    neighbors : xarray.Dataset
        As :func:`nearest_neighbors` returns it.
    k : int
        Neighbours looked at, at most as many as are stored; 5 in the paper.
    tau : int
        Distinct other languages among them that make a sentence a bridge; 3 in the paper.

    Returns
    -------
    pandas.DataFrame
        One row a layer and language: model, corpus, pooling, metric, sentences, layer, language,
        k, tau, and, all from 0 to 1,

        - bridge: share of the language's sentences whose k neighbours cover at least tau
          distinct other languages;
        - reach: distinct other languages met in any of its lists, over all other languages;
        - ilo: harmonic mean of the two, 0 where either is 0.

    Raises
    ------
    ValueError
        If k is more than is stored, tau more than k, or tau not less than the number of
        languages.
    """
    return sweep(neighbors, [k], [tau], impossible="raise")


def sweep(neighbors, ks, taus, impossible="drop"):
    """Scores for every combination of k and tau at once, from one stored list.

    Parameters
    ----------
    neighbors : xarray.Dataset
    ks, taus : sequence of int
    impossible : {"drop", "raise"}
        Combinations with tau > k, which no sentence can meet, have no row, or are an error.

    Returns
    -------
    pandas.DataFrame
        As :func:`ilo_scores`, one row a layer, language, k and tau.

    Raises
    ------
    ValueError
        As :func:`ilo_scores`.
    """
    _check(neighbors, ks, taus, impossible)
    count, first = other_languages(neighbors["index"].values, max(ks))
    languages = neighbors.sizes["language"]
    tables = []
    for k, tau in itertools.product(ks, taus):
        if tau > k:
            continue
        bridge = (count[..., k - 1] >= tau).mean(axis=2)
        reach = (first < k).sum(axis=2) / (languages - 1)
        total = bridge + reach
        ilo = np.divide(2 * bridge * reach, total, out=np.zeros_like(total), where=total > 0)
        tables.append(_tidy(neighbors, k, tau, bridge=bridge, reach=reach, ilo=ilo))
    return pd.concat(tables, ignore_index=True)


def neighbor_languages(neighbors):
    """Place of each neighbour's language.

    Returns
    -------
    xarray.DataArray
        int32, dimensions as ``index``; 0 is the first language of the array.
    """
    return neighbors["index"] // neighbors.sizes["sentence"]


def neighbor_kinds(neighbors, k=5):
    """What the neighbours of a language's sentences are (our definition).

    Parameters
    ----------
    neighbors : xarray.Dataset
    k : int

    Returns
    -------
    pandas.DataFrame
        One row a layer and language: layer, language, own (share of the k neighbours that are of
        the sentence's own language), translation (its own translations) and other (other
        sentences of other languages); the three sum to 1.
    """
    index = neighbors["index"].values[..., :k]
    languages, sentences = index.shape[1:3]
    own = index // sentences == np.arange(languages)[:, None, None]
    translation = ~own & (index % sentences == np.arange(sentences)[:, None])
    shares = {
        "own": own.mean((2, 3)),
        "translation": translation.mean((2, 3)),
        "other": (~own & ~translation).mean((2, 3)),
    }
    layer, language = np.meshgrid(neighbors.layer, neighbors.language, indexing="ij")
    table = {"layer": layer, "language": language} | shares
    return pd.DataFrame({name: values.ravel() for name, values in table.items()})


def other_languages(index, k):
    """How many distinct other languages lie among the first neighbours, for every k at once.

    Parameters
    ----------
    index : numpy.ndarray
        int, (layer, language, sentence, neighbor), as in the stored neighbours.
    k : int

    Returns
    -------
    count : numpy.ndarray
        int, (layer, language, sentence, k): at place j, those among the first j + 1.
    first : numpy.ndarray
        int, (layer, language, other language): the earliest place in any list of a language at
        which the other is met; k where it never is.
    """
    layers, languages, sentences, _ = index.shape
    met = index[..., :k] // sentences
    own = np.arange(languages)[:, None, None]
    new = met != own
    for j in range(1, k):
        new[..., j] &= (met[..., j, None] != met[..., :j]).all(axis=-1)
    first = np.full((layers, languages, languages), k)
    place = np.broadcast_to(np.arange(k), met.shape)
    layer = np.arange(layers)[:, None, None, None]
    np.minimum.at(first, (layer, own, met), np.where(new, place, k))
    return new.cumsum(axis=-1), first


def _check(neighbors, ks, taus, impossible):
    stored, languages = neighbors.sizes["neighbor"], neighbors.sizes["language"]
    for k in ks:
        if not 1 <= k <= stored:
            raise ValueError(
                f"k = {k}: {stored} neighbours are stored; call nearest_neighbors(acts, k={k})"
                if k > stored else f"k = {k}: at least one neighbour is needed"
            )  # fmt: skip
    for tau in taus:
        if not 1 <= tau < languages:
            raise ValueError(
                f"tau = {tau}: with {languages} languages there are {languages - 1} others, so "
                f"tau must be from 1 to {languages - 1}"
            )
        if impossible == "raise" and tau > min(ks):
            raise ValueError(
                f"tau = {tau} > k = {min(ks)}: so few neighbours cannot cover so many languages"
            )
    if min(taus) > max(ks):
        raise ValueError(f"every tau is greater than every k (tau ≥ {min(taus)}, k ≤ {max(ks)})")


def _tidy(neighbors, k, tau, **scores):
    """One row a layer and language, with the setting in every row."""
    layer, language = np.meshgrid(neighbors.layer, neighbors.language, indexing="ij")
    setting = {name: neighbors.attrs.get(name, "") for name in SETTING}
    labels = {"sentences": neighbors.sizes["sentence"], "layer": layer.ravel(),
              "language": language.ravel(), "k": k, "tau": tau}  # fmt: skip
    return pd.DataFrame(setting | labels | {name: s.ravel() for name, s in scores.items()})
