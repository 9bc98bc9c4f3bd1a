"""Sentences through a language model: one vector a sentence and layer."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
import pandas as pd
import xarray as xr
from tqdm import tqdm

from .arithmetic import fast_matmul
from .corpora import fingerprint
from .keep.paths import slug
from .keep.recipes import foreign_code
from .keep.registry import Registry
from .keep.stores import Store, check_disk
from .models import LanguageModel, load_model

if TYPE_CHECKING:
    import torch

#: How the hidden states of a sentence's tokens become one vector, by name: functions of two
#: tensors (sentence, token), int: ``mask`` (1: a token, 0: padding) and ``special`` (1: a special
#: token), that give each token's weight, float (sentence, token); the vector is the weighted sum.
POOLINGS = Registry("pooling")
#: Padded tokens in one batch. On CPU larger ones were slower (see benchmarks/README.md).
BATCH_TOKENS = {"cpu": 512, "cuda": 16384}


@POOLINGS.add("mean")
def mean_of_all(mask: "torch.Tensor", _special: "torch.Tensor") -> "torch.Tensor":
    """Mean over all tokens, the special ones included (the ILO paper's)."""
    return mask / mask.sum(1, keepdim=True)


@POOLINGS.add("mean_no_special")
def mean_without_special(mask: "torch.Tensor", special: "torch.Tensor") -> "torch.Tensor":
    """Mean over the tokens that are not special (no BOS)."""
    return mean_of_all(mask * (1 - special), special)


@POOLINGS.add("mean_no_first")
def mean_without_first(mask: "torch.Tensor", special: "torch.Tensor") -> "torch.Tensor":
    """Mean over all but the first token (for models without BOS)."""
    kept = mask.clone()
    kept[:, 0] = 0
    return mean_of_all(kept, special)


@POOLINGS.add("last")
def last_token(mask: "torch.Tensor", _special: "torch.Tensor") -> "torch.Tensor":
    """The last token."""
    from torch.nn.functional import one_hot

    return one_hot(mask.sum(1) - 1, mask.shape[1]).float()


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

    The result lies in a zarr store, written one language at a time. What is there already is
    not computed again: a run that was killed goes on with the language it was in.

    Parameters
    ----------
    model : str or LanguageModel
        A name for :func:`load_model`, or what it returned (for another dtype or device).
    corpus : pandas.DataFrame
        As :func:`load_corpus` returns it.
    pooling : str or list of str
        Names of :data:`POOLINGS`: ``"mean"``, over all tokens, BOS included (the ILO paper,
        published code); ``"mean_no_special"``, over all but the special tokens;
        ``"mean_no_first"``, over all but the first token, which serves models without BOS as
        one; ``"last"`` token. Several are computed in one pass.
    bos : bool
        Let the tokenizer add its special tokens (the paper: yes), or feed the bare text.
    batch_tokens : int, optional
        Padded tokens in one batch; default 512 on CPU, 16384 on a GPU.
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
        For an unknown pooling, a sentence too long for the model or without a token (a second one,
        for ``"mean_no_first"``), a hidden state that is not finite: names language and sentence.
    OSError
        If the disk has too little room.
    """
    lm = load_model(model)
    poolings = [pooling] if isinstance(pooling, str) else list(pooling)
    batch_tokens = batch_tokens or BATCH_TOKENS["cpu" if lm.device == "cpu" else "cuda"]
    stores = {name: _store(lm, corpus, name, bos, batch_tokens, store) for name in poolings}
    with contextlib.ExitStack() as stack:
        for name in sorted(stores):  # always in one order, so that two processes cannot lock up
            stack.enter_context(stores[name].lock())
        missing = {name: each.missing() for name, each in stores.items()}
        languages = [code for code in corpus if any(code in parts for parts in missing.values())]
        if languages:
            check_disk([(each, missing[name]) for name, each in stores.items()])
            _extract(lm, corpus[languages], stores, missing, bos, batch_tokens)
        arrays = {name: each.open()["activations"] for name, each in stores.items()}
    for name, array in arrays.items():
        array.attrs = stores[name].attrs
    return arrays[pooling] if isinstance(pooling, str) else arrays


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
    name = f"{slug(lm.name)}--{slug(name)}--{pooling}"
    variables = {"activations": "float32"}
    return Store("activations", name, coords, variables, "language", attrs, folder)


def _bos_policy(tokenizer, bos):
    if not bos:
        return "left out"
    added = tokenizer.convert_ids_to_tokens(tokenizer("")["input_ids"])
    return f"added: {' '.join(added)}" if added else "the tokenizer has none"


def _extract(lm, corpus, stores, missing, bos, batch_tokens):
    """Fill the stores, one language at a time."""
    tokens = {code: tokenize(lm, corpus[code], bos) for code in corpus}  # all errors come first
    for name in stores:
        _check_weights(lm, name, corpus.index, tokens)
    total = sum(len(ids) for sentences in tokens.values() for ids, _ in sentences)
    size = sum(each.bytes(missing[name]) for name, each in stores.items())
    print(
        f"{lm.name} on {corpus.shape[1]} languages × {len(corpus)} sentences, {total:,} tokens; "
        f"{size / 1e6:,.0f} MB to {next(iter(stores.values())).path.parent.name}/",
        flush=True,
    )
    with tqdm(total=total, unit="tok", unit_scale=True, file=sys.stdout, mininterval=1) as bar:
        for code, sentences in tokens.items():
            bar.set_description(code)
            vectors = pool_sentences(lm, sentences, list(stores), batch_tokens, bar.update)
            _check_finite(lm, code, corpus.index, vectors)
            for name, values in zip(stores, vectors, strict=True):
                if code in missing[name]:
                    stores[name].write(code, activations=values)


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


def pooling_without_first(lm: LanguageModel) -> str:
    """The mean that leaves the first, often overlong, token out.

    Parameters
    ----------
    lm : LanguageModel

    Returns
    -------
    str
        ``"mean_no_special"`` where the tokenizer adds special tokens such as BOS, else
        ``"mean_no_first"``: there the first token of the text may take the place of BOS.
    """
    return "mean_no_special" if lm.tokenizer("")["input_ids"] else "mean_no_first"


def tokenize(
    lm: LanguageModel, sentences: pd.Series, bos: bool = True
) -> list[tuple[list[int], list[int]]]:
    """Token ids and special-token masks of one language's sentences.

    Parameters
    ----------
    lm : LanguageModel
    sentences : pandas.Series
        One language of a corpus.
    bos : bool
        Add the tokenizer's special tokens.

    Returns
    -------
    list of (list of int, list of int)
        Ids, and 1 for each special token among them.

    Raises
    ------
    ValueError
        If a sentence has no token (but special ones) or more than the model takes.
    """
    coded = lm.tokenizer(
        sentences.tolist(), add_special_tokens=bos, return_special_tokens_mask=True, verbose=False
    )
    pairs = list(zip(coded["input_ids"], coded["special_tokens_mask"], strict=True))
    for sentence, (ids, special) in zip(sentences.index, pairs, strict=True):
        where = f"model {lm.name!r}, language {sentences.name}, sentence {sentence}"
        if len(ids) == sum(special):
            raise ValueError(f"{where}: no token; leave the sentence out")
        if lm.max_tokens and len(ids) > lm.max_tokens:
            raise ValueError(
                f"{where}: {len(ids)} tokens, the model takes {lm.max_tokens}; split the sentence"
            )
    return pairs


def pool_sentences(
    lm: LanguageModel,
    sentences: Sequence[tuple[list[int], list[int]]],
    poolings: Sequence[str],
    batch_tokens: int,
    progress: Callable[[int], object] = lambda _: None,
) -> np.ndarray:
    """One vector a sentence and layer, for each pooling.

    Sentences are sorted by length into batches of at most ``batch_tokens`` padded tokens;
    hidden states are pooled layer by layer as they come, never held together.

    Parameters
    ----------
    lm : LanguageModel
    sentences : list of (list of int, list of int)
        As :func:`tokenize` returns them.
    poolings : list of str
    batch_tokens : int
    progress : callable
        Called with the number of tokens done.

    Returns
    -------
    numpy.ndarray
        float32, (pooling, layer, sentence, hidden).
    """
    vectors = np.empty((len(poolings), lm.layers + 1, len(sentences), lm.hidden), np.float32)
    for batch in length_batches([len(ids) for ids, _ in sentences], batch_tokens):
        vectors[:, :, batch] = _pool_batch(lm, [sentences[i] for i in batch], poolings)
        progress(sum(len(sentences[i][0]) for i in batch))
    return vectors


def length_batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Batches of sentences of like length, longest first: memory runs out at once or never.

    Parameters
    ----------
    lengths : list of int
    batch_tokens : int
        Padded tokens a batch holds at most; a longer sentence is a batch of its own.

    Yields
    ------
    list of int
        Places in ``lengths``.
    """
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batch and (len(batch) + 1) * lengths[batch[0]] > batch_tokens:
            yield batch
            batch = []
        batch.append(place)
    yield batch


def _pool_batch(lm, sentences, poolings):
    """float32 array (pooling, layer, sentence, hidden) of one padded batch."""
    import torch

    longest = max(len(ids) for ids, _ in sentences)
    ids = torch.full((len(sentences), longest), lm.tokenizer.pad_token_id)
    mask, special = torch.zeros_like(ids), torch.zeros_like(ids)
    for row, (sentence, specials) in enumerate(sentences):
        ids[row, : len(sentence)] = torch.tensor(sentence)
        special[row, : len(sentence)] = torch.tensor(specials)
        mask[row, : len(sentence)] = 1
    weights = torch.stack([POOLINGS[name](mask, special) for name in poolings], dim=1)
    pooled = []

    def pool(hidden):  # (sentence, pooling, token) × (sentence, token, hidden)
        pooled.append(torch.bmm(weights.to(hidden.device), hidden.float()).cpu())

    def before_block(_, args, kwargs):
        pool(args[0] if args else kwargs["hidden_states"])

    hooks = [b.register_forward_pre_hook(before_block, with_kwargs=True) for b in lm.blocks]
    try:
        with torch.inference_mode(), fast_matmul(lm.attrs["matmul"]):
            device = lm.model.device
            out = lm.model(input_ids=ids.to(device), attention_mask=mask.to(device))
            pool(out.last_hidden_state)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(pooled).permute(2, 0, 1, 3).numpy()


def _check_finite(lm, code, ids, vectors):
    bad = ~np.isfinite(vectors).all(axis=(0, 3))
    if bad.any():
        layer, sentence = np.argwhere(bad)[0]
        raise ValueError(
            f"model {lm.name!r} ({lm.dtype}), language {code}, sentence {ids[sentence]}: hidden "
            f"state of layer {layer} is not finite; float16 overflows where bfloat16 does not"
        )
