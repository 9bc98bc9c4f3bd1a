import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from transformers import AutoModelForCausalLM

from ilo_helpers import load_model
from ilo_helpers.vocabulary import contrastive
from ilo_helpers.vocabulary.contrastive import losses_with_rows, shuffled_names, train_table
from ilo_helpers.vocabulary.geometry import unit_rows
from ilo_helpers.vocabulary.tokens import load_token_embeddings


@pytest.fixture(autouse=True)
def _small_batch(monkeypatch):
    monkeypatch.setattr(contrastive, "BATCH", 8)


def made():
    """12 items in 3 languages, a token or two each; 4 tokens of no name."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(64, 16)).astype(np.float32)
    coords = {"id": ("token", np.arange(64) * 2)}
    rows = xr.DataArray(rows / np.linalg.norm(rows, axis=1)[:, None], coords, ("token", "hidden"))
    names = {
        language: [[at + 2 * i] + [at + 24 + 2 * (i % 8)] * (i % 2) for i in range(12)]
        for language, at in {"a": 0, "b": 40, "c": 80}.items()
    }
    return rows, pd.DataFrame(names)


def cosines(rows, pieces):
    """Mean cosine of names of one item, and of names of different ones, in two languages."""
    by_id = dict(zip(rows["id"].values, rows.values, strict=True))
    a, b = (np.array([np.mean([by_id[i] for i in ids], axis=0) for ids in pieces[language]])
            for language in "ab")  # fmt: skip
    a, b = (each / np.linalg.norm(each, axis=1)[:, None] for each in (a, b))
    score = a @ b.T
    own = np.trace(score) / 12
    return own, (score.sum() - 12 * own) / 132


def test_training_draws_translations_together_and_touches_nothing_else():
    rows, pieces = made()
    before = rows.values.copy()
    found = dict(train_table(rows, pieces, [1, 200], rate=0.02))
    np.testing.assert_array_equal(rows.values, before)
    used = np.unique(np.concatenate([ids for column in pieces for ids in pieces[column]]))
    for moved in found.values():
        assert moved["id"].values.tolist() == used.tolist() and len(used) == 48
        np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-6)
    own, _ = cosines(rows, pieces)
    own_after, others_after = cosines(found[200], pieces)
    assert abs(own) < 0.15 and own_after > 0.8 and abs(others_after) < 0.3


def test_the_first_step_is_that_of_infonce_by_hand():
    rows, pieces = made()
    ((_, moved),) = train_table(rows, pieces.iloc[:8, :2], [1], rate=1e-3, seed=3)
    # all 8 items, both languages of each: only which is first is drawn, and the loss is the same
    table = torch.tensor(rows.values, requires_grad=True)
    sides = [torch.stack([table[torch.tensor(ids) // 2].mean(0) for ids in pieces[name][:8]])
             for name in "ab"]  # fmt: skip
    rng = np.random.default_rng(3)
    drawn = rng.choice(np.arange(8), 8, replace=False)
    order = rng.random((8, 2)).argsort(axis=1)[:, -1]
    ways = list(zip(drawn, order, strict=True))
    first = torch.stack([sides[way][item] for item, way in ways])
    second = torch.stack([sides[1 - way][item] for item, way in ways])
    score = torch.cosine_similarity(first[:, None], second[None], dim=2) / contrastive.TEMPERATURE
    both = score.logsumexp(1) + score.logsumexp(0)
    loss = (both / 2 - score.diagonal()).mean()
    loss.backward()
    places = moved["id"].values // 2
    # Adam's first step is the rate times the sign of the gradient, here of rows of length 1
    gradient = table.grad[places].numpy()
    start = rows.values[places]
    tangent = gradient - (gradient * start).sum(1, keepdims=True) * start
    stepped = start - 1e-3 * np.sign(tangent)
    expected = stepped / np.linalg.norm(stepped, axis=1)[:, None]
    clear = np.abs(tangent) > 1e-4  # where the sign is not a matter of rounding
    np.testing.assert_allclose(moved.values[clear], expected[clear], atol=1e-4)
    assert clear.mean() > 0.9


def test_shuffled_names_are_the_same_names_of_other_items():
    _, pieces = made()
    pieces.at[3, "b"] = []
    found = shuffled_names(pieces, seed=1)
    for language in pieces:
        assert sorted(found[language]) == sorted(pieces[language])
    assert found.at[3, "b"] == [] and (found.map(len) > 0).equals(pieces.map(len) > 0)
    stay = found.map(tuple) == pieces.map(tuple)
    assert stay.sum().sum() < 10  # by chance about one a language, and the empty cell
    together = (found["a"].str[0] // 2 % 20) == (found["c"].str[0] // 2 % 20)
    assert together.sum() < 6


def test_too_few_items():
    rows, pieces = made()
    with pytest.raises(ValueError, match="7 items have names in two languages, a step takes 8"):
        list(train_table(rows, pieces[:7], [1], rate=0.1))


def test_losses_with_turned_rows_are_those_of_a_model_made_so(tiny):
    lm = load_model(tiny("gemma3"))
    embeddings = load_token_embeddings(lm)
    rows, texts = unit_rows(embeddings), ["one two three", "a b"]
    losses = losses_with_rows(lm, texts)
    network = AutoModelForCausalLM.from_pretrained(**lm.source).eval()
    weight = network.get_input_embeddings().weight

    def expected():
        found = []
        for text in texts:
            ids = torch.tensor([lm.tokenizer(text)["input_ids"]])
            found.append(network(input_ids=ids, labels=ids).loss.item())
        return found

    with torch.no_grad():
        np.testing.assert_allclose(losses(rows[:5]), expected(), rtol=1e-4)
        for sign in (-1, 1):
            turned = sign * rows[:5][:, ::-1]
            weight[:5] = torch.tensor(turned.values) * weight[:5].norm(dim=1, keepdim=True)
            np.testing.assert_allclose(losses(turned), expected(), rtol=1e-4)
