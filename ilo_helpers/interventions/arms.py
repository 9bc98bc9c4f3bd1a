"""The arms of concept patching."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..models import LanguageModel
from .batches import encode_prompts
from .patching import arrow, concept_states, pair_concepts, patch, token_states
from .prompts import askable, translation_prompts

if TYPE_CHECKING:
    import torch

#: What is put into the receiver: the state of the donor's concept in a prompt of the same pair of
#: languages; in one of another pair; the mean of several pairs; and two controls: the mean of as
#: many states, each of another concept; and that of the receiver's own concept in its own prompt,
#: which changes nothing but that the word's last token stands on all of its tokens.
ARMS = ("same pair", "another pair", "mean of pairs", "mean, concepts mixed", "own word")


def patch_arms(
    lm: LanguageModel, network: "torch.nn.Module", lexicon: pd.DataFrame,
    receiver: tuple[str, str], donors: Sequence[tuple[str, str]], items: Sequence[str],
    shots: Sequence[str], arms: Sequence[str] = ARMS, at: str = "word", count: int = 10,
    seed: int = 0, whole: bool = False,
) -> pd.DataFrame:  # fmt: skip
    """Patch one pair of languages from others, the same concepts in every arm.

    Parameters
    ----------
    lm, network
        Of :func:`ilo_helpers.interventions.hooks.load_decoder`.
    lexicon : pandas.DataFrame
    receiver : (str, str)
        Source and target language of the prompts that are patched.
    donors : list of (str, str)
        Of the prompts whose states are taken; the first is ``"another pair"``.
    items, shots : list of str
        Concepts to ask about, of which those are taken that can be asked about in all pairs, and
        to show.
    arms : list of str
        Of :data:`ARMS`.
    at : str
        What is patched, of :data:`ilo_helpers.interventions.patching.PLACES`.
    count : int
        Receiver's concepts at most.
    seed : int
        Of the partners.
    whole : bool
        As for :func:`ilo_helpers.interventions.patching.patch`.

    Returns
    -------
    pandas.DataFrame
        arm, donors (the pairs, joined by ``+``), donor (the item whose name is the donor's
        concept) and the columns of :func:`ilo_helpers.interventions.patching.patch`.

    Raises
    ------
    ValueError
        For an unknown arm; for no donor, or fewer concepts in common than a mixed mean needs; as
        :func:`~ilo_helpers.interventions.patching.pair_concepts`.
    """
    if not donors or (unknown := [arm for arm in arms if arm not in ARMS]):
        what = "no donor" if not donors else f"arm {unknown[0]!r}"
        raise ValueError(f"{what}: give a pair of languages, and arms of {', '.join(ARMS)}")
    for pair in [receiver, *donors]:
        items = askable(lexicon, *pair, items)
    pairs = [receiver, *donors] if {"same pair", "own word"} & set(arms) else list(donors)
    words = [pair[0] for pair in pairs]
    cells = pair_concepts(lm, lexicon, receiver, donors[0], items, seed, words)[:count]
    given, own = cells["donor"].tolist(), cells["item"].tolist()
    # a mix draws from all concepts; the other arms take those of the prompts alone
    wanted = items if "mean, concepts mixed" in arms else sorted({*given, *own})
    states = concept_states(lm, network, lexicon, pairs, wanted, shots, at)
    others = states.sel(pair=[arrow(*pair) for pair in donors])
    taken = {
        "same pair": lambda: states.sel(pair=arrow(*receiver), item=given),
        "another pair": lambda: others[0].sel(item=given),
        "mean of pairs": lambda: others.mean("pair").sel(item=given),
        "mean, concepts mixed": lambda: _mixed(others, cells, seed),
        "own word": lambda: states.sel(pair=arrow(*receiver), item=own),
    }
    prompts = translation_prompts(lexicon, *receiver, own, shots)
    asks = []
    for arm in arms:
        of = {"another pair": donors[:1]}.get(arm, donors)
        of = [receiver] if arm in ("same pair", "own word") else of
        labels = {"arm": arm, "donors": "+".join(arrow(*pair) for pair in of), "donor": given}
        asks.append((prompts.assign(**labels), taken[arm]().values, cells))
    return _patch_together(lm, network, asks, at, whole)


def patch_pairs(
    lm: LanguageModel, network: "torch.nn.Module", lexicon: pd.DataFrame, pairs: pd.DataFrame,
    items: Sequence[str], shots: Sequence[str], at: str = "word", count: int = 10, seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Patch many pairs of languages, each from one other pair; faster together than one by one.

    Parameters
    ----------
    lm, network
        Of :func:`ilo_helpers.interventions.hooks.load_decoder`.
    lexicon : pandas.DataFrame
    pairs : pandas.DataFrame
        A row a pair: columns receiver and donor, (source, target) each, and any that label it.
    items, shots : list of str
        As for :func:`patch_arms`.
    at : str
    count : int
        Receiver's concepts at most, in each pair.
    seed : int

    Returns
    -------
    pandas.DataFrame
        As :func:`patch_arms`, with the labels in place of arm.

    Raises
    ------
    ValueError
        If a donor asks for its receiver's language; as
        :func:`~ilo_helpers.interventions.patching.pair_concepts`.
    """
    given = []
    for row in pairs.itertuples():
        if row.donor[1] == row.receiver[1]:
            raise ValueError(
                f"{arrow(*row.donor)} asks for the receiver's language: choose another donor, or "
                "nothing tells whose language comes out"
            )
        cells = pair_concepts(lm, lexicon, row.receiver, row.donor, items, seed)
        given.append(cells[:count])
    asked = pd.concat([
        translation_prompts(lexicon, source, target, cells["donor"].tolist(), shots)
        for (source, target), cells in zip(pairs["donor"], given, strict=True)
    ])  # fmt: skip
    unique = asked.drop_duplicates(["item", "source", "target"]).reset_index(drop=True)
    states = token_states(lm, network, encode_prompts(lm, unique), at)
    place = pd.MultiIndex.from_frame(unique[["source", "target", "item"]])
    asks = []
    for (_, labels), cells in zip(pairs.iterrows(), given, strict=True):
        source, target = labels["receiver"]
        prompts = translation_prompts(lexicon, source, target, cells["item"].tolist(), shots)
        told = labels.drop(["receiver", "donor"]).to_dict()
        told |= {"donors": arrow(*labels["donor"]), "donor": cells["donor"].tolist()}
        rows = place.get_indexer([(*labels["donor"], item) for item in cells["donor"]])
        asks.append((prompts.assign(**told), states[rows], cells))
    return _patch_together(lm, network, asks, at)


