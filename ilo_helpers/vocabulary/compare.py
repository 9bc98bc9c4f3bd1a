"""Vocabularies side by side, and their tables over the tokens they share: is it one geometry?"""

import itertools

import numpy as np
import pandas as pd
import xarray as xr

from .._search.knn import knn


def vocabulary_overlap(categories: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Tokens that vocabularies share, as text, pair by pair.

    Parameters
    ----------
    categories : dict of pandas.DataFrame
        :func:`token_categories` of each tokenizer, by its name.

    Returns
    -------
    pandas.DataFrame
        a, b, shared (int), share (of a's pieces, 0 to 1; 1 where a is b) and non_latin (of the
        shared ones, those whose category in a is not LATIN, 0 to 1; 0 where none is shared).
        Undecodable tokens are not compared. Which of the two sizes the paper divides by is not
        known to us: the smaller or the larger share can be had from (a, b) and (b, a).
    """
    category_of = {
        name: table[table["piece"] != ""].drop_duplicates("piece").set_index("piece")["category"]
        for name, table in categories.items()
    }
    pieces, rows = {name: set(of.index) for name, of in category_of.items()}, []
    for (a, of_a), (b, _) in itertools.product(category_of.items(), repeat=2):
        both = of_a[[piece in pieces[b] for piece in of_a.index]]
        non_latin = (both != "LATIN").sum() / max(1, len(both))
        rows.append((a, b, len(both), len(both) / len(of_a), non_latin))
    return pd.DataFrame(rows, columns=["a", "b", "shared", "share", "non_latin"])


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
    first, *others = texts.values()
    everywhere = set(first).intersection(*others)
    common = np.array([text for text in first if text in everywhere], object)
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
    return _canonical(*(np.asarray(each, np.float64) for each in (a, b)))[1].clip(0, 1)


def _canonical(a, b):
    """Weights of two matrices' columns that make the canonical directions, and their cosines."""
    (w_a, w_b), cross = map(_whitening, (a, b)), a.T @ b
    u, cosines, v = np.linalg.svd(w_a.T @ cross @ w_b, full_matrices=False)
    return (w_a @ u, w_b @ v.T), cosines


def _whitening(matrix):
    """Weights that make orthonormal columns, which span a matrix's, of its own."""
    # six times as fast as by QR for 30,000 rows; it squares the singular values, so directions of
    # less than about 1e-7 of the greatest are left out
    squares, turn = np.linalg.eigh(matrix.T @ matrix)
    there = squares > squares[-1] * len(squares) * np.finfo(float).eps
    return turn[:, there] / np.sqrt(squares[there])


def split_half_correlations(a: np.ndarray, b: np.ndarray, seed: int = 0) -> np.ndarray:
    """Canonical correlations that hold on tokens that the directions were not fitted to.

    The pairs of directions are found on a random half of the rows, their cosines taken on the
    other half; then the halves change places, and the two are averaged. Of unrelated tables they
    are about 0, where those of :func:`canonical_correlations` are not. Our definition.

    Parameters
    ----------
    a, b : array
        As there, with twice as many rows. Take the means away first for correlations.
    seed : int
        Of the halves.

    Returns
    -------
    numpy.ndarray
        float64, in the order of the fitted cosines, -1 to 1.
    """
    a, b = (np.asarray(each, np.float64) for each in (a, b))
    order = np.random.default_rng(seed).permutation(len(a))
    halves = np.array_split(order, 2)
    found = []
    for fitted, left in (halves, halves[::-1]):
        (w_a, w_b), _ = _canonical(a[fitted], b[fitted])
        x, y = a[left] @ w_a, b[left] @ w_b
        found.append((x * y).sum(0) / np.linalg.norm(x, axis=0) / np.linalg.norm(y, axis=0))
    return np.mean(found, axis=0)


def quantised(rows: np.ndarray, bits: int) -> np.ndarray:
    """A table in steps: each row divided by its largest value, and rounded to the nearest.

    Parameters
    ----------
    rows : array
        (tokens, hidden).
    bits : int
        2 or more; ``2^(bits-1) - 1`` steps on either side of 0.

    Returns
    -------
    numpy.ndarray
        Of the same shape and dtype.
    """
    step = np.abs(rows).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
    return (np.round(rows / step) * step).astype(rows.dtype)


def permuted_within(labels: np.ndarray | pd.Series, seed: int = 0) -> np.ndarray:
    """An order that gives every row the place of another of its label: what a label alone does.

    Parameters
    ----------
    labels : array
        Such as the script of every token.
    seed : int

    Returns
    -------
    numpy.ndarray
        int, a permutation.
    """
    rng, order = np.random.default_rng(seed), np.arange(len(labels))
    for places in pd.Series(np.asarray(labels)).groupby(np.asarray(labels)).indices.values():
        order[places] = rng.permutation(places)
    return order
