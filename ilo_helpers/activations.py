"""Sentences through a language model: one vector a sentence and layer."""

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np
import pandas as pd
import xarray as xr

from .corpora import check_corpus, fingerprint
from .keep import arguments
from .keep.fill import fill
from .keep.messages import say
from .keep.paths import slug
from .keep.recipes import foreign_code
from .keep.stores import Store, check_disk
from .models import LanguageModel, load_model
from .pooling import POOLINGS, pool_sentences, tokenize

#: Padded tokens in one batch. Larger ones were slower (see benchmarks/README.md).
BATCH_TOKENS = {"cpu": 512, "cuda": 4096}


@overload
def extract_activations(
    model: str | os.PathLike | LanguageModel, corpus: pd.DataFrame, pooling: str = ...,
    bos: bool = ..., batch_tokens: int | None = ..., store: str | Path | None = ...,
) -> xr.DataArray: ...  # fmt: skip
@overload
def extract_activations(
    model: str | os.PathLike | LanguageModel, corpus: pd.DataFrame, pooling: Sequence[str],
    bos: bool = ..., batch_tokens: int | None = ..., store: str | Path | None = ...,
) -> dict[str, xr.DataArray]: ...  # fmt: skip
def extract_activations(
    model: str | os.PathLike | LanguageModel,
    corpus: pd.DataFrame,
    pooling: str | Sequence[str] = "mean",
    bos: bool = True,
    batch_tokens: int | None = None,
    store: str | Path | None = None,
) -> "xr.DataArray | dict[str, xr.DataArray]":
    """Sentence vectors of every sentence, language and layer.

    The result lies in a zarr store, written one language at a time, here or by the workers of a
    Dask client (see :mod:`ilo_helpers.keep.fill`). What is there already is not computed again:
    a run that was killed goes on with the languages it was in.

    Parameters
    ----------
    model : str or LanguageModel
        A name for :func:`load_model`, or what it returned (for another dtype or device).
    corpus : pandas.DataFrame
        As :func:`load_corpus` returns it.
    pooling : str or list of str
        Names of :data:`ilo_helpers.pooling.POOLINGS`: ``"mean"``, over all tokens, BOS included
        (the ILO paper, published code); ``"mean_no_special"``, over all but the special tokens;
        ``"mean_no_first"``, over all but the first token, which serves models without BOS as
        one; ``"last"`` token. Several are computed in one pass.
    bos : bool
        Let the tokenizer add its special tokens (the paper: yes), or feed the bare text.
    batch_tokens : int, optional
        Padded tokens in one batch; default 512 on CPU, 4096 on a GPU.
    store : path, optional
        Folder of the stores; default ``data/activations``.

    Returns
    -------
    xarray.DataArray or dict of str to DataArray
        Dimensions layer (0 = token embeddings … L, the last after the final norm), language,
        sentence, hidden; float32, read lazily. ``attrs`` hold all that decides a value.
        A dictionary by pooling where a list was given.

    Raises
    ------
    ValueError
        For a corpus with something else than text in it (see :func:`check_corpus`); for an unknown
        pooling, a sentence too long for the model or without a token (a second one,
        for ``"mean_no_first"``), a hidden state that is not finite: names language and sentence.
    OSError
        If the disk has too little room.
    """
    single, bos = isinstance(pooling, str), arguments.flag("bos", bos)
    poolings = [str(pooling)] if single else arguments.several("pooling", pooling)
    for name in poolings:
        arguments.one_of("pooling", name, POOLINGS)
    if batch_tokens is not None:
        batch_tokens = arguments.whole("batch_tokens", batch_tokens)
    check_corpus(corpus)
    lm = load_model(model)
    batch_tokens = batch_tokens or BATCH_TOKENS["cpu" if lm.device == "cpu" else "cuda"]
    stores = {name: _store(lm, corpus, name, bos, batch_tokens, store) for name in poolings}
    missing = {name: each.missing() for name, each in stores.items()}
    languages = [code for code in corpus if any(code in parts for parts in missing.values())]
    if languages:
        check_disk([(each, missing[name]) for name, each in stores.items()])
        _extract(lm, corpus[languages], stores, missing, bos, batch_tokens)
    arrays = {name: each.open()["activations"] for name, each in stores.items()}
    for name, array in arrays.items():
        array.attrs = stores[name].attrs
    return arrays[poolings[0]] if single else arrays


