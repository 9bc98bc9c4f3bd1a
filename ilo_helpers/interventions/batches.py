"""Prompts as token ids, run in batches that share what they begin with."""

import copy
import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..models import LanguageModel

if TYPE_CHECKING:
    import torch

#: Prompts a batch.
BATCH = 32


@dataclasses.dataclass(frozen=True)
class Prompt:
    """Token ids of a prompt, in two parts.

    Parameters
    ----------
    prefix : tuple of int
        What many prompts begin with, the shots and the source's name: computed once. May be empty.
    query : tuple of int
        The rest, at least one token.
    begin, word : int
        Places in the query of the first and the last token of the word that is asked about.
    """

    prefix: tuple[int, ...]
    query: tuple[int, ...]
    begin: int
    word: int


def encode_prompts(lm: LanguageModel, prompts: pd.DataFrame) -> list[Prompt]:
    """Token ids of prompts, and where the word stands.

    Parameters
    ----------
    lm : LanguageModel
    prompts : pandas.DataFrame
        Of :func:`ilo_helpers.interventions.prompts.translation_prompts`.

    Returns
    -------
    list of Prompt
        The tokenizer's special tokens before the prefix, none after it.
    """
    prefixes = {text: _opening(lm, text) for text in prompts["prefix"].unique()}
    coded = lm.tokenizer(
        prompts["query"].tolist(), add_special_tokens=False, return_offsets_mapping=True
    )
    rows = zip(
        prompts["prefix"], prompts["query"], prompts["word"], coded["input_ids"],
        coded["offset_mapping"], strict=True,
    )  # fmt: skip
    found = []
    for prefix, query, word, ids, spans in rows:
        first = query.index(f'"{word}"') + 1  # the place of its first character
        last = first + len(word) - 1
        places = [i for i, (start, stop) in enumerate(spans) if start <= last and stop > first]
        found.append(Prompt(prefixes[prefix], tuple(ids), places[0], places[-1]))
    return _share(found)


def _share(prompts):
    """Move into the prefix what all queries after it have before the word, token by token."""
    shared = {}
    for prefix in {prompt.prefix for prompt in prompts}:
        before = [each.query[: each.begin] for each in prompts if each.prefix == prefix]
        alike = itertools.takewhile(lambda ids: len(set(ids)) == 1, zip(*before, strict=False))
        shared[prefix] = tuple(ids[0] for ids in alike)
    found = []
    for prompt in prompts:
        more = shared[prompt.prefix]
        begin, word = prompt.begin - len(more), prompt.word - len(more)
        found.append(Prompt(prompt.prefix + more, prompt.query[len(more) :], begin, word))
    return found


def encode_texts(lm: LanguageModel, texts: Sequence[str], share: float = 1) -> list[Prompt]:
    """The beginnings of texts as prompts; the "word" is the last token read.

    Parameters
    ----------
    lm : LanguageModel
    texts : list of str
    share : float
        Of each text's tokens, at least one.

    Returns
    -------
    list of Prompt
        Without a prefix.
    """
    whole = [_opening(lm, text) for text in texts]
    cut = [ids[: max(1, round(share * len(ids)))] for ids in whole]
    return [Prompt((), ids, len(ids) - 1, len(ids) - 1) for ids in cut]


def _opening(lm, text):
    """Ids with the special tokens before, but none after."""
    ids = lm.tokenizer(text)["input_ids"]
    closed = lm.tokenizer.eos_token_id is not None and ids[-1] == lm.tokenizer.eos_token_id
    return tuple(ids[:-1] if closed else ids)


@dataclasses.dataclass(frozen=True)
class Batch:
    """Prompts that are run together.

    Parameters
    ----------
    rows : numpy.ndarray
        int (prompt,): places in the list of prompts.
    begin, word : torch.Tensor
        int64 (prompt,): places in the query of the word's first and last token.
    inputs : callable
        What the body takes, made anew at each call, since a run lengthens its cache.
    """

    rows: np.ndarray
    begin: "torch.Tensor"
    word: "torch.Tensor"
    inputs: Callable[[], dict[str, Any]]


def prompt_batches(
    lm: LanguageModel, network: "torch.nn.Module", prompts: Sequence[Prompt], size: int = BATCH
) -> Iterator[Batch]:
    """Prompts in batches that share their prefix, whose keys and values are computed once.

    Queries are padded on the right, where in a decoder they change nothing.

    Parameters
    ----------
    lm : LanguageModel
    network : torch.nn.Module
        As :func:`ilo_helpers.interventions.hooks.load_decoder` returns it.
    prompts : list of Prompt
    size : int
        Prompts a batch, at most.

    Yields
    ------
    Batch
        All of one prefix, then of the next, the shorter queries first.

    Raises
    ------
    ValueError
        If a prompt has more tokens than the model takes.
    """
    import torch

    groups: dict[tuple[int, ...], list[int]] = {}
    for row, prompt in enumerate(prompts):
        groups.setdefault(prompt.prefix, []).append(row)
        if lm.max_tokens and len(prompt.prefix) + len(prompt.query) > lm.max_tokens:
            raise ValueError(
                f"model {lm.name!r} takes {lm.max_tokens} tokens, prompt {row + 1} has "
                f"{len(prompt.prefix) + len(prompt.query)}: show fewer shots"
            )
    for prefix, members in groups.items():
        members = sorted(members, key=lambda row: len(prompts[row].query))
        cache = _cache(network, prefix)
        for first in range(0, len(members), size):
            rows = members[first : first + size]
            queries = [prompts[row].query for row in rows]
            places = [(prompts[row].begin, prompts[row].word) for row in rows]
            begin, word = torch.tensor(places, device=network.device).T
            inputs = functools.partial(_inputs, lm, network, prefix, queries, cache)
            yield Batch(np.array(rows), begin, word, inputs)


def _cache(network, prefix):
    """Keys and values of a prefix; None for an empty one."""
    import torch

    if not prefix:
        return None
    ids = torch.tensor([prefix], device=network.device)
    return network.base_model(input_ids=ids, use_cache=True).past_key_values


def _inputs(lm, network, prefix, queries, cache):
    """Padded queries, their mask with the prefix's, and a copy of its cache."""
    import torch

    longest = max(map(len, queries))
    ids = torch.full((len(queries), longest), lm.tokenizer.pad_token_id)
    mask = torch.zeros(len(queries), len(prefix) + longest, dtype=torch.long)
    for row, query in enumerate(queries):
        ids[row, : len(query)] = torch.tensor(query)
        mask[row, : len(prefix) + len(query)] = 1
    inputs = {"input_ids": ids.to(network.device), "attention_mask": mask.to(network.device)}
    if cache is not None:
        copied = copy.deepcopy(cache)
        copied.batch_repeat_interleave(len(queries))
        inputs |= {"past_key_values": copied, "use_cache": True}
    return inputs
