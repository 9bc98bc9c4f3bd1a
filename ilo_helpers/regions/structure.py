"""The shape of the cloud: intrinsic dimension, crowding, hubs."""

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from ..ilo import new_languages
from ..neighbors import without_translations


def structure_by_layer(
    acts: xr.DataArray, neighbors: xr.Dataset, k: int = 5, tau: int = 3, seed: int = 0
) -> pd.DataFrame:
    """Intrinsic dimension, anisotropy and hubs of each layer.

    Parameters
    ----------
    acts : xarray.DataArray
        Dimensions layer, language, sentence, hidden.
    neighbors : xarray.Dataset
        Of the same vectors, at least as many as there are languages and one.
    k, tau : int
        As for :func:`ilo_helpers.ilo_scores`.
    seed : int
        Of the places struck at random.

    Returns
    -------
    pandas.DataFrame
        A row a layer:

        - intrinsic_dimension: TwoNN (Facco et al. 2017) on the stored distances, through
          scikit-dimension; cosine distances as chords, √(2 d);
        - dimension_apart: the same with each sentence's own translations left out of its list:
          a translation that lies apart from all else makes the estimate small;
        - duplicates: sentences at distance 0 from another, which TwoNN must leave out;
        - anisotropy: mean cosine of two different sentences, −1 to 1 (0: no common direction);
        - hubness: skewness of how often a sentence is among the others' k nearest
          (Radovanović et al. 2010; 1/√k for lists drawn at random);
        - hubs: sentences that are so more than k plus twice the standard deviation of times;
        - bridge: share of all sentences that are bridges; hub_share: of these, the share that
          are bridges no longer when hubs are struck from the lists, 0 to 1; random_share: the
          same when as many places of the lists, drawn at random, are struck (mean of 20 draws).

    Raises
    ------
    ValueError
        If fewer than 10 sentences of a layer are at a distance from all others.
    """
    own = np.repeat(np.arange(neighbors.sizes["language"]), neighbors.sizes["sentence"])
    rng = np.random.default_rng(seed)
    rows = []
    for layer in neighbors.layer.values:
        at = neighbors.sel(layer=layer)
        index = at["index"].values[..., :k].reshape(-1, k)
        times = np.bincount(index.ravel(), minlength=len(index))
        hub = times > k + 2 * times.std()
        struck = hub[index]
        at_random = [rng.permutation(struck.ravel()).reshape(struck.shape) for _ in range(20)]
        met = np.where([np.zeros_like(struck), struck, *at_random], -1, own[index])
        bridges, without, *fewer = (new_languages(met, own).sum(axis=-1) >= tau).sum(axis=-1)
        dimension, duplicates = _two_nn(at)
        apart, _ = _two_nn(without_translations(neighbors.sel(layer=[layer]), 2).sel(layer=layer))
        rows.append({
            "layer": int(layer), "intrinsic_dimension": dimension, "duplicates": duplicates,
            "dimension_apart": apart,
            "anisotropy": mean_cosine(acts.sel(layer=layer).values.reshape(len(index), -1)),
            "hubness": float(stats.skew(times)), "hubs": int(hub.sum()),
            "bridge": bridges / len(index),
            "hub_share": (bridges - without) / max(1, bridges),
            "random_share": (bridges - np.mean(fewer)) / max(1, bridges),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _two_nn(at):
    """Intrinsic dimension, and the number of sentences that coincide with another."""
    from skdim.id import TwoNN

    distances = at["distance"].values[..., :2].reshape(-1, 2).astype(np.float64)
    if at.attrs["metric"] == "cosine":
        distances = np.sqrt(2 * distances)
    distinct = distances[:, 0] > 0
    if distinct.sum() < 10:
        raise ValueError(
            f"layer {int(at.layer)}: {distinct.sum()} sentences are at a distance from all "
            "others; the intrinsic dimension needs 10"
        )
    return float(TwoNN(dist=True).fit(distances[distinct]).dimension_), int((~distinct).sum())


def mean_cosine(vectors: np.ndarray) -> float:
    """Mean cosine of two different rows.

    Parameters
    ----------
    vectors : numpy.ndarray
        (N, hidden), N at least 2.

    Returns
    -------
    float
        −1/(N − 1) to 1.
    """
    unit = vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    n = len(unit)
    return float((np.square(unit.sum(0)).sum() - n) / (n * (n - 1)))
