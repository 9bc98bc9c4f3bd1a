"""Directions in which languages differ, taken out of the hidden states while the model runs."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from ..models import LanguageModel
from ..pooling import POOLINGS, length_batches, tokenize
from .hooks import check_layer, inference, next_token_logits, run

if TYPE_CHECKING:
    import torch

#: What is taken out: the languages' means, what tells them apart best, and two controls.
ARMS = ("means", "LDA", "random", "equal variance")
#: Padded tokens of one batch.
BATCH_TOKENS = 512


@dataclasses.dataclass(frozen=True)
class Subspace:
    """Directions, and the point around which they are taken out.

    Parameters
    ----------
    basis : numpy.ndarray
        float64 (hidden, directions), orthonormal.
    centre : numpy.ndarray
        float64 (hidden,).
    variance : float
        Share of the vectors' variance that lies in the directions, 0 to 1.
    """

    basis: np.ndarray
    centre: np.ndarray
    variance: float

    def without(self, states: Any) -> Any:
        """States with their part in the directions that of the centre.

        Parameters
        ----------
        states : numpy.ndarray or torch.Tensor
            (…, hidden).

        Returns
        -------
        numpy.ndarray or torch.Tensor
            What is left of their difference from the centre is orthogonal to the directions; a
            second time nothing changes.
        """
        basis, centre = self.basis, self.centre
        if not isinstance(states, np.ndarray):
            basis, centre = (states.new_tensor(part) for part in (basis, centre))
        return states - ((states - centre) @ basis) @ basis.T


def find_subspace(
    points: np.ndarray, arm: str = "means", directions: int | None = None, seed: int = 0
) -> Subspace:
    """Directions between languages, or a control with as many (ours).

    Parameters
    ----------
    points : numpy.ndarray
        float (language, sentence, hidden), vectors of one layer.
    arm : str
        One of :data:`ARMS`. ``"means"``: the leading directions between the languages' means.
        ``"LDA"``: those of linear discriminant analysis, which weighs directions by how little a
        language varies in them (scikit-learn's, covariance shrunk after Ledoit and Wolf 2004).
        ``"random"``: any. ``"equal variance"``: of the principal directions within languages,
        orthogonal to those between the means, as many successive ones as hold most nearly the
        variance that these hold.
    directions : int, optional
        At most, and by default, one fewer than languages.
    seed : int
        Of the random ones.

    Returns
    -------
    Subspace
        Around the mean of all vectors.

    Raises
    ------
    ValueError
        For an unknown arm, or a number of directions that there is not.
    """
    points = np.asarray(points, np.float64)
    languages, sentences, hidden = points.shape
    k = languages - 1 if directions is None else directions
    if arm not in ARMS:
        raise ValueError(f"arm {arm!r}: choose {', '.join(map(repr, ARMS))}")
    if not 1 <= k < min(languages, hidden) or sentences < 2:
        raise ValueError(
            f"{k} directions of {languages} languages with {sentences} sentences: there are 1 to "
            f"{languages - 1}, and two sentences are needed"
        )
    flat, centre = points.reshape(-1, hidden), points.mean((0, 1))
    spread = flat - centre
    total = np.square(spread).sum()
    between = np.linalg.svd(points.mean(1) - centre, full_matrices=False)[2][:k].T
    if arm == "means":
        basis = between
    elif arm == "LDA":
        basis = _discriminants(flat, np.repeat(np.arange(languages), sentences), k)
    elif arm == "random":
        basis = np.linalg.qr(np.random.default_rng(seed).normal(size=(hidden, k)))[0]
    else:
        basis = _like_spread(points, spread, between)
    return Subspace(basis, centre, float(np.square(spread @ basis).sum() / total))


def _discriminants(flat, labels, k):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    found = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto").fit(flat, labels)
    return np.linalg.qr(found.scalings_[:, :k])[0]


def _like_spread(points, spread, between):
    """Principal directions within languages, beside ``between``, that hold as much of the spread."""
    inner = (points - points.mean(1, keepdims=True)).reshape(len(spread), -1)
    inner = inner - (inner @ between) @ between.T
    values, axes = np.linalg.svd(inner, full_matrices=False)[1:]
    axes, k = axes[values > 1e-9 * values[0]], between.shape[1]  # others are any directions
    held = np.square(spread @ axes.T).sum(0)
    windows = np.convolve(held, np.ones(k), "valid")  # of k successive directions
    first = np.abs(windows - np.square(spread @ between).sum()).argmin()
    return axes[first : first + k].T


def ablate(
    lm: LanguageModel, network: "torch.nn.Module", corpus: pd.DataFrame,
    subspaces: Mapping[tuple[int, str], Subspace], pooling: str = "mean",
    read: Sequence[str] = (),
) -> tuple[xr.DataArray, pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Sentence vectors, and the loss, of a model without a subspace at one layer.

    Taken out of every token but the special ones, in the forward pass, so that all later blocks
    work on what is left.

    Parameters
    ----------
    lm, network
        Of :func:`ilo_helpers.interventions.hooks.load_decoder`.
    corpus : pandas.DataFrame
        Sentences × languages; others than the subspaces were found on.
    subspaces : dict of (int, str) to Subspace
        By the layer where each is taken out, and its arm.
    pooling : str
        As for :func:`ilo_helpers.extract_activations`.
    read : list of str
        Sentences whose language-model loss is measured; the head is slow.

    Returns
    -------
    acts : xarray.DataArray
        float32 (layer, language, sentence, hidden), for the functions that take activations, but
        "layer" is a place in ``places``.
    places : pandas.DataFrame
        removed (the layer where the subspace was taken out, −1 for the model as it is), arm
        (``"as it is"`` there) and layer (where the vectors are from: there or above).
    losses : pandas.DataFrame
        removed, arm, language, tokens, loss (nats a token).

    Raises
    ------
    ValueError
        For a layer or sentence that is not there.
    """
    for layer, _ in subspaces:
        check_layer(layer, lm.layers)
    if lost := [sentence for sentence in read if sentence not in corpus.index]:
        raise ValueError(f"the corpus has no sentence {lost[0]!r} to measure the loss on")
    texts = corpus.melt(ignore_index=False, var_name="language", value_name="text")
    coded = [pair for code in corpus for pair in tokenize(lm, corpus[code])]
    settings = {(-1, "as it is"): None} | dict(subspaces)
    places = pd.DataFrame(
        [(*key, layer) for key in settings for layer in range(max(key[0], 0), lm.layers + 1)],
        columns=["removed", "arm", "layer"],
    )
    vectors = np.empty((len(places), len(coded), lm.hidden), np.float32)
    losses = []
    with inference(lm):
        for rows in length_batches([len(ids) for ids, _ in coded], BATCH_TOKENS):
            batch = _padded(lm, network, [coded[row] for row in rows])
            told = np.flatnonzero(texts.index[rows].isin(list(read)))
            own = None
            for key, subspace in settings.items():
                states = _states(lm, network, batch, own, key[0], subspace)
                own = states if own is None else own
                of = places.index[(places["removed"] == key[0]) & (places["arm"] == key[1])]
                vectors[np.ix_(of, rows)] = _pooled(states, batch, pooling)
                losses += [(*key, texts["language"].iloc[rows[row]], *loss)
                           for row, loss in _losses(network, states[-1], batch, told)]  # fmt: skip
    shape = (len(places), corpus.shape[1], len(corpus), lm.hidden)
    coords = {"layer": range(len(places)), "language": list(corpus), "sentence": list(corpus.index)}
    acts = xr.DataArray(vectors.reshape(shape), coords, (*coords, "hidden"), attrs=dict(lm.attrs))
    return acts, places, _mean_losses(losses)


def _padded(lm, network, sentences):
    """Ids, mask and special-token mask of a batch, padded on the right."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    def padded(rows, filler):
        tensors = [torch.tensor(row) for row in rows]
        return pad_sequence(tensors, True, filler).to(network.device)

    ids = [ids for ids, _ in sentences]
    return {
        "input_ids": padded(ids, lm.tokenizer.pad_token_id),
        "attention_mask": padded([[1] * len(row) for row in ids], 0),
        "special": padded([special for _, special in sentences], 1),
    }


def _states(lm, network, batch, own, removed, subspace):
    """States at the layer of removal and above, a list; of all layers where nothing is removed."""
    import torch

    kept, inputs = {}, {name: batch[name] for name in ("input_ids", "attention_mask")}
    changes = {layer: _keep(kept, layer) for layer in range(max(removed, 0), lm.layers + 1)}
    if subspace is not None:
        state = own[removed]
        state = torch.where(batch["special"].bool()[..., None], state, subspace.without(state))
        kept[removed] = state
        changes[removed] = lambda _: state
    run(network, inputs, changes, max(removed, 0))
    return [kept[layer] for layer in sorted(kept)]


def _keep(kept, layer):
    def keep(state):
        kept[layer] = state

    return keep


def _pooled(states, batch, pooling):
    """float32 (layer, sentence, hidden)."""
    import torch

    weights = POOLINGS[pooling](batch["attention_mask"].cpu(), _special(batch).cpu())
    weights = weights.to(states[0].device)[:, None]
    pooled = [torch.bmm(weights, state.float())[:, 0] for state in states]
    return torch.stack(pooled).cpu().numpy()


def _special(batch):
    """1 for special tokens, without the padding, as poolings want it."""
    return batch["special"] * batch["attention_mask"]


def _losses(network, last, batch, rows):
    """(row, (tokens, summed loss)) of the sentences in some rows."""
    for row in rows:
        size = int(batch["attention_mask"][row].sum())
        logs = next_token_logits(network, last[row, : size - 1]).log_softmax(-1)
        right = logs.gather(1, batch["input_ids"][row, 1:size, None])
        yield row, (size - 1, -float(right.sum()))


def _mean_losses(losses):
    columns = ["removed", "arm", "language", "tokens", "loss"]
    table = pd.DataFrame(losses, columns=columns)
    sums = table.groupby(columns[:3], sort=False)[["tokens", "loss"]].sum().reset_index()
    return sums.assign(loss=sums["loss"] / sums["tokens"])
