"""Concept patching: the state of a word put into a prompt about another word.

The *donor* prompt asks for the translation of one concept, the *receiver* prompt for that of
another one, in languages of its own. After Dumas, Wendler, Veselovsky, Monea and West, *Separating
Tongue from Thought* (ACL 2025, arXiv 2411.08745), on names from CLDR; the arms, the chance level
and the intervals are ours.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from ..models import LanguageModel
from .answers import answer_tokens, continued, name_chances
from .batches import Prompt, encode_prompts, prompt_batches
from .hooks import check_layer, inference, layer_states
from .prompts import TEXTS, askable, translation_prompts

if TYPE_CHECKING:
    import torch

#: What may come out: which concept, and in the language that which prompt asks for.
CELLS = {
    "donor's concept, receiver's language": ("donor", "receiver"),
    "donor's concept, donor's language": ("donor", "donor"),
    "receiver's concept, receiver's language": ("receiver", "receiver"),
    "receiver's concept, donor's language": ("receiver", "donor"),
}
#: What is patched: all tokens of the word, so that none still tells the receiver's concept; its
#: last token alone; or the last token of the prompt.
PLACES = ("word", "word's end", "prompt's end")


def token_states(
    lm: LanguageModel, network: "torch.nn.Module", prompts: Sequence[Prompt], at: str = "word"
) -> np.ndarray:
    """The state of one token of each prompt, at every layer.

    Parameters
    ----------
    lm, network
        Of :func:`ilo_helpers.interventions.hooks.load_decoder`.
    prompts : list of Prompt
    at : str
        One of :data:`PLACES`; of a word its last token is read, which has seen the whole.

    Returns
    -------
    numpy.ndarray
        float32 (prompt, layer, hidden).

    Raises
    ------
    ValueError
        For another ``at``.
    """
    _check_place(at)
    states = np.empty((len(prompts), lm.layers + 1, lm.hidden), np.float32)
    with inference(lm):
        for batch in prompt_batches(lm, network, prompts):
            ends = [len(prompts[row].query) - 1 for row in batch.rows]
            place = batch.word if at != PLACES[2] else batch.word.new_tensor(ends)
            for layer, state in enumerate(layer_states(network, batch.inputs())):
                states[batch.rows, layer] = state[range(len(place)), place].float().cpu()
    return states


def _check_place(at):
    if at not in PLACES:
        raise ValueError(f"at = {at!r}: choose {', '.join(map(repr, PLACES))}")


def concept_states(
    lm: LanguageModel, network: "torch.nn.Module", lexicon: pd.DataFrame,
    pairs: Sequence[tuple[str, str]], items: Sequence[str], shots: Sequence[str], at: str = "word",
) -> xr.DataArray:  # fmt: skip
    """States of concepts in prompts of several pairs of languages.

    Parameters
    ----------
    lm, network
        Of :func:`ilo_helpers.interventions.hooks.load_decoder`.
    lexicon : pandas.DataFrame
    pairs : list of (str, str)
        FLORES codes of a prompt's source and target language.
    items, shots : list of str
        As for :func:`ilo_helpers.interventions.prompts.translation_prompts`; every item must be
        askable in every pair.
    at : str
        As for :func:`token_states`.

    Returns
    -------
    xarray.DataArray
        float32, dimensions pair (``"fra_Latn→deu_Latn"``), item, layer, hidden.

    Raises
    ------
    ValueError
        As :func:`~ilo_helpers.interventions.prompts.translation_prompts`; or if an item cannot be
        asked about in a pair.
    """
    for source, target in pairs:
        lacking = set(items) - set(askable(lexicon, source, target, items))
        if lacking:
            raise ValueError(
                f"{sorted(lacking)[0]} has no name in {source} or {target}, or one name in both; "
                "choose items with prompts.askable"
            )
    prompts = [translation_prompts(lexicon, *pair, items, shots) for pair in pairs]
    states = token_states(lm, network, encode_prompts(lm, pd.concat(prompts)), at)
    names = [arrow(*pair) for pair in pairs]
    shaped = states.reshape(len(pairs), len(items), *states.shape[1:])
    coords = {"pair": names, "item": list(items), "layer": range(lm.layers + 1)}
    return xr.DataArray(shaped, coords, ("pair", "item", "layer", "hidden"))


def arrow(source: str, target: str) -> str:
    """Name of a pair of languages, ``"fra_Latn→deu_Latn"``."""
    return f"{source}→{target}"


def pair_concepts(
    lm: LanguageModel, lexicon: pd.DataFrame, receiver: tuple[str, str], donor: tuple[str, str],
    items: Sequence[str], seed: int = 0, words: Sequence[str] = (),
) -> pd.DataFrame:  # fmt: skip
    """A donor concept for each concept, such that what comes out tells which it is.

    Of two concepts the names in both target languages must begin with tokens of their own, all
    different, and none as the donor's word does that is put in: a copy is no answer. Items for
    which there is no such partner are left out.

    Parameters
    ----------
    lm : LanguageModel
    lexicon : pandas.DataFrame
    receiver, donor : (str, str)
        Source and target language of either prompt.
    items : list of str
        Those that can be asked about in either pair are taken.
    seed : int
        Of the order in which partners are sought; each is given once.
    words : list of str
        Further languages whose words are put in: no answer in the receiver's begins as they do.

    Returns
    -------
    pandas.DataFrame
        item, donor (items) and a column for each of :data:`CELLS` that applies: token ids, tuple
        of int, of the name with what closes it. Where both prompts ask for the same language, the
        cells of the donor's language are left out.

    Raises
    ------
    ValueError
        If fewer than two concepts can be asked about in both, or none has a partner.
    """
    both = askable(lexicon, *donor, askable(lexicon, *receiver, items))
    if len(both) < 2:
        pairs = f"{arrow(*receiver)} and {arrow(*donor)}"
        raise ValueError(f"{len(both)} concept in common to {pairs}: two are needed")
    languages = {"receiver": receiver[1], "donor": donor[1]}
    languages |= {code: code for code in (donor[0], *words)}
    names = {
        who: dict(zip(both, answer_tokens(lm.tokenizer, lexicon.loc[both, code]), strict=True))
        for who, code in languages.items()
    }
    cells = {
        name: of for name, of in CELLS.items() if of[1] == "receiver" or receiver[1] != donor[1]
    }
    rng = np.random.default_rng(seed)
    free = [both[i] for i in rng.permutation(len(both))]
    rows = []
    for item in [both[i] for i in rng.permutation(len(both))]:
        for other in free:
            who = {"receiver": item, "donor": other}
            told = {name: names[of[1]][who[of[0]]] for name, of in cells.items()}
            firsts = {name: ids[0] for name, ids in told.items()}
            apart = {*firsts.values(), names[donor[0]][other][0]}
            here = {firsts[name] for name, of in cells.items() if of[1] == "receiver"}
            copies = here & {names[code][other][0] for code in words}
            if len(apart) == len(told) + 1 and not copies and item != other:
                rows.append({"item": item, "donor": other} | told)
                free.remove(other)
                break
    if not rows:
        raise ValueError(
            f"no two concepts of {arrow(*receiver)} and {arrow(*donor)} have names that begin with "
            "different tokens, none of them the donor's word: choose other pairs"
        )
    return pd.DataFrame(rows)


def patch(
    lm: LanguageModel, network: "torch.nn.Module", prompts: pd.DataFrame, states: np.ndarray,
    cells: pd.DataFrame, at: str = "word", whole: bool = False,
    layers: Sequence[int] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """What comes out when one token's state is another's, at each layer.

    One state is put in, at one layer; the tokens before the word, and what earlier blocks made of
    the word itself, stay those of the receiver.

    Parameters
    ----------
    lm, network
        Of :func:`ilo_helpers.interventions.hooks.load_decoder`.
    prompts : pandas.DataFrame
        Receivers, of :func:`ilo_helpers.interventions.prompts.translation_prompts`; those that
        begin alike run together.
    states : numpy.ndarray
        What is put into each, float (prompt, layer, hidden).
    cells : pandas.DataFrame
        A row a prompt, a column an outcome, tuples of int: token ids of a name, as in
        :func:`pair_concepts`.
    at : str
        Where: as for :func:`token_states`.
    whole : bool
        Probability of the whole name, its closing mark included, instead of its first token's;
        takes a run for each cell.
    layers : list of int, optional
        Default: all. At the last one nothing reads the word's state, and nothing changes.

    Returns
    -------
    pandas.DataFrame
        The columns of ``prompts`` but for its texts; layer, cell; before and probability, 0 to 1:
        of the cell's name without the patch and with it.

    Raises
    ------
    ValueError
        For a layer or place that is not there, states of another shape, or not a row of cells a
        prompt.
    """
    layers = list(range(lm.layers + 1) if layers is None else layers)
    _check_place(at)
    for layer in layers:
        check_layer(layer, lm.layers)
    wanted = (len(prompts), lm.layers + 1, lm.hidden)
    if np.shape(states) != wanted or len(cells) != len(prompts):
        raise ValueError(
            f"states of shape {np.shape(states)} and {len(cells)} rows of cells for {len(prompts)} "
            f"prompts: states must be {wanted}, and cells as many as prompts"
        )
    asked, names, each = encode_prompts(lm, prompts), cells.to_numpy(), np.arange(len(prompts))
    if whole:  # each prompt once for each name, which is read after it
        each = np.repeat(each, cells.shape[1])
        names = names.reshape(-1, 1)
    else:
        names = np.array([[ids[:1] for ids in row] for row in names] + [None], object)[:-1]
    rows = [asked[row] for row in each]
    chances = _patched(lm, network, rows, np.asarray(states)[each], names, at, layers)
    place, row, cell = np.indices((len(layers), *cells.shape)).reshape(3, -1)
    chances = chances.reshape(len(layers) + 1, *cells.shape)
    table = prompts.drop(columns=list(TEXTS)).iloc[row].reset_index(drop=True)
    return table.assign(
        layer=np.array(layers)[place], cell=cells.columns.to_numpy()[cell],
        before=chances[0][row, cell], probability=chances[1:].ravel(),
    )  # fmt: skip


def _patched(lm, network, rows, states, names, at, layers):
    """Chances of each row's names: without a patch, then at each layer, (1 + layer, row, name)."""
    import torch

    chances = np.empty((1 + len(layers), len(rows), len(names[0])))
    asked = [continued(row, max(of, key=len)) for row, of in zip(rows, names, strict=True)]
    starts = torch.tensor([len(row.query) - 1 for row in rows], device=network.device)
    with inference(lm):
        for batch in prompt_batches(lm, network, asked):
            start, of = starts[batch.rows], [names[row] for row in batch.rows]
            own = layer_states(network, batch.inputs())
            given = torch.tensor(states[batch.rows]).to(own[0])
            put = _put(own[0], batch, start, at)
            lasts = [own[-1]]
            for layer in layers:
                state = torch.where(put, given[:, layer, None], own[layer])
                lasts.append(layer_states(network, batch.inputs(), layer, state)[-1])
            # all layers at once: the head's matrix is the largest there is, and read once
            told, _ = name_chances(
                network, torch.cat(lasts), start.repeat(len(lasts)), of * len(lasts)
            )
            chances[:, batch.rows] = told.reshape(len(lasts), len(of), -1)
    return chances


def _put(state, batch, start, at):
    """Which tokens are patched, bool (prompt, token, 1)."""
    import torch

    first, last = {
        "word": (batch.begin, batch.word), "word's end": (batch.word, batch.word),
        "prompt's end": (start, start),
    }[at]  # fmt: skip
    place = torch.arange(state.shape[1], device=state.device)
    return ((place >= first[:, None]) & (place <= last[:, None]))[..., None]
