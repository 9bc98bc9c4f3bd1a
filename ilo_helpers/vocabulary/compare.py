"""Is it one geometry? Two tables of token embeddings, over the tokens they share."""

import functools

import numpy as np
import pandas as pd
import xarray as xr
from scipy.linalg import orth

from .._knn import knn


def shared_rows(
    embeddings: dict[str, xr.DataArray], pieces: dict[str, pd.Series]
) -> dict[str, xr.DataArray]:
    """Rows of several models for the tokens they share, compared as text.

    Parameters
    ----------
    embeddings : dict of xarray.DataArray
        By name of the model.
    pieces : dict of pandas.Series
        Text by id, of :func:`ilo_helpers.vocabulary.tokens.token_categories`; tokens whose bytes
        are no text are shared by none.

    Returns
    -------
    dict of xarray.DataArray
        The same tokens in the same order (that of the first model), named by their text.

    Raises
    ------
    ValueError
        If the models share no token.
    """
    # of equal texts (a byte-level vocabulary may spell one in two ways) the first counts
    texts = {name: of[of != ""].drop_duplicates() for name, of in pieces.items()}
    common = functools.reduce(lambda a, b: a[a.isin(b)], texts.values()).values
    if not len(common):
        raise ValueError(f"{' and '.join(texts)} share no token")
    shared = {}
    for name, of in texts.items():
        wanted = pd.Series(of.index, of.values)[common].values
        places = np.searchsorted(embeddings[name]["id"].values, wanted)
        coords = {"token": common, "id": ("token", wanted)}
        shared[name] = xr.DataArray(embeddings[name].values[places], coords, ("token", "hidden"))
    return shared


def shared_neighbors(a: np.ndarray, b: np.ndarray, places: np.ndarray, k: int) -> np.ndarray:
    """How many of a token's k nearest are the same in two models.

    Source: Hyperpolyglot paper, figure 7. By chance it would be k² / (tokens − 1).

    Parameters
    ----------
    a, b : array
        (tokens, hidden) each, the same tokens.
    places : array of int
        Rows whose neighbours are compared.
    k : int
        The paper's is 100.

    Returns
    -------
    numpy.ndarray
        int, 0 to k, one a place.
    """
    found = [knn(np.asarray(matrix), k, rows=places)[0] for matrix in (a, b)]
    return np.array([len(np.intersect1d(*lists)) for lists in zip(*found, strict=True)], dtype=int)


def canonical_correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosines of the canonical angles between the column spaces of two matrices.

    Source: Hyperpolyglot paper, figure 8, which shows the first.

    Parameters
    ----------
    a, b : array
        (rows, width) each, the same rows, at least as many as the wider is wide.

    Returns
    -------
    numpy.ndarray
        float64, from the largest, 0 to 1; as many as the narrower is wide.

    Raises
    ------
    ValueError
        If the rows differ in number or are fewer than a width.
    """
    if len(a) != len(b) or len(a) < max(a.shape[1], b.shape[1]):
        raise ValueError(
            f"canonical angles of {a.shape} and {b.shape}: need the same rows, and at least as "
            "many as the wider matrix has columns"
        )
    bases = []
    for matrix in (a, b):
        q, r = np.linalg.qr(np.asarray(matrix, np.float64))
        bases.append(q @ orth(r))
    return np.linalg.svd(bases[0].T @ bases[1], compute_uv=False).clip(0, 1)