def _store(lm, corpus, pooling, bos, batch_tokens, folder):
    name = corpus.attrs.get("name", "corpus")
    attrs = lm.attrs | {
        "pooling": pooling,
        **foreign_code(POOLINGS[pooling]),
        "bos": _bos_policy(lm.tokenizer, bos),
        "tokenizer": f"{type(lm.tokenizer).__name__} {len(lm.tokenizer)}",
        "batch_tokens": batch_tokens,
        "corpus": name,
        # of the text as it is: attrs survive an edit of the table
        "corpus_fingerprint": fingerprint(corpus),
    }
    coords = {
        "layer": range(lm.layers + 1),
        "language": list(corpus.columns),
        "sentence": list(corpus.index),
        "hidden": range(lm.hidden),
    }
    name = f"{slug(lm.name)}--{slug(name)}--{slug(pooling)}"
    variables = {"activations": "float32"}
    return Store("activations", name, coords, variables, "language", attrs, folder)


def _bos_policy(tokenizer, bos):
    if not bos:
        return "left out"
    added = tokenizer.convert_ids_to_tokens(tokenizer("")["input_ids"])
    return f"added: {' '.join(added)}" if added else "the tokenizer has none"


def _extract(lm, corpus, stores, missing, bos, batch_tokens):
    """Fill the stores."""
    tokens = {code: tokenize(lm, corpus[code], bos) for code in corpus}  # all errors come first
    for name in stores:
        _check_weights(lm, name, corpus.index, tokens)
    sizes = {code: sum(len(ids) for ids, _ in each) for code, each in tokens.items()}
    size = sum(each.bytes(missing[name]) for name, each in stores.items()) / 1e6
    folder = next(iter(stores.values())).path.parent.name
    say(
        f"{lm.name} on {corpus.shape[1]} languages × {len(corpus)} sentences, "
        f"{sum(sizes.values()):,} tokens; {size:,.0f} MB to {folder}/"
    )
    poolings = {name: POOLINGS[name] for name in stores}
    make = functools.partial(_vectors, lm, poolings, batch_tokens, corpus.index)
    jobs = {code: (code, sentences) for code, sentences in tokens.items()}
    fill(list(stores.values()), jobs, make, "activations", "tok", sizes)


def _vectors(lm, poolings, batch_tokens, index, job, progress):
    """What each store gets of one language."""
    code, sentences = job
    POOLINGS.update(poolings)  # a worker of a cluster has not run the user's cells
    vectors = pool_sentences(lm, sentences, list(poolings), batch_tokens, progress)
    _check_finite(lm, code, index, vectors)
    return [{"activations": values} for values in vectors]


def _check_weights(lm, pooling, index, tokens):
    """Refuse sentences of which a pooling leaves no token."""
    import torch

    for code, sentences in tokens.items():
        for sentence, (_, special) in zip(index, sentences, strict=True):
            special = torch.tensor([special])
            if not POOLINGS[pooling](torch.ones_like(special), special).isfinite().all():
                raise ValueError(
                    f"model {lm.name!r}, language {code}, sentence {sentence}: of "
                    f"{special.shape[1]} token(s) {pooling!r} leaves none; leave the sentence out"
                )


def _check_finite(lm, code, ids, vectors):
    bad = ~np.isfinite(vectors).all(axis=(0, 3))
    if bad.any():
        layer, sentence = np.argwhere(bad)[0]
        raise ValueError(
            f"model {lm.name!r} ({lm.dtype}), language {code}, sentence {ids[sentence]}: hidden "
            f"state of layer {layer} is not finite; float16 overflows where bfloat16 does not"
        )
