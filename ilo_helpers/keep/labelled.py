"""Labelled arrays that are handed in, looked at before they are used: vectors, neighbours."""

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from .arguments import once, several, told, whole
from .digest import arrays_digest


def check_array(name: str, array: Any, dims: Sequence[str]) -> None:
    """Raise ValueError unless this is a labelled array whose labels tell its parts apart.

    Parameters
    ----------
    name : str
    array : xarray.DataArray
    dims : sequence of str
        The dimensions it must have, in any order; each must have a length, and labels that differ.
        A text among them becomes part of a file's name, and so must not lead to another folder.
    """
    if not isinstance(array, xr.DataArray):
        which = f", one of {sorted(map(repr, array))}" if isinstance(array, dict) else ""
        raise ValueError(f"{name} {told(array)}: give an xarray.DataArray{which}")
    if set(array.dims) != set(dims):
        raise ValueError(f"{name} have dimensions {tuple(array.dims)}, need {tuple(dims)}")
    for dim in dims:
        if not array.sizes[dim]:
            raise ValueError(f"dimension {dim!r} is empty: there is nothing to work on")
        for label in once(f"dimension {dim!r}", array[dim].values.tolist()):
            if isinstance(label, str) and (os.path.basename(label) != label or "\0" in label):
                raise ValueError(f"{dim} {label!r} cannot be part of a file's name: rename it")


def in_order(acts: xr.DataArray) -> xr.DataArray:
    """Activations as (layer, language, sentence, hidden).

    Raises
    ------
    ValueError
        If they are no labelled numbers, have other dimensions, or labels that do not differ.
    """
    dims = ("layer", "language", "sentence", "hidden")
    check_array("activations", acts, dims)
    if acts.dtype.kind not in "fiu":
        raise ValueError(
            f"activations have dtype {acts.dtype}; give floats, acts.astype('float32')"
        )
    # labels that xarray only makes up, 0, 1, …, would begin anew in every part
    return acts.transpose(*dims).assign_coords({dim: acts[dim].values for dim in dims[:3]})


def vectors_key(vectors: xr.DataArray) -> list:
    """What tells labelled vectors from others, by their values, as JSON can hold it.

    The first dimension, of layers, is read one at a time.
    """
    labels = [list(map(str, vectors[dim].values)) for dim in vectors.dims if dim != "hidden"]
    values = arrays_digest(at.values for at in vectors)
    return [values, vectors.dtype.str, list(vectors.shape), list(vectors.dims), labels]


def nearest(neighbors: xr.Dataset, k: int) -> xr.Dataset:
    """The k nearest of the stored lists.

    Raises
    ------
    ValueError
        If these are no neighbour lists, or shorter.
    """
    dims = ("layer", "language", "sentence", "neighbor")
    if not isinstance(neighbors, xr.Dataset) or not {"index"} <= set(neighbors.data_vars):
        what = told(neighbors)
        if isinstance(neighbors, xr.Dataset):
            what = "a Dataset without 'index'"
        raise ValueError(f"neighbors is {what}: give what nearest_neighbors returns")
    check_array("neighbors", neighbors["index"], dims)
    stored, points = neighbors.sizes["neighbor"], neighbors.sizes["language"]
    points *= neighbors.sizes["sentence"]
    k = whole("k", k, 1)
    if k > stored:
        raise ValueError(
            f"k = {k}: {stored} neighbours are stored; call nearest_neighbors(acts, k={k})"
        )
    near = neighbors.isel(neighbor=slice(k))
    index = near["index"]
    if index.dtype.kind not in "iu" or index.min() < -1 or index.max() >= points:
        raise ValueError(
            f"neighbors: index must be int, 0 to {points - 1}, places in the whole corpus (here "
            f"{index.dtype}, to {index.values.max()}); a part is cut with neighbors_within"
        )
    return near


def places_of(name: str, part: Iterable[int] | None, total: int) -> np.ndarray:
    """Places of a part along one dimension.

    Parameters
    ----------
    name : str
        The argument's, for errors.
    part : iterable of int or None
        Ascending; None: all.
    total : int
        Length of the dimension.

    Raises
    ------
    ValueError
        For labels in their stead, or places that are not there or not in order.
    """
    if part is None:
        return np.arange(total)
    places = np.asarray(several(name, part))
    if places.dtype.kind not in "iu":
        raise ValueError(f"{name}: give places, whole numbers from 0 to {total - 1}, not labels")
    if places.min() < 0 or places.max() >= total:
        raise ValueError(f"{name}: {places.max()} is no place; they go from 0 to {total - 1}")
    if (np.diff(places) < 0).any():
        raise ValueError(f"{name}: give places in ascending order, sorted({name})")
    return places
