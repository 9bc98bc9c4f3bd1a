"""The logit lens by language: what would a layer say, were it the last?

Each layer's state is read through the final norm and the head (nostalgebraist 2020), and its
likely tokens are counted by language, as Wendler, Veselovsky, Monea and West, *Do Llamas Work in
English?* (ACL 2024, arXiv 2402.10588) did. The control, a linear map to the last layer, is ours.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from ..models import LanguageModel, find_blocks
from ..vocabulary.tokens import find_pieces
from .answers import answer_tokens
from .batches import Prompt, prompt_batches
from .hooks import inference, layer_states, next_token_logits

if TYPE_CHECKING:
    import torch

#: What a token can be of, in concept_groups.
GROUPS = ("own language", "English", "the prompt's word", "other languages")
#: Added to the diagonal of the translators' normal equations, relative to its mean; ours.
RIDGE = 1e-3


def final_norm(network: "torch.nn.Module", layers: int) -> "torch.nn.Module":
    """The norm after the last block: the last one beside the list of blocks.

    Parameters
    ----------
    network : torch.nn.Module
    layers : int
        Number of blocks.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ValueError
        If there is none.
    """
    blocks = find_blocks(network, layers)
    for module in network.modules():
        children = list(module.children())
        if any(child is blocks for child in children):
            norms = [child for child in children if "norm" in type(child).__name__.lower()]
            if norms:
                return norms[-1]
    raise ValueError(
        f"{type(network).__name__} has no norm beside its blocks: the lens cannot read its layers"
    )


def decoded(
    lm: LanguageModel, network: "torch.nn.Module", states: np.ndarray,
    translators: np.ndarray | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray, "torch.Tensor"]]:  # fmt: skip
    """Next-token probabilities of every layer's states, a few at a time, of whichever layers.

    Parameters
    ----------
    lm, network
        Of :func:`ilo_helpers.interventions.hooks.load_decoder`.
    states : numpy.ndarray
        float (prompt, layer, hidden), :func:`ilo_helpers.interventions.patching.token_states`.
    translators : numpy.ndarray, optional
        Of :func:`fit_translators`, in place of the final norm.

    Yields
    ------
    tuple of numpy.ndarray and torch.Tensor
        Prompts and layers of some states, int64 (state,), and the probabilities, float32
        (state, vocabulary).
    """
    import torch

    norm = final_norm(network, lm.layers)
    kind = network.get_output_embeddings().weight
    with inference(lm):
        last = torch.tensor(states).to(kind)
        for layer in range(lm.layers):
            if translators is None:
                last[:, layer] = norm(last[:, layer])
            else:
                turn = torch.tensor(translators[layer]).to(kind)
                last[:, layer] = last[:, layer] @ turn[:-1] + turn[-1]
    # the head's matrix is the largest there is: read once for many states, of whichever layer
    rows, layers = np.indices((len(states), lm.layers + 1)).reshape(2, -1)
    for part in np.array_split(np.arange(len(rows)), -(-len(rows) // 64)):
        of = rows[part], layers[part]
        with inference(lm):
            chances = next_token_logits(network, last[of]).softmax(-1)
        yield *of, chances


def group_shares(
    lm: LanguageModel, network: "torch.nn.Module", states: np.ndarray, groups: pd.DataFrame,
    translators: np.ndarray | None = None,
) -> xr.DataArray:  # fmt: skip
    """How much probability each layer gives to groups of tokens, those of each prompt's own.

    Parameters
    ----------
    lm, network, states, translators
        As for :func:`decoded`.
    groups : pandas.DataFrame
        A row a prompt, a column a group: sets of token ids, no id in two groups of a row.

    Returns
    -------
    xarray.DataArray
        float64 (prompt, layer, group), 0 to 1; the last group, ``"none"``, is the rest.
    """
    shares = np.empty((len(states), lm.layers + 1, groups.shape[1] + 1))
    for rows, layers, chances in decoded(lm, network, states, translators):
        for row, layer, chance in zip(rows, layers, chances, strict=True):
            parts = [float(chance[list(ids)].sum()) for ids in groups.iloc[row]]
            shares[row, layer] = [*parts, 1 - sum(parts)]
    coords = {"layer": range(lm.layers + 1), "group": [*groups, "none"]}
    return xr.DataArray(shares, coords, ("prompt", "layer", "group"))


def category_shares(
    lm: LanguageModel, network: "torch.nn.Module", states: np.ndarray, categories: pd.Series,
    translators: np.ndarray | None = None,
) -> xr.DataArray:  # fmt: skip
    """How much probability each layer gives to each category of tokens.

    Parameters
    ----------
    lm, network, states, translators
        As for :func:`decoded`.
    categories : pandas.Series
        By token id: of :func:`ilo_helpers.vocabulary.tokens.token_categories`, or any other.

    Returns
    -------
    xarray.DataArray
        float64 (prompt, layer, category), 0 to 1. Ids without a category (rows of the matrix
        without a token) count for none.
    """
    import torch

    codes, names = pd.factorize(categories)
    shares = np.empty((len(states), lm.layers + 1, len(names)))
    of = torch.full((network.get_output_embeddings().weight.shape[0],), len(names))
    of[torch.tensor(categories.index.to_numpy())] = torch.tensor(codes)
    for rows, layers, chances in decoded(lm, network, states, translators):
        sums = chances.new_zeros(len(rows), len(names) + 1)
        sums.index_add_(1, of.to(chances.device), chances)
        shares[rows, layers] = sums[:, :-1].cpu()
    coords = {"layer": range(lm.layers + 1), "category": list(names)}
    return xr.DataArray(shares, coords, ("prompt", "layer", "category"))


def script_kinds(shares: xr.DataArray, scripts: Sequence[str]) -> pd.DataFrame:
    """Shares of categories as those of each prompt's own script, of Latin, of others, of none.

    Parameters
    ----------
    shares : xarray.DataArray
        Of :func:`category_shares`, categories without parity.
    scripts : list of str
        Of each prompt's text, as categories name them: ``"CYRILLIC"``.

    Returns
    -------
    pandas.DataFrame
        prompt, layer, kind, share. Numbers, punctuation, special and byte tokens are of no script.
    """
    table = shares.to_dataframe("share").reset_index()
    category = table["category"]
    letters = (category.str.len() > 1) & ~category.isin(["SPECIAL", "BYTE", "UNDECODABLE"])
    own = category == np.array(scripts)[table["prompt"]]
    kinds = ["own script", "Latin", "other scripts"]
    table["kind"] = np.select([own, category == "LATIN", letters], kinds, "no script")
    return table.groupby(["prompt", "layer", "kind"], sort=False)["share"].sum().reset_index()


def concept_groups(lm: LanguageModel, lexicon: pd.DataFrame, prompts: pd.DataFrame) -> pd.DataFrame:
    """Tokens with which the asked concept's name begins: in the answer's language, and in others.

    As it stands after the opening mark and after a space. A token of several groups counts for the
    first of them.

    Parameters
    ----------
    lm : LanguageModel
    lexicon : pandas.DataFrame
        English among its languages.
    prompts : pandas.DataFrame
        Of :func:`ilo_helpers.interventions.prompts.translation_prompts`.

    Returns
    -------
    pandas.DataFrame
        Index that of ``prompts``, columns :data:`GROUPS`: sets of token ids. Left out are prompts
        in which two of answer, English name and the word that is asked about begin alike, and
        those that ask for English.

    Raises
    ------
    ValueError
        If the lexicon lacks English.
    """
    if "eng_Latn" not in lexicon:
        raise ValueError("the lexicon lacks eng_Latn: add it")
    names = lexicon.loc[prompts["item"].unique()]
    begins = pd.DataFrame(
        {code: _beginnings(lm.tokenizer, names[code]) for code in names}, index=names.index
    )
    rows = {}
    for row in prompts.itertuples():
        of = begins.loc[row.item]
        own, english, asked = of[row.target], of["eng_Latn"], of[row.source]
        if not (own & english or own & asked or english & asked):
            rows[row.Index] = (own, english, asked, set().union(*of) - own - english - asked)
    return pd.DataFrame.from_dict(rows, "index", columns=list(GROUPS))


def _beginnings(tokenizer, names):
    """First tokens of names, a set each; empty where there is no name."""
    bare = answer_tokens(tokenizer, names.tolist())
    spaced = find_pieces(tokenizer, names)
    return [
        {a[0], *b[:1]} if name else set() for name, a, b in zip(names, bare, spaced, strict=True)
    ]


def fit_translators(
    lm: LanguageModel, network: "torch.nn.Module", texts: Sequence[Prompt]
) -> np.ndarray:
    """Linear maps from each layer's states to the last one's, by least squares (our control).

    A layer may hold what the last one says, but in directions of its own, in which the logit lens
    reads nothing. The tuned lens (Belrose et al. 2023, arXiv 2303.08112) trains such maps on the
    model's predictions; these are fitted to its last states in closed form, with a small ridge
    (:data:`RIDGE`), as Din et al. 2023 (arXiv 2303.09435) did without one.

    Parameters
    ----------
    lm, network
        Of :func:`ilo_helpers.interventions.hooks.load_decoder`.
    texts : list of Prompt
        Of :func:`ilo_helpers.interventions.batches.encode_texts`; not those that are then decoded.
        The first token, whose state is often of another size, is left out.

    Returns
    -------
    numpy.ndarray
        float32 (layer, hidden + 1, hidden), the last row the constant; of layers 0 to L − 1.

    Raises
    ------
    ValueError
        If there are fewer tokens than hidden dimensions.
    """
    import torch

    tokens = sum(len(text.query) - 1 for text in texts)
    if tokens <= lm.hidden:
        raise ValueError(f"{tokens} tokens for {lm.hidden} dimensions: give more texts")
    wide = lm.hidden + 1
    gram = torch.zeros(lm.layers, wide, wide, dtype=torch.float64)
    cross = torch.zeros(lm.layers, wide, lm.hidden, dtype=torch.float64)
    for batch in prompt_batches(lm, network, texts):
        with inference(lm):
            inputs = batch.inputs()
            read = inputs["attention_mask"].bool()
            read[:, 0] = False
            states = torch.stack([each[read] for each in layer_states(network, inputs)]).float()
            ones = states.new_ones(*states.shape[:2], 1)
            known = torch.cat([states, ones], -1)
            for layer in range(lm.layers):
                gram[layer] += (known[layer].T @ known[layer]).cpu()
                cross[layer] += (known[layer].T @ states[-1]).cpu()
    scale = RIDGE * gram.diagonal(dim1=1, dim2=2)[:, :-1].mean(1)
    for layer, each in enumerate(scale):
        gram[layer].diagonal()[:-1].add_(each)
    return torch.linalg.solve(gram, cross).float().numpy()
