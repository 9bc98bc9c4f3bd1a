"""A table of token embeddings trained alone, until names and their translations meet.

No block of the model takes part: a name's vector is the mean of its tokens' rows.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from ..models import LanguageModel
from ..training.objectives import answer_losses, causal_model, collate

#: Cosines are divided by it before InfoNCE's softmax (van den Oord et al. 2018).
TEMPERATURE = 0.05
#: Pairs of names in a step: each name's translation is told from those of the other pairs.
BATCH = 256


def shuffled_names(pieces: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The same names in each language, each given to another item at random: the control.

    As many pairs, of the same languages and tokens, but no translations.

    Parameters
    ----------
    pieces : pandas.DataFrame
        Items × languages, each cell a list of token ids, empty where there is no name.
    seed : int

    Returns
    -------
    pandas.DataFrame
        Of the same shape; a cell that was empty is empty still.
    """
    rng, cells = np.random.default_rng(seed), pieces.to_numpy(copy=True)
    for column in cells.T:
        there = np.flatnonzero([len(ids) for ids in column])
        column[there] = column[rng.permutation(there)]
    return pd.DataFrame(cells, pieces.index, pieces.columns)


def train_table(
    rows: xr.DataArray, pieces: pd.DataFrame, doses: Sequence[int], rate: float, seed: int = 0
) -> Iterator[tuple[int, xr.DataArray]]:
    """Turn the rows of names' tokens until a name points where its translations point.

    InfoNCE, both ways: in each step :data:`BATCH` items are drawn, two languages for each; of
    all the second names the item's own is to be the nearest to the first, by cosine. Adam on
    the rows of the step alone: tokens of no name stay as they were. Our definition.

    Parameters
    ----------
    rows : xarray.DataArray
        (token, hidden) of length 1, with a coordinate ``id``; it is left as it is.
    pieces : pandas.DataFrame
        As in :func:`shuffled_names`.
    doses : list of int
        Steps after which the rows are handed out.
    rate : float
        Of Adam.
    seed : int
        Of the items and languages drawn.

    Yields
    ------
    steps : int
    moved : xarray.DataArray
        The rows of the names' tokens only, float32, of length 1; ``id`` says which.

    Raises
    ------
    ValueError
        If fewer than :data:`BATCH` items have names in two languages.
    """
    import torch
    from torch.nn.functional import cross_entropy, normalize

    cells, there = pieces.to_numpy(), pieces.map(len).to_numpy() > 0
    items = np.flatnonzero(there.sum(axis=1) >= 2)
    if len(items) < BATCH:
        raise ValueError(
            f"{len(items)} items have names in two languages, a step takes {BATCH}: take more "
            "languages, or a lexicon of more items"
        )
    known = np.unique(np.concatenate(cells[there])).astype(int)
    start = torch.tensor(rows.values[np.searchsorted(rows["id"].values, known)])
    table = torch.nn.Embedding.from_pretrained(start, freeze=False, sparse=True)
    adam = torch.optim.SparseAdam(table.parameters(), lr=rate)
    rng, own = np.random.default_rng(seed), torch.arange(BATCH)
    for step in range(1, max(doses) + 1):
        drawn = rng.choice(items, BATCH, replace=False)
        # two languages that the item has: those of the greatest random numbers
        order = np.where(there[drawn], rng.random((BATCH, there.shape[1])), -1).argsort(axis=1)
        first, second = (_vectors(table, cells[drawn, order[:, i]], known) for i in (-1, -2))
        score = first @ second.T / TEMPERATURE
        adam.zero_grad()
        (cross_entropy(score, own) + cross_entropy(score.T, own)).div(2).backward()
        adam.step()
        if step in doses:
            moved = normalize(table.weight.detach(), dim=1).numpy()
            yield step, xr.DataArray(moved, {"id": ("token", known)}, ("token", "hidden"))


def _vectors(table, names, known):
    """A vector a name, of length 1: the mean of its tokens' rows, each of length 1."""
    import torch
    from torch.nn.functional import normalize

    each = normalize(table(torch.tensor(np.searchsorted(known, np.concatenate(names)))), dim=1)
    name = torch.repeat_interleave(torch.tensor([len(ids) for ids in names]))
    return normalize(each.new_zeros(len(names), each.shape[1]).index_add(0, name, each), dim=1)


def losses_with_rows(
    lm: LanguageModel, texts: Sequence[str]
) -> Callable[[xr.DataArray], np.ndarray]:
    """What a causal language model loses on a few texts when rows of its table are turned.

    Parameters
    ----------
    lm : LanguageModel
        Where its head is tied to the table, the head is turned with it.
    texts : list of str
        Read in one batch.

    Returns
    -------
    callable
        From ``moved`` (of :func:`train_table`; each row is given the length of the row it
        replaces; the same tokens at every call, or the earlier ones stay turned) to the mean
        loss of each text, float array, nats a token.
    """
    import torch

    network = causal_model(lm)
    ids = [lm.tokenizer(text)["input_ids"] for text in texts]
    batch = collate(lm, [(each[:1], each[1:]) for each in ids])  # the rest as answer to the first
    weight, tokens = network.get_input_embeddings().weight, (batch["labels"] >= 0).sum(1)

    @torch.inference_mode()
    def losses(moved):
        places = torch.tensor(moved["id"].values)
        lengths = torch.linalg.vector_norm(weight[places], dim=1, keepdim=True)
        weight[places] = torch.tensor(moved.values).to(weight) * lengths
        return (answer_losses(network, batch).sum(1) / tokens).cpu().numpy()

    return losses
