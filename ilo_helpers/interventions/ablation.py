"""A model without some directions at one layer: what it still holds, and what that costs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from ..activations import BATCH_TOKENS
from ..keep.labelled import in_order
from ..models import LanguageModel
from ..pooling import POOLINGS, length_batches, tokenize
from .hooks import check_layer, inference, layer_states, next_token_logits
from .subspace import Subspace

if TYPE_CHECKING:
    import torch


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
    import torch

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
        for rows in length_batches([len(ids) for ids, _ in coded], BATCH_TOKENS["cpu"]):
            batch = _padded(lm, network, [coded[row] for row in rows])
            told = np.flatnonzero(texts.index[rows].isin(list(read)))
            inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
            special = batch["special"].bool()[..., None]
            of_rows = texts["language"].iloc[rows].tolist()
            for key, subspace in settings.items():
                if subspace is None:
                    own = states = layer_states(network, inputs)
                else:
                    state = own[key[0]]
                    state = torch.where(special, state, subspace.without(state, of_rows))
                    states = layer_states(network, inputs, key[0], state)
                of = places.index[(places["removed"] == key[0]) & (places["arm"] == key[1])]
                vectors[np.ix_(of, rows)] = _pooled(states, batch, pooling)
                of_each = _losses(network, states[-1], batch, told)
                losses += [(*key, of_rows[row], *loss)
                           for row, loss in zip(told, of_each, strict=True)]  # fmt: skip
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


def _pooled(states, batch, pooling):
    """float32 (layer, sentence, hidden)."""
    import torch

    weights = POOLINGS[pooling](
        batch["attention_mask"].cpu(), (batch["special"] * batch["attention_mask"]).cpu()
    )
    weights = weights.to(states[0].device)[:, None]
    pooled = [torch.bmm(weights, state.float())[:, 0] for state in states]
    return torch.stack(pooled).cpu().numpy()


def _losses(network, last, batch, rows):
    """Tokens and summed loss of the sentences in some rows."""
    if not len(rows):
        return []
    read = batch["attention_mask"][rows, 1:].bool()
    logs = next_token_logits(network, last[rows, :-1][read]).log_softmax(-1)
    right = logs.gather(1, batch["input_ids"][rows, 1:][read][:, None])
    sizes = read.sum(1).tolist()
    sums = [-float(part.sum()) for part in right.split(sizes)]
    return list(zip(sizes, sums, strict=True))


def _mean_losses(losses):
    columns = ["removed", "arm", "language", "tokens", "loss"]
    table = pd.DataFrame(losses, columns=columns)
    sums = table.groupby(columns[:3], sort=False)[["tokens", "loss"]].sum().reset_index()
    return sums.assign(loss=sums["loss"] / sums["tokens"])


def language_probe(acts: xr.DataArray) -> pd.DataFrame:
    """Does a linear classifier tell the language, on sentences it has not seen?

    Ridge regression on the languages' indicators (scikit-learn's RidgeClassifier), of standardised
    vectors, trained on every second sentence and tried on the others, both ways round. Ours.

    Parameters
    ----------
    acts : xarray.DataArray
        Dimensions layer, language, sentence, hidden.

    Returns
    -------
    pandas.DataFrame
        layer, language, accuracy (0 to 1; by chance one over the languages).

    Raises
    ------
    ValueError
        If there is but one sentence a language.
    """
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    acts = in_order(acts)
    layers, languages, sentences, hidden = acts.shape
    if sentences < 2:
        raise ValueError(f"{sentences} sentence a language: two are needed, to train and to try")
    half = np.arange(sentences) % 2
    right = np.empty((layers, languages, sentences))
    for place, points in enumerate(acts.values.astype(np.float64)):
        for side in (0, 1):
            seen, tried = points[:, half == side], points[:, half != side]
            probe = make_pipeline(StandardScaler(), RidgeClassifier(alpha=hidden))
            probe.fit(seen.reshape(-1, hidden), np.repeat(np.arange(languages), seen.shape[1]))
            told = probe.predict(tried.reshape(-1, hidden)).reshape(languages, -1)
            right[place][:, half != side] = told == np.arange(languages)[:, None]
    coords = {"layer": acts.layer.values, "language": acts.language.values}
    accuracy = xr.DataArray(right.mean(2), coords, name="accuracy")
    return accuracy.to_dataframe().reset_index()


def changes_above(scores: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """What taking a subspace out changes in the layers above, against the model as it is.

    Parameters
    ----------
    scores : pandas.DataFrame
        Columns layer, a place of :func:`ablate`, language and value.
    places : pandas.DataFrame
        Of :func:`ablate`.

    Returns
    -------
    pandas.DataFrame
        removed, arm, layer, language, value and change; no rows for the layer of removal itself.
    """
    known = scores[["layer", "language", "value"]].rename(columns={"layer": "place"})
    known = known.join(places, on="place").drop(columns="place")
    plain = known[known["removed"] < 0].set_index(["layer", "language"])["value"].rename("plain")
    above = known[(known["removed"] >= 0) & (known["layer"] > known["removed"])]
    above = above.join(plain, on=["layer", "language"]).reset_index(drop=True)
    return above.assign(change=above["value"] - above.pop("plain"))
