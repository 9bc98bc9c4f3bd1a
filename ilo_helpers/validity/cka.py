"""Centred kernel alignment: have two clouds of sentences the same geometry?"""

import numpy as np
import pandas as pd
import xarray as xr


def linear_cka(x: np.ndarray, y: np.ndarray) -> float:
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
        1 for equal geometry (any rotation, shift, scale), about 0 for none; at most 1. NaN where
        all rows but one are equal, for which the estimator is 0/0.

    Raises
    ------
    ValueError
        If the numbers of rows differ or are less than 4.
    """
    if len(x) != len(y) or len(x) < 4:
        raise ValueError(f"CKA needs the same rows, at least 4: {len(x)} and {len(y)}")
    return kernel_cka(linear_kernel(x), linear_kernel(y))


def linear_kernel(points: np.ndarray) -> np.ndarray:
    """Inner products of centred points, float64 (N, N), the diagonal 0."""
    points = np.asarray(points, np.float64)
    points = points - points.mean(0)
    products = points @ points.T
    np.fill_diagonal(products, 0)
    return products


def kernel_cka(a: np.ndarray, b: np.ndarray) -> float:
    """:func:`linear_cka` of two kernels, for who compares one with many."""
    own = [_hsic(each, each) for each in (a, b)]
    if any(value <= 1e-12 * (each**2).mean() for value, each in zip(own, (a, b), strict=True)):
        return np.nan
    return float(_hsic(a, b) / np.sqrt(own[0] * own[1]))


def _hsic(a, b):
    """Unbiased HSIC of two kernels with zero diagonals."""
    n = len(a)
    sums = a.sum() * b.sum() / ((n - 1) * (n - 2)) - 2 * a.sum(0) @ b.sum(0) / (n - 2)
    return ((a * b).sum() + sums) / (n * (n - 3))


def cka_by_layer(before: xr.DataArray, after: xr.DataArray) -> pd.DataFrame:
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
