"""Worlds with a known amount of alignment: made to order, or real vectors shuffled; ours."""

import numpy as np
import pandas as pd
import xarray as xr

from ..ilo import ilo_scores
from ..keep.labelled import in_order
from ..languages import language_table
from ..neighbors import nearest_neighbors
from .intervals import bootstrap_scores, interval, jackknife_interval, leave_one_out_scores


def make_world(
    languages: int = 8, sentences: int = 100, hidden: int = 32, meaning: float = 1.0,
    offset: float = 0.0, rotation: float = 0.0, noise: float = 0.5, misplaced: int = 0,
    document: int = 1, uneven: float = 0.0, seed: int = 0,
) -> xr.DataArray:  # fmt: skip
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
    document : int
        Sentences a document: the first so many, the next, and so on.
    uneven : float
        How unlike documents are: the standard deviation of the logarithm of a factor, one for
        each document, by which the noise of its sentences is multiplied in every language. (Some
        documents are translated freely, others word by word.)
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
    each = noise * scale * rng.normal(size=values.shape)
    of = np.arange(sentences) // document
    values += each * np.exp(uneven * rng.normal(size=of[-1] + 1))[of, None]
    coords = {"layer": [0], "language": language_table().index[:languages].tolist(),
              "sentence": [str(i) for i in range(sentences)]}  # fmt: skip
    return xr.DataArray(values.astype(np.float32), coords, (*coords, "hidden"))


def shuffle_sentences(acts: xr.DataArray, seed: int = 0) -> xr.DataArray:
    """The same clouds without a shared meaning: each language's sentences in an order of its own.

    What a measure says of them is its floor.

    Parameters
    ----------
    acts : xarray.DataArray
        Dimensions layer, language, sentence, hidden.
    seed : int

    Returns
    -------
    xarray.DataArray
        (layer, language, sentence, hidden); the order is one in all layers.
    """
    acts = in_order(acts)
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(acts.sizes["sentence"]) for _ in acts.language]
    moved = np.take_along_axis(acts.values, np.array(orders)[None, :, :, None], axis=2)
    return acts.copy(data=moved)


def coverage(
    world: xr.DataArray, size: int, k: int = 5, tau: int = 3, metric: str = "cosine",
    document: int = 1, draws: int = 200,
) -> pd.DataFrame:  # fmt: skip
    """How often the nominal 95% intervals of one corpus hold the mean over many of its kind.

    Parameters
    ----------
    world : xarray.DataArray
        One layer of :func:`make_world`. Every ``size`` sentences are a corpus, and a pool, of
        their own.
    size, document : int
        Sentences a corpus and, of those, a document; the first is a multiple of the second.
    k, tau : int
    metric : str
    draws : int
        Of each bootstrap.

    Returns
    -------
    pandas.DataFrame
        score (bridge, reach, ilo: means over the languages; "ILO of one language": the first),
        method (bootstrap, sentence jackknife and, of documents, block jackknife), corpora, truth
        (the mean over the corpora), low, high (mean ends of the intervals), holds (share of the
        intervals that hold the truth).

    Raises
    ------
    ValueError
        If the size is no multiple of a document's.
    """
    if size % document:
        raise ValueError(f"{size} sentences a corpus are no multiple of {document} a document")
    methods: dict[str, np.ndarray | None] = {"sentence jackknife": None}
    if document > 1:
        methods["block jackknife"] = np.arange(size) // document
    rows = []
    for number in range(world.sizes["sentence"] // size):
        part = world.isel(sentence=slice(number * size, (number + 1) * size))
        lists = nearest_neighbors(part, k, metric, keep=False)
        found = ilo_scores(lists, k, tau)
        value = _told(found[["bridge", "reach", "ilo"]].to_numpy().T[:, None, None])
        drawn = _told(np.array([*bootstrap_scores(lists, k, tau, draws, number).values()]))
        rows += [(s, "bootstrap", value[s][0], *interval(drawn[s])) for s in value]
        for method, blocks in methods.items():
            without = leave_one_out_scores(lists, k, tau, blocks)
            left = _told(np.array([*without.values()]))
            ends = {s: jackknife_interval(value[s][0], left[s], blocks) for s in value}
            rows += [(s, method, value[s][0], *ends[s]) for s in value]
    table = pd.DataFrame(rows, columns=["score", "method", "value", "low", "high"])
    table["truth"] = table.groupby("score")["value"].transform("mean")
    table["holds"] = table["truth"].between(table["low"], table["high"])
    by = table.groupby(["score", "method"], sort=False)
    means = by[["truth", "low", "high", "holds"]].mean()
    return by.size().rename("corpora").to_frame().join(means).reset_index()


def _told(scores):
    """Of (score, draw, layer, language), bridge, reach and ilo: what is asked of each draw."""
    means = dict(zip(("bridge", "reach", "ilo"), scores.mean(axis=(2, 3)), strict=True))
    return means | {"ILO of one language": scores[2, :, 0, 0]}
