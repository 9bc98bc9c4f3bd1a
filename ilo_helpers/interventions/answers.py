"""How probable a network finds names as answers, by their first tokens and as wholes."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from ..models import LanguageModel
from .batches import Prompt, encode_prompts, prompt_batches
from .hooks import inference, next_token_logits

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase


def answer_tokens(
    tokenizer: "PreTrainedTokenizerBase", names: Sequence[str]
) -> list[tuple[int, ...]]:
    """Token ids of answers as they stand in a prompt, with what closes them.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
    names : list of str

    Returns
    -------
    list of tuple of int
        Of the name, the quotation mark and the end of the line: so "Niger" is no beginning of
        "Nigeria". The first id is the name's first token.
    """

    def encode(texts):
        return tokenizer(texts, add_special_tokens=False)["input_ids"]

    # a tokenizer that puts a space before what stands alone is asked with the opening mark; one
    # that joins the mark and the name has to do without
    mark = encode(['"'])[0]
    marked, bare = (encode([f'{sign}{name}"\n' for name in names]) for sign in ('"', ""))
    return [
        tuple(with_mark[len(mark) :] if with_mark[: len(mark)] == mark else ids)
        for with_mark, ids in zip(marked, bare, strict=True)
    ]


def continued(prompt: Prompt, answer: Sequence[int]) -> Prompt:
    """A prompt with an answer after it; the answer's last token is not read, only predicted."""
    return dataclasses.replace(prompt, query=prompt.query + tuple(answer[:-1]))


def name_chances(
    network: "torch.nn.Module", last: "torch.Tensor", starts: "torch.Tensor",
    names: Sequence[Sequence[Sequence[int]]],
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Probability of names as answers, from the states at layer L.

    Parameters
    ----------
    network : torch.nn.Module
    last : torch.Tensor
        States at layer L, (prompt, token, hidden).
    starts : torch.Tensor
        int64 (prompt,): the token of each prompt that predicts a name's first.
    names : list of list of sequence of int
        Of each prompt, token ids of some names. Of names of several tokens the states must be of a
        prompt :func:`continued` by them, so there can be only one a prompt.

    Returns
    -------
    tuple of numpy.ndarray
        Of all names, one prompt's after the other's: the probability, float64, and whether each of
        the tokens is the most probable there is, bool.
    """
    flat, number, begin = [], 0, 0  # (row of the logits, token, name)
    rows: list[int] = []
    steps: list[int] = []
    for row, (start, of) in enumerate(zip(starts.tolist(), names, strict=True)):
        longest = max(map(len, of))
        rows += [row] * longest
        steps += range(start, start + longest)
        for ids in of:
            flat += [(begin + step, token, number) for step, token in enumerate(ids)]
            number += 1
        begin += longest
    logs = next_token_logits(network, last[rows, steps]).log_softmax(-1)
    place, token, of_name = np.array(flat).T
    told = logs[place, token].double().cpu().numpy()
    missed = logs.argmax(-1).cpu().numpy()[place] != token
    return np.exp(np.bincount(of_name, told)), np.bincount(of_name, missed) == 0


def answer_scores(
    lm: LanguageModel, network: "torch.nn.Module", prompts: pd.DataFrame
) -> pd.DataFrame:
    """Does the model know the answers, untouched? By first tokens and by whole names.

    Parameters
    ----------
    lm, network
        Of :func:`ilo_helpers.interventions.hooks.load_decoder`.
    prompts : pandas.DataFrame
        Of :func:`ilo_helpers.interventions.prompts.translation_prompts`, of any number of pairs of
        languages. The candidates of a prompt are all answers of its pair.

    Returns
    -------
    pandas.DataFrame
        item, source, target; first and whole, the probability of the answer's first token and of
        the whole name with its closing mark; right: whether its first token is the most probable
        of all candidates'; exact: whether each of its tokens is the most probable of all; chance:
        one over the candidates' distinct first tokens, what a guess among these would get.
    """
    answers = answer_tokens(lm.tokenizer, prompts["answer"].tolist())
    found = prompts[["item", "source", "target"]].reset_index(drop=True)
    firsts = pd.Series([ids[0] for ids in answers])
    pair = found["source"] + found["target"]
    rivals = {name: [(i,) for i in part.unique()] for name, part in firsts.groupby(pair)}
    asked = encode_prompts(lm, prompts)
    rows = [continued(prompt, ids) for prompt, ids in zip(asked, answers, strict=True)]
    told = {}
    with inference(lm):
        for batch in prompt_batches(lm, network, rows):
            last = network.base_model(**batch.inputs()).last_hidden_state
            starts = batch.word.new_tensor([len(asked[row].query) - 1 for row in batch.rows])
            names = [[answers[row], answers[row][:1], *rivals[pair[row]]] for row in batch.rows]
            chances, exact = name_chances(network, last, starts, names)
            ends = np.cumsum([0, *map(len, names)])
            for row, begin, end in zip(batch.rows, ends, ends[1:], strict=False):
                whole, first, *others = chances[begin:end]
                told[row] = (first, whole, first >= max(others), exact[begin])
    columns = ["first", "whole", "right", "exact"]
    scores = pd.DataFrame.from_dict(told, "index", columns=columns).sort_index()
    chance = [1 / len(rivals[name]) for name in pair]
    return found.join(scores).assign(chance=chance)


def beats_chance(scores: pd.DataFrame, level: float = 0.05) -> pd.DataFrame:
    """Which pairs of languages the untouched model translates better than by guessing.

    Parameters
    ----------
    scores : pandas.DataFrame
        Of :func:`answer_scores`.
    level : float
        Of a one-sided binomial test against the pair's chance level, a pair at a time.

    Returns
    -------
    pandas.DataFrame
        source, target, items (int), right and exact (shares), first and whole (mean
        probabilities), chance, p, and above (bool): whether p is below the level.
    """
    by = scores.groupby(["source", "target"], sort=False)
    told = by[["right", "exact", "first", "whole", "chance"]].mean().astype(float)
    told.insert(0, "items", by.size())
    told["p"] = [
        stats.binomtest(round(row.right * row.items), int(row.items), row.chance,
                        "greater").pvalue
        for row in told.itertuples()
    ]  # fmt: skip
    return told.assign(above=told["p"] < level).reset_index()
