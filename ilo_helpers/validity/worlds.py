"""Worlds with a known amount of alignment: made to order, or real vectors shuffled; ours."""

import numpy as np
import xarray as xr

from ..languages import language_table
from ..neighbors import in_order


def make_world(
    languages: int = 8, sentences: int = 100, hidden: int = 32, meaning: float = 1.0,
    offset: float = 0.0, rotation: float = 0.0, noise: float = 0.5, misplaced: int = 0,
    seed: int = 0,
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
    values += noise * scale * rng.normal(size=values.shape)
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
