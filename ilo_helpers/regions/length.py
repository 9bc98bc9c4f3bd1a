"""Sentence length in the vectors: regressed out, or BOS given another weight.

A mean over n tokens and BOS holds BOS, the same vector in every sentence, with the weight
1 / (n + 1): so it tells how many tokens there are.
"""

import numpy as np
import pandas as pd
import xarray as xr

from ..keep.labelled import in_order
from ..models import LanguageModel
from ..pooling import tokenize


def token_counts(lm: LanguageModel, text: pd.DataFrame) -> xr.DataArray:
    """Tokens of each sentence, without special ones such as BOS.

    Parameters
    ----------
    lm : LanguageModel
    text : pandas.DataFrame
        Sentences × languages, as :func:`ilo_helpers.load_corpus` returns it.

    Returns
    -------
    xarray.DataArray
        int (language, sentence), at least 1; errors as :func:`ilo_helpers.pooling.tokenize`.
    """
    counts = [[len(ids) for ids, _ in tokenize(lm, text[code], bos=False)] for code in text]
    coords = {"language": list(text.columns), "sentence": list(text.index)}
    return xr.DataArray(counts, coords, tuple(coords), name="tokens")


def shuffled_counts(tokens: xr.DataArray, seed: int = 0) -> xr.DataArray:
    """Counts shuffled within each language: the control of all that takes length away.

    It keeps how many tokens a language needs, and forgets which sentence has how many.
    """
    tokens = tokens.transpose("language", "sentence")
    return tokens.copy(data=np.random.default_rng(seed).permuted(tokens, axis=1))


def without_length(
    acts: xr.DataArray, tokens: xr.DataArray, by_language: bool = False
) -> xr.DataArray:
    """Vectors without what a regression on their sentences' token counts explains (ours).

    At each layer the vectors are regressed, in float64, on log(n) and 1 / (n + 1), the weight of
    BOS. The fit is taken away, the mean stays: the origin counts under cosine. The control is the
    same with :func:`shuffled_counts`. In a regression of all languages together it takes away as
    well what sets languages of unlike fertility apart.

    Parameters
    ----------
    acts : xarray.DataArray
        Dimensions layer, language, sentence, hidden.
    tokens : xarray.DataArray
        int (language, sentence), as :func:`token_counts` returns it, of these sentences at least.
    by_language : bool
        Regress each language by itself, instead of all together.

    Returns
    -------
    xarray.DataArray
        float32 (layer, language, sentence, hidden); ``attrs["removed"]`` says what was.

    Raises
    ------
    KeyError
        If a sentence has no count.
    """
    acts = in_order(acts)
    counts = ordered_counts(acts, tokens)
    groups = counts if by_language else counts.reshape(1, -1)
    rest = np.empty(acts.shape, np.float32)
    for place in range(len(rest)):  # a layer at a time: all in float64 would not fit a laptop
        points = acts[place].values.astype(np.float64).reshape(*groups.shape, -1)
        for each, n in zip(points, groups, strict=True):
            design = np.column_stack([np.ones(len(n)), np.log(n), 1 / (n + 1)])
            each -= (design - design.mean(0)) @ np.linalg.lstsq(design, each)[0]
        rest[place] = points.reshape(rest.shape[1:])
    removed = "log(tokens), 1 / (tokens + 1)" + ", by language" * by_language
    return acts.copy(data=rest).assign_attrs(removed=removed)


def reweigh_bos(
    acts: xr.DataArray, bare: xr.DataArray, tokens: xr.DataArray, weights: xr.DataArray
) -> xr.DataArray:
    """Means over all tokens as they would be with BOS at other weights (ours).

    Parameters
    ----------
    acts, bare : xarray.DataArray
        Means with BOS and without it, (layer, language, sentence, hidden).
    tokens : xarray.DataArray
        As for :func:`without_length`; the weight of BOS in ``acts`` is 1 / (tokens + 1).
    weights : xarray.DataArray
        From 0 to 1, (language, sentence).

    Returns
    -------
    xarray.DataArray
        float32, as ``acts``; ``attrs["bos"]`` says what was done.

    Raises
    ------
    ValueError
        If the vectors are not ``bare`` with one and the same vector added at those weights, as in
        a model without BOS.
    """
    acts, bare = in_order(acts).astype(np.float64), in_order(bare).astype(np.float64)
    old = 1 / (ordered_counts(acts, tokens)[..., None] + 1)
    new = weights.transpose("language", "sentence").values[..., None]
    bos = (acts.values - (1 - old) * bare.values) / old
    mean = bos.mean((1, 2), keepdims=True)
    apart = np.linalg.norm(bos - mean, axis=-1) / np.linalg.norm(mean, axis=-1)
    if not (apart < 0.01).all():
        raise ValueError(
            "the first token is not one vector in all sentences: the model has no BOS, or these "
            "are not its means with and without it"
        )
    moved = (1 - new) * bare.values + new * mean
    return acts.copy(data=moved.astype(np.float32)).assign_attrs(bos="given other weights")


def ordered_counts(acts: xr.DataArray, tokens: xr.DataArray) -> np.ndarray:
    """Token counts in the order of the vectors, float64 (language, sentence)."""
    counts = tokens.sel(language=acts.language.values, sentence=acts.sentence.values)
    return counts.transpose("language", "sentence").values.astype(np.float64)