def _patch_together(lm, network, asks, at, whole=False):
    """One table of several (prompts, states, cells); prompts that begin alike share batches."""
    prompts, states, cells = zip(*asks, strict=True)
    outcomes = pd.concat([each.drop(columns=["item", "donor"]) for each in cells])
    told = patch(
        lm, network, pd.concat(prompts, ignore_index=True), np.concatenate(states),
        outcomes, at, whole,
    )  # fmt: skip
    return told.sort_values(["source", "target"], kind="stable", ignore_index=True)


def _mixed(states, cells, seed):
    """Of each row, the mean of one state a pair, each of a concept that is neither of the two."""
    rng = np.random.default_rng(seed)
    rows, items = [], states["item"].values
    for item, donor in zip(cells["item"], cells["donor"], strict=True):
        free = items[~np.isin(items, [item, donor])]
        if len(free) < len(states):
            raise ValueError(
                f"{len(items)} concepts in common are too few to mix {len(states)} pairs: give "
                "more items, or fewer donors"
            )
        drawn = rng.choice(free, len(states), replace=False)
        rows.append([states[place].sel(item=each) for place, each in enumerate(drawn)])
    means = np.array([[state.values for state in row] for row in rows]).mean(1)
    return states[0].sel(item=cells["donor"].tolist()).copy(data=means)
