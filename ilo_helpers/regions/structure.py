"""The shape of the cloud: intrinsic dimension, crowding, hubs."""

import numpy as np
import pandas as pd
from scipy import stats

from ..ilo import new_languages


def structure_by_layer(acts, neighbors, k=5, tau=3, seed=0):
    """Intrinsic dimension, anisotropy and hubs of each layer.

    Parameters
    ----------
    acts : xarray.DataArray
    neighbors : xarray.Dataset
        Of the same vectors.
    k, tau : int
    seed : int
        Of the places struck at random.

    Returns
    -------
    pandas.DataFrame
        A row a layer:

        - intrinsic_dimension: TwoNN (Facco et al. 2017) on the stored distances, through
          scikit-dimension; cosine distances as chords, √(2 d);
        - duplicates: sentences at distance 0 from another, which TwoNN must leave out;
        - anisotropy: mean cosine of two different sentences, −1 to 1 (0: no common direction);
        - hubness: skewness of how often a sentence is among the others' k nearest
          (Radovanović et al. 2010; 1/√k for lists drawn at random);
        - hubs: sentences that are so more than k plus twice the standard deviation of times;
        - bridge: share of all sentences that are bridges; hub_share: of these, the share that
          are bridges no longer when hubs are struck from the lists, 0 to 1; random_share: the
          same when as many places of the lists, drawn at random, are struck (mean of 20 draws).
    """
    rows = []
    languages, sentences = neighbors.sizes["language"], neighbors.sizes["sentence"]
    own = np.repeat(np.arange(languages), sentences)
    rng = np.random.default_rng(seed)
    for layer in neighbors.layer.values:
        at = neighbors.sel(layer=layer)
        index = at["index"].values[..., :k].reshape(-1, k)
        met = np.bincount(index.ravel(), minlength=len(index))
        hub = met > k + 2 * met.std()
        bridges = _others(index // sentences, own) >= tau
        struck = hub[index]
        at_random = [rng.permutation(struck.ravel()).reshape(struck.shape) for _ in range(20)]
        lost, lost_at_random = (
            np.mean([bridges & (_others(index // sentences, own, ~each) < tau) for each in masks])
            for masks in ([struck], at_random)
        )
        vectors = acts.sel(layer=layer).values.reshape(len(index), -1)
        dimension, duplicates = _two_nn(at, neighbors.attrs.get("metric", "cosine"))
        rows.append({
            "layer": int(layer), "intrinsic_dimension": dimension, "duplicates": duplicates,
            "anisotropy": _mean_cosine(vectors), "hubness": float(stats.skew(met)),
            "hubs": int(hub.sum()), "bridge": bridges.mean(),
            "hub_share": lost / max(bridges.mean(), 1e-12),
            "random_share": lost_at_random / max(bridges.mean(), 1e-12),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _others(met, own, counts=True):
    """Distinct other languages in each list, of the places that count."""
    return new_languages(np.where(counts, met, -1), own).sum(axis=1)


def _two_nn(at, metric):
    from skdim.id import TwoNN

    distances = at["distance"].values[..., :2].reshape(-1, 2).astype(np.float64)
    if metric == "cosine":
        distances = np.sqrt(2 * distances)
    distinct = distances[:, 0] > 0
    if distinct.sum() < 10:
        raise ValueError(
            f"layer {int(at.layer)}: {distinct.sum()} sentences are at a distance from all "
            "others; the intrinsic dimension needs 10"
        )
    return float(TwoNN(dist=True).fit(distances[distinct]).dimension_), int((~distinct).sum())


def _mean_cosine(vectors):
    unit = vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    n = len(unit)
    return float((np.square(unit.sum(0)).sum() - n) / (n * (n - 1)))
