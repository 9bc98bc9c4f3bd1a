"""Token embeddings and the vocabulary's categories: the Hyperpolyglot paper's objects."""

import functools
import json
import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from ..models import LanguageModel, load_model

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

#: What the architectures call the matrix, in the files of the weights.
EMBEDDING_NAMES = ("embed_tokens.weight", "word_embeddings.weight", "shared.weight", "wte.weight")
#: SentencePiece's mark for a space.
MARK = "▁"


def load_token_embeddings(model: str | os.PathLike | LanguageModel) -> xr.DataArray:
    """Rows of a model's token-embedding matrix, one a token of its vocabulary.

    Reads that one tensor where the weights are safetensors; otherwise the whole model.

    Parameters
    ----------
    model : str, path or LanguageModel

    Returns
    -------
    xarray.DataArray
        float32, dimensions token (coordinate: the token as the tokenizer has it) and hidden,
        in the order of the ids; a second coordinate ``id`` along token. Rows without a token
        (padding of the matrix) are left out; ``attrs`` count them as ``padded_rows``, beside
        what decides the values.

    Raises
    ------
    ValueError
        If the model has no such matrix, or the vocabulary is larger than it.
    """
    lm = load_model(model)
    matrix = _read_matrix(lm)
    ids = pd.Series(lm.tokenizer.get_vocab()).sort_values()
    if ids.max() >= len(matrix):
        raise ValueError(
            f"model {lm.name!r}: its tokenizer has ids up to {ids.max()}, its token-embedding "
            f"matrix {len(matrix)} rows; tokenizer and weights are not of one model"
        )
    attrs = lm.attrs | {"padded_rows": len(matrix) - len(ids)}
    coords = {"token": ids.index.values, "id": ("token", ids.values)}
    return xr.DataArray(matrix[ids.values], coords, ("token", "hidden"), attrs=attrs)


def _read_matrix(lm):
    """The matrix as float32 numpy, from its own tensor if it can be had alone."""
    from safetensors import safe_open

    if found := _find_tensor(lm):
        file, key = found
        with safe_open(file, "pt") as tensors:
            return tensors.get_tensor(key).float().numpy()
    body = lm.model
    try:
        matrix = body.get_input_embeddings().weight
    except (NotImplementedError, AttributeError):  # a model that reads no tokens
        raise ValueError(
            f"model {lm.name!r} ({lm.attrs['architecture']}) has no token-embedding matrix"
        ) from None
    return matrix.detach().float().cpu().numpy()


def _find_tensor(lm):
    """(file, key) of the matrix among the safetensors, or None."""
    from safetensors import safe_open
    from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME, cached_file

    how = {"revision": lm.source.get("revision"), "_raise_exceptions_for_missing_entries": False}
    fetch = functools.partial(cached_file, lm.source["pretrained_model_name_or_path"], **how)
    file_of = {}
    if index := fetch(SAFE_WEIGHTS_INDEX_NAME):
        file_of = json.loads(Path(index).read_text(encoding="utf-8"))["weight_map"]
    elif single := fetch(SAFE_WEIGHTS_NAME):
        with safe_open(single, "pt") as tensors:
            file_of = dict.fromkeys(tensors.keys(), SAFE_WEIGHTS_NAME)
    keys = [key for key in file_of if key.endswith(EMBEDDING_NAMES)]
    # of an encoder-decoder the encoder's or the shared one, as the paper takes it
    key = min(keys, key=lambda key: ("decoder" in key, key), default=None)
    return key and (fetch(file_of[key]), key)


def load_vocabulary(source: str | os.PathLike) -> "PreTrainedTokenizerBase | list[str]":
    """A vocabulary without its model's weights.

    Parameters
    ----------
    source : str or path
        Packaged name, hub name or folder: its tokenizer is read. Or a ``.json`` file: a list of
        the tokens as text in the order of their ids, ``▁`` for a space; texts with the
        replacement character U+FFFD, or after the word ``bad:``, stand for bytes that are no text
        (so the Hyperpolyglot paper's repository has them).

    Returns
    -------
    transformers.PreTrainedTokenizerBase or list of str
        What :func:`token_categories` takes.

    Raises
    ------
    ValueError
        If the file holds no list of texts.
    """
    path = Path(source)
    if path.suffix != ".json":
        return load_model(source).tokenizer
    texts = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{path}: a vocabulary's file is a JSON list of its tokens as text")
    return ["" if text.startswith("bad: ") or "\ufffd" in text else text for text in texts]


