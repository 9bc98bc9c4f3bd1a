"""What holds the fragments apart: one vector a language, and what it takes to undo it; ours."""

import numpy as np
from scipy.linalg import eigh


def remove_offsets(acts, directions=0):
    """Vectors without each language's mean (our definition).

    At each layer, each language's mean is subtracted, and with it what is common to all
    languages, which under cosine is a change of its own; then, if asked, what the language's
    sentences have in their leading principal directions.

    Parameters
    ----------
    acts : xarray.DataArray
        (layer, language, sentence, hidden).
    directions : int
        Principal directions of each language taken away, fewer than its sentences.

    Returns
    -------
    xarray.DataArray
        float32; ``attrs["removed"]`` says what was.
    """
    if directions >= acts.sizes["sentence"]:
        raise ValueError(
            f"{directions} directions of {acts.sizes['sentence']} sentences a language: must be "
            "fewer"
        )
    acts = acts.transpose("layer", "language", "sentence", "hidden")
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
