"""Interlingual Local Overlap: bridge, reach and their harmonic mean, from neighbour lists.

Source: Wilie, Cahyawijaya, He, Fung, *High-Dimensional Interlingual Representations of Large
Language Models* (2025, arXiv 2503.11280) and its published code.

This is the one place that counts languages in lists: :func:`new_languages` serves the scores, their
bootstrap and jackknife, the permutation test, and the hubs.
"""

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import hmean

from .keep import arguments
from .keep.labelled import nearest
from .neighbors import neighbor_languages

#: What of a setting stands in each row of the scores.
SETTING = ("model", "corpus", "pooling", "metric")


def ilo_scores(
    neighbors: xr.Dataset, k: int | Sequence[int] = 5, tau: int | Sequence[int] = 3
) -> pd.DataFrame:
    """Bridge, reach and ILO of every layer and language.

    Parameters
    ----------
    neighbors : xarray.Dataset
        As :func:`ilo_helpers.nearest_neighbors` returns it.
    k : int or sequence of int
        Neighbours looked at, at most as many as are stored; 5 in the paper. Of several, every
        combination with tau is scored, from the one stored list.
    tau : int or sequence of int
        Distinct other languages among them that make a sentence a bridge; 3 in the paper.
        Of several, combinations with tau > k, which no sentence can meet, have no rows.

    Returns
    -------
    pandas.DataFrame
        One row a layer, language, k and tau: model, corpus, pooling, metric, sentences, layer,
        language, k, tau, and, all from 0 to 1,

        - bridge: share of the language's sentences whose k neighbours cover at least tau
          distinct other languages;
        - reach: distinct other languages met in any of its lists, over all other languages;
        - ilo: harmonic mean of the two, 0 where either is 0.

    Raises
    ------
    ValueError
        If k is more than is stored, every tau more than every k, or tau not less than the number
        of languages.
    """
    ks, taus = arguments.wholes("k", k), arguments.wholes("tau", tau)
    tally = tally_lists(check_setting(neighbors, ks, taus))
    return pd.concat(
        [_tidy(neighbors, near, least, tally.scores(near, least))
         for near, least in itertools.product(ks, taus) if least <= near],
        ignore_index=True,
    )  # fmt: skip


