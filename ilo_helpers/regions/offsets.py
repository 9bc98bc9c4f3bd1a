"""What holds the fragments apart: one vector a language, and what it takes to undo it; ours."""

import numpy as np
import xarray as xr
from scipy.linalg import eigh

from ..keep.labelled import in_order


def remove_offsets(acts: xr.DataArray, directions: int = 0) -> xr.DataArray:
    """Vectors without each language's mean (our definition).

    At each layer, each language's mean is subtracted, and with it what is common to all
    languages, which under cosine is a change of its own (:func:`controls`); then, if asked, what
    the language's sentences have in their leading principal directions.

    Parameters
    ----------
    acts : xarray.DataArray
        Dimensions layer, language, sentence, hidden.
    directions : int
        Principal directions of each language taken away, fewer than its sentences.

    Returns
    -------
    xarray.DataArray
        float32 (layer, language, sentence, hidden); ``attrs["removed"]`` says what was.

    Raises
    ------
    ValueError
        For as many directions as sentences; for other dimensions.
    """
    acts = in_order(acts)
    sentences = acts.sizes["sentence"]
    if directions >= sentences:
        raise ValueError(
            f"{directions} directions of {sentences} sentences a language: must be fewer"
        )
    rest = np.empty(acts.shape, np.float32)
    for place in range(len(rest)):  # a layer at a time: all in float64 would not fit a laptop
        for language, points in enumerate(acts[place].values.astype(np.float64)):
            points -= points.mean(0)
            if directions:
                points -= _leading(points, directions)
            rest[place, language] = points
    removed = "mean of each language" + (f", {directions} directions" if directions else "")
    return acts.copy(data=rest).assign_attrs(removed=removed)


def _leading(points, directions):
    """Part of centred points in their leading principal directions."""
    wide = points.shape[1] > points.shape[0]
    gram = points @ points.T if wide else points.T @ points
    _, vectors = eigh(gram, subset_by_index=(len(gram) - directions, len(gram) - 1))
    return vectors @ (vectors.T @ points) if wide else points @ vectors @ vectors.T


def controls(acts: xr.DataArray) -> dict[str, xr.DataArray]:
    """The same vectors less one mean or another: what of a change is the offsets' doing?

    Our definition. Subtracting each language's mean also moves the origin, which counts under
    cosine, and takes the mean over the very sentences whose neighbours are then searched.

    Parameters
    ----------
    acts : xarray.DataArray
        Dimensions layer, language, sentence, hidden; two sentences or more.

    Returns
    -------
    dict of str to xarray.DataArray
        float64 (layer, language, sentence, hidden), by what is subtracted: nothing (``"as it
        is"``); the mean of all languages; each language's, less that of all; each language's;
        for every second sentence, its language's mean over the other sentences.
    """
    acts = in_order(acts).astype(np.float64)
    values = acts.values
    half = np.arange(values.shape[2]) % 2
    of_all, of_each = values.mean((1, 2), keepdims=True), values.mean(2, keepdims=True)
    of_others = np.stack([values[:, :, half != mine].mean(2) for mine in (0, 1)], axis=2)
    taken = {
        "as it is": 0, "one mean for all": of_all,
        "offsets only, common mean kept": of_each - of_all, "mean of each language": of_each,
        "mean of its other half": of_others[:, :, half],
    }  # fmt: skip
    return {name: acts.copy(data=values - mean) for name, mean in taken.items()}
