"""Maps of the sentences whose points move from layer to layer, aligned so that eyes can follow."""

import numpy as np
import pandas as pd
import xarray as xr
from scipy.linalg import orthogonal_procrustes

from ..keep.stores import what_decides
from ..keep.tables import kept_table
from ..regions.maps import centred_points, load_umap

#: More points than these are not mapped by UMAP: 19 layers of 1,500 take a minute or two.
UMAP_POINTS = 2000


def moving_maps(
    acts: xr.DataArray, method: str = "PCA", metric: str = "cosine", seed: int = 0
) -> pd.DataFrame:
    """A map a layer, each turned to lie as the one before; kept on disk.

    PCA's maps are brought to one scale and turned by Procrustes' rotation (ours); UMAP's are made
    together (``umap.AlignedUMAP``), each layer's points tied to their own at the next. Of more than
    :data:`UMAP_POINTS` points, UMAP maps the first sentences of every language.

    Parameters
    ----------
    acts : xarray.DataArray
        (layer, language, sentence, hidden).
    method : {"PCA", "UMAP"}
    metric : str
        As for :func:`ilo_helpers.regions.maps.project`.
    seed : int

    Returns
    -------
    pandas.DataFrame
        layer, language, sentence, x, y; coordinates centred, from −1 to 1.

    Raises
    ------
    ValueError
        For an unknown method or metric.
    """
    makers = {"PCA": _by_pca, "UMAP": _by_umap}
    if method not in makers:
        raise ValueError(f"map {method!r}: choose from {', '.join(makers)}")
    if method == "UMAP":
        acts = acts.isel(sentence=slice(max(1, UMAP_POINTS // acts.sizes["language"])))
    decides = [method, metric, seed, what_decides(acts)]

    def make():
        layers = makers[method](
            [centred_points(acts, at, metric) for at in acts.layer.values], seed
        )
        index = acts.isel(hidden=0, drop=True).to_series().index
        scaled = np.concatenate([xy / np.abs(xy).max() for xy in layers])
        return pd.DataFrame(scaled, index, ["x", "y"]).reset_index()

    return kept_table("explorer", f"{acts.attrs.get('model', 'vectors')}--{method}", decides, make)


def _by_pca(layers, seed):
    from sklearn.decomposition import PCA

    maps: list[np.ndarray] = []
    for points in layers:
        xy = PCA(2, random_state=seed).fit_transform(points)
        xy -= xy.mean(0)
        xy /= np.linalg.norm(xy)
        maps.append(xy @ orthogonal_procrustes(xy, maps[-1])[0] if maps else xy)
    return maps


def _by_umap(layers, seed):
    same = {place: place for place in range(len(layers[0]))}
    mapper = load_umap().AlignedUMAP(
        n_neighbors=min(15, len(same) - 1), random_state=seed, alignment_window_size=2
    )
    found = mapper.fit(layers, relations=[same] * (len(layers) - 1)).embeddings_
    return [xy - xy.mean(0) for xy in found]