@dataclass(frozen=True)
class Tally:
    """Languages counted in neighbour lists, once for every k and tau; see :func:`tally_lists`.

    Parameters
    ----------
    met : numpy.ndarray
        int (layer, language, sentence, k): language of each neighbour.
    new : numpy.ndarray
        bool, the same: whether it brings another language into the list for the first time.
    count : numpy.ndarray
        int, the same: distinct other languages up to there.
    first : numpy.ndarray
        int (layer, language, other language): earliest place at which a language's lists meet the
        other, or their length where they never do.
    """

    met: np.ndarray
    new: np.ndarray
    count: np.ndarray
    first: np.ndarray

    def scores(self, k: int, tau: int) -> dict[str, np.ndarray]:
        """``"bridge"``, ``"reach"`` and ``"ilo"``, each float64 (layer, language)."""
        bridge = (self.count[..., k - 1] >= tau).mean(axis=2)
        reach = (self.first < k).sum(axis=2) / (self.met.shape[1] - 1)
        return {"bridge": bridge, "reach": reach, "ilo": hmean([bridge, reach])}

    @functools.cached_property
    def _meetings(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each first meeting in a list: place, list, and layer and pair of languages."""
        layer, own, sentence, place = np.nonzero(self.new)
        layers, languages, sentences = self.met.shape[:3]
        row = np.ravel_multi_index((layer, own, sentence), (layers, languages, sentences))
        pair = (layer * languages + own) * languages + self.met[layer, own, sentence, place]
        return place, row, pair

    def without_each(
        self, k: int, tau: int, blocks: Sequence | np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """The same without each block of sentences in turn, in all languages.

        A language loses from its reach what no sentence outside the block meets.

        Parameters
        ----------
        k, tau : int
        blocks : sequence, optional
            (sentence,): a label, such as a document, for each; default: each sentence by itself.

        Returns
        -------
        dict of numpy.ndarray
            (block, layer, language); blocks in the order they come.

        Raises
        ------
        ValueError
            If there are not as many labels as sentences, or all are one block.
        """
        layers, languages, sentences = self.met.shape[:3]
        block = number_blocks(range(sentences) if blocks is None else blocks, sentences)
        sizes = np.bincount(block)
        bridging = self.count[..., k - 1] >= tau
        cell = np.arange(layers * languages)[:, None] * len(sizes) + block  # of each list
        inside = np.bincount(cell[bridging.reshape(cell.shape)], minlength=cell.max() + 1)
        inside = inside.reshape(layers, languages, -1)
        bridge = (bridging.sum(axis=2, keepdims=True) - inside) / (sentences - sizes)
        place, row, pair = self._meetings
        meets = np.zeros((layers * languages**2, len(sizes)), bool)  # a pair of languages in it
        meets[pair[place < k], block[row[place < k] % sentences]] = True
        lost = meets & (meets.sum(axis=1, keepdims=True) == 1)  # the only block in which it does
        lost = lost.reshape(layers, languages, languages, -1).sum(axis=2)
        reach = ((self.first < k).sum(axis=2)[..., None] - lost) / (languages - 1)
        parts = {"bridge": np.moveaxis(bridge, 2, 0), "reach": np.moveaxis(reach, 2, 0)}
        return parts | {"ilo": hmean([*parts.values()])}


def number_blocks(blocks: Sequence | np.ndarray, sentences: int) -> np.ndarray:
    """Number of each sentence's block, from 0, in the order they come.

    Parameters
    ----------
    blocks : sequence
        A label for each sentence.
    sentences : int
        How many there must be.

    Returns
    -------
    numpy.ndarray
        int (sentence,).

    Raises
    ------
    ValueError
        If there are not as many labels as sentences, or all are one block.
    """
    numbers, labels = pd.factorize(np.asarray(blocks))
    if len(numbers) != sentences:
        raise ValueError(f"blocks has {len(numbers)} labels for {sentences} sentences")
    if len(labels) < 2:
        raise ValueError(
            f"all {sentences} sentences are one block, {str(labels[0])!r}: without it nothing is "
            "left; leave blocks out"
        )
    return numbers


def tally_lists(neighbors: xr.Dataset) -> Tally:
    """Count the languages in all lists.

    Parameters
    ----------
    neighbors : xarray.Dataset

    Returns
    -------
    Tally
    """
    met = neighbor_languages(neighbors).values
    layers, languages, _, k = met.shape
    new = new_languages(met, np.arange(languages)[:, None])
    first = np.full((layers, languages, languages), k)
    layer, own, *_ = np.ogrid[:layers, :languages, :1, :1]
    np.minimum.at(first, (layer, own, met), np.where(new, np.arange(k), k))
    return Tally(met, new, new.cumsum(axis=-1, dtype=np.int16), first)


def bridges(neighbors: xr.Dataset, k: int = 5, tau: int = 3) -> xr.DataArray:
    """Whether each sentence is a bridge.

    Parameters
    ----------
    neighbors : xarray.Dataset
    k, tau : int
        As in :func:`ilo_scores`.

    Returns
    -------
    xarray.DataArray
        bool (layer, language, sentence). Its mean over the sentences is bridge B.
    """
    k, tau = arguments.whole("k", k), arguments.whole("tau", tau)
    met = neighbor_languages(check_setting(neighbors, [k], [tau]))
    new = new_languages(met.values, np.arange(met.sizes["language"])[:, None])
    return met.isel(neighbor=0, drop=True).copy(data=new.sum(axis=-1) >= tau).rename("bridge")


def new_languages(met: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Which neighbours bring another language into their list for the first time.

    Parameters
    ----------
    met : numpy.ndarray
        int (…, k): language of each neighbour, nearest first; −1 for one that does not count.
    own : numpy.ndarray
        int, broadcast against (…): the language of whose list it is.

    Returns
    -------
    numpy.ndarray
        bool (…, k). Summed over the first j places: the distinct other languages among the j
        nearest.
    """
    new = (met != own[..., None]) & (met >= 0)
    for place in range(1, met.shape[-1]):
        new[..., place] &= (met[..., place, None] != met[..., :place]).all(axis=-1)
    return new


def check_setting(neighbors: xr.Dataset, ks: Sequence[int], taus: Sequence[int]) -> xr.Dataset:
    """The lists that some settings look at, as long as the greatest k.

    Parameters
    ----------
    neighbors : xarray.Dataset
    ks, taus : list of int

    Raises
    ------
    ValueError
        As :func:`ilo_scores`.
    """
    near = nearest(neighbors, max(arguments.whole("k", k) for k in ks))
    check_taus(ks, taus, neighbors.sizes["language"])
    return near


def check_taus(ks: Sequence[int], taus: Sequence[int], languages: int) -> None:
    """Raise ValueError for a tau that no sentence could meet in so many languages.

    Parameters
    ----------
    ks, taus : list of int
    languages : int
    """
    for tau in taus:
        if not 1 <= tau < languages:
            raise ValueError(
                f"tau = {tau}: with {languages} languages there are {languages - 1} others, so "
                f"tau must be from 1 to {languages - 1}"
            )
    if min(taus) > max(ks):
        raise ValueError(
            f"tau = {min(taus)} > k = {max(ks)}: so few neighbours cannot cover so many languages"
        )


def _tidy(neighbors, k, tau, scores):
    """One row a layer and language, with the setting in every row."""
    layer, language = np.meshgrid(neighbors.layer, neighbors.language, indexing="ij")
    setting = {name: neighbors.attrs.get(name, "") for name in SETTING}
    labels = {"sentences": neighbors.sizes["sentence"], "layer": layer.ravel(),
              "language": language.ravel(), "k": k, "tau": tau}  # fmt: skip
    return pd.DataFrame(setting | labels | {name: s.ravel() for name, s in scores.items()})
