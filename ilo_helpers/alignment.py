"""How alike two sets of vectors of the same sentences are."""

import numpy as np
import pandas as pd


def linear_cka(x, y):
    """Linear centred kernel alignment, with the unbiased estimator of HSIC.

    Source: Kornblith et al. 2019 (CKA); Song et al. 2012, equation 5 (the estimator), which, unlike
    the plain one, does not grow with the width of the vectors.

    Parameters
    ----------
    x, y : numpy.ndarray
        (N, width) each, row i the same sentence; N at least 4.

    Returns
    -------
    float
        1 for equal geometry (any rotation, shift, scale), about 0 for none; at most 1.

    Raises
    ------
    ValueError
        If the numbers of rows differ or are less than 4.
    """
    if len(x) != len(y) or len(x) < 4:
        raise ValueError(f"CKA needs the same rows, at least 4: {len(x)} and {len(y)}")
    kernels = []
    for points in (x, y):
        points = np.asarray(points, np.float64)
        points = points - points.mean(0)
        kernel = points @ points.T
        np.fill_diagonal(kernel, 0)
        kernels.append(kernel)
    a, b = kernels
    return float(_hsic(a, b) / np.sqrt(_hsic(a, a) * _hsic(b, b)))


def _hsic(a, b):
    """Unbiased HSIC of two kernels with zero diagonals."""
    n = len(a)
    sums = a.sum() * b.sum() / ((n - 1) * (n - 2)) - 2 * a.sum(0) @ b.sum(0) / (n - 2)
    return ((a * b).sum() + sums) / (n * (n - 3))


def cka_by_layer(before, after):
    """Linear CKA between two models' vectors of one corpus, at every layer.

    Parameters
    ----------
    before, after : xarray.DataArray
        Activations with the same layers, languages and sentences.

    Returns
    -------
    pandas.DataFrame
        layer, cka.
    """
    rows = []
    for layer in before.layer.values:
        pair = (a.sel(layer=layer).values.reshape(-1, a.sizes["hidden"]) for a in (before, after))
        rows.append({"layer": int(layer), "cka": linear_cka(*pair)})
    return pd.DataFrame(rows)