def token_categories(
    vocabulary: "PreTrainedTokenizerBase | list[str]", parity: bool = True
) -> pd.DataFrame:
    """Script or kind of every token of a vocabulary.

    For each character: the first word of its Unicode name if it is a letter, else the first
    letter of its general category (C M N P S Z). The token's category is the most common one of
    its characters, the first met in a tie. Byte-level tokens are decoded first. Source:
    Hyperpolyglot paper.

    Parameters
    ----------
    vocabulary : transformers.PreTrainedTokenizerBase or list of str
        A tokenizer, or tokens as text (:func:`load_vocabulary`); a list does not say which of
        its tokens are special.
    parity : bool
        As published, where SentencePiece's mark ``▁`` counts as a symbol, so that ``▁a`` is a tie
        and an S, and ``<pad>`` is LATIN. False drops the mark (or the space of a byte-level
        token) and gives special tokens ``SPECIAL`` and byte tokens (``<0x0A>``) ``BYTE`` (ours).

    Returns
    -------
    pandas.DataFrame
        Index id; columns token (as the tokenizer has it), piece (its text, ``▁`` for a space in
        every tokenizer, so that vocabularies can be compared; empty where the bytes are not
        text) and category (``UNDECODABLE`` there).
    """
    rows = []
    for place, token, text, special in _texts(vocabulary):
        if not text:
            category = "UNDECODABLE"
        elif parity:
            category = _category(text)
        elif special:
            category = "SPECIAL"
        elif re.fullmatch("<0x[0-9A-F]{2}>", token):
            category = "BYTE"
        else:
            category = _category(text.replace(MARK, "").strip(" ") or text)
        rows.append((place, token, text.replace(" ", MARK), category))
    return pd.DataFrame(rows, columns=["id", "token", "piece", "category"]).set_index("id")


def _texts(vocabulary):
    """(id, token, its text, whether it is special) of every token."""
    if isinstance(vocabulary, list):
        return [(place, text, text, False) for place, text in enumerate(vocabulary)]
    decode = _byte_decoder(vocabulary)
    special = {*vocabulary.all_special_tokens, *vocabulary.get_added_vocab()}
    return [
        (place, token, token if token in special else decode(token), token in special)
        for token, place in pd.Series(vocabulary.get_vocab()).sort_values().items()
    ]


def _byte_decoder(tokenizer):
    """Text of a token: of a byte-level one its bytes', empty if they are no text."""
    from tokenizers import decoders

    decoder = tokenizer.backend_tokenizer.decoder
    if decoder is None or '"ByteLevel"' not in decoder.__getstate__().decode():
        return lambda token: token
    decode = decoders.ByteLevel().decode
    return lambda token: "" if "\ufffd" in (text := decode([token])) else text


def _category(text):
    """The most common category of its characters; of a tie, the first met."""
    found = [*map(_character_category, text)]
    return max(dict.fromkeys(found), key=found.count)


@functools.cache
def _character_category(character):
    kind = unicodedata.category(character)
    return unicodedata.name(character, "UNNAMED").split()[0] if kind.startswith("L") else kind[0]


def token_frequencies(tokenizer: "PreTrainedTokenizerBase", corpus: pd.DataFrame) -> pd.DataFrame:
    """How often each token occurs in each language of a corpus.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
    corpus : pandas.DataFrame
        Sentences × languages.

    Returns
    -------
    pandas.DataFrame
        int; index id (those that occur), a column a language. Special tokens are not counted.
    """
    counts = {}
    for language in corpus:
        texts = corpus[language].tolist()  # not verbose: however long one is, it is only counted
        encoded = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        counts[language] = pd.Series(np.concatenate(encoded).astype(int)).value_counts()
    return pd.DataFrame(counts).fillna(0).astype(int).rename_axis("id")


def token_languages(counts: pd.DataFrame) -> pd.Series:
    """The language of tokens that belong to one (our definition).

    Parameters
    ----------
    counts : pandas.DataFrame
        Of :func:`token_frequencies`.

    Returns
    -------
    pandas.Series
        Language by id, of the tokens that occur at least twice, and nine times in ten in that
        language; the others are left out.
    """
    total = counts.sum(axis=1)
    chosen = (total >= 2) & (counts.max(axis=1) >= 0.9 * total)
    return counts[chosen].idxmax(axis=1).rename("language")


def find_pieces(tokenizer: "PreTrainedTokenizerBase", words: Iterable[str]) -> list[list[int]]:
    """The tokens a word is cut into, at its best (our definition).

    As the word stands and after a space, a lone mark for a space dropped; of the two the one
    with fewer pieces, of equals the one after a space, as in running text.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
    words : sequence of str

    Returns
    -------
    list of list of int
        Ids for each word; one id: the word is a token. Empty for an empty word.
    """
    marks = {tokenizer.convert_tokens_to_ids(mark) for mark in (MARK, "Ġ")}
    marks -= {None, tokenizer.unk_token_id}

    def encode(texts):
        found = tokenizer(texts, add_special_tokens=False)["input_ids"]
        return [[place for place in ids if place not in marks] for ids in found]

    words = list(words)
    if not words:
        return []
    both = zip(encode([f" {word}" for word in words]), encode(words), strict=True)
    return [min(pair, key=len) for pair in both]
