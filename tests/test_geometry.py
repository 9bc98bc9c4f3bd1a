import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ilo_helpers._search.knn import knn
from ilo_helpers.vocabulary.compare import (
    canonical_correlations,
    permuted_within,
    quantised,
    shared_neighbors,
    shared_rows,
    split_half_correlations,
)
from ilo_helpers.vocabulary.geometry import (
    by_frequency,
    category_diversity,
    neighbor_composition,
    separability,
    token_neighbors,
    unit_rows,
)
from ilo_helpers.vocabulary.tokens import load_token_embeddings


def embeddings_of(values, ids=None):
    ids = np.arange(len(values)) if ids is None else ids
    coords = {"token": [f"t{place}" for place in ids], "id": ("token", ids)}
    return xr.DataArray(np.asarray(values, np.float32), coords, ("token", "hidden"))


def test_unit_rows_and_an_offset_taken_away():
    rng = np.random.default_rng(0)
    labels = np.repeat(["A", "B", "few", "rare"], [60, 60, 3, 1])
    meaning = rng.normal(size=(124, 8))
    meaning[:60] -= meaning[:60].mean(0)
    raw = embeddings_of(meaning)
    np.testing.assert_allclose(np.linalg.norm(unit_rows(raw), axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(unit_rows(raw)[0], raw[0] / np.linalg.norm(raw[0]), atol=1e-6)
    # of unit rows that differ by an offset only, the same is left
    rows = rng.normal(size=(60, 8))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    centred = rows - rows.mean(0)
    expected = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    both = embeddings_of(np.concatenate([rows, rows[:, ::-1], raw[120:]]))
    found = unit_rows(both, subtract=labels).values
    np.testing.assert_allclose(found[:60], expected, atol=1e-5)
    np.testing.assert_allclose(found[60:120], expected[:, ::-1], atol=1e-5)
    assert np.isfinite(found).all()  # the label of one token shares its mean with the other few


def test_separability_of_planted_labels():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(900, 4)) * 0.1
    labels = np.repeat(["apart", "mixed", "alike"], 300)
    rows[:300, 0] += 5
    found = separability(rows, labels, minimum=100, most=200).set_index("label")
    assert found.loc["apart", ["accuracy", "low", "high"]].tolist() == [1, 1, 1]
    assert found.index[0] == "apart" and (found["low"] < found["accuracy"])[1:].all()
    assert found[["tokens", "used"]].drop_duplicates().to_numpy().tolist() == [[300, 200]]
    alike = separability(rows[300:], labels[300:], minimum=100)
    assert (alike["accuracy"] - 0.5).abs().max() < 0.1  # 600 rows: sd of guessing is 0.02
    with pytest.raises(ValueError, match="0 of 3 labels have 500 tokens or more"):
        separability(rows, labels)
    one = separability(rows, labels, minimum=100, most=200, only=["mixed", "elsewhere"])
    assert one.to_dict("records") == [{"label": "mixed", **found.loc["mixed"]}]


def test_token_neighbours_are_named_by_id():
    values = np.random.default_rng(0).normal(size=(40, 5))
    ids = np.arange(40) * 3 + 7  # a vocabulary with gaps
    found = token_neighbors(embeddings_of(values, ids), [10, 7, 10], k=4)
    assert found.index.tolist() == found[0].tolist() == [7, 10]  # the token itself comes first
    nearest, _ = knn(values.astype("f4"), 4)
    np.testing.assert_array_equal(found.loc[:, 1:], ids[nearest[:2]])
    assert token_neighbors(embeddings_of(values, ids), ids, k=1).shape == (40, 2)
    with pytest.raises(ValueError, match="no token has the id 8"):
        token_neighbors(embeddings_of(values, ids), [7, 8], k=4)


@pytest.mark.real
@pytest.mark.parametrize("model", ["gemma-3-270m", "multilingual-e5-small"])
def test_real_neighbours_are_those_of_a_float64_brute_force(model, packaged):
    embeddings = load_token_embeddings(packaged(model))
    ids = np.random.default_rng(0).choice(embeddings["id"].values, 8, replace=False)
    found = token_neighbors(embeddings, ids, k=100)
    unit = embeddings.values.astype(np.float64)
    unit /= np.sqrt(np.einsum("ij,ij->i", unit, unit))[:, None]
    places = np.searchsorted(embeddings["id"].values, found.index)
    cosine = unit[places] @ unit.T
    cosine[np.arange(8), places] = -np.inf
    nearest = np.argsort(-cosine, axis=1, kind="stable")[:, :100]
    np.testing.assert_array_equal(found.loc[:, 1:], embeddings["id"].values[nearest])
    _, distance = knn(embeddings.values, 100, rows=places)
    best = np.take_along_axis(cosine, nearest, 1)
    np.testing.assert_allclose(distance, 1 - best, atol=1e-6)


def test_diversity_and_composition_count_the_token_itself_or_not():
    categories = pd.Series(["LATIN", "LATIN", "CJK", "THAI", "N"], index=[0, 1, 2, 3, 9])
    near = pd.DataFrame([[0, 1, 2, 3], [2, 0, 9, 1]], index=[0, 2])
    assert category_diversity(near.loc[:, :2], categories).tolist() == [2, 3]  # 0 1 2 and 2 0 9
    assert category_diversity(near.loc[:, 1:], categories).tolist() == [3, 2]
    found = neighbor_composition(near.loc[:, :2], categories)
    assert found.loc["LATIN"].to_dict() == {"CJK": 1, "LATIN": 2, "N": 0}
    assert found.loc["CJK"].to_dict() == {"CJK": 1, "LATIN": 1, "N": 1}


def test_shared_rows_compare_text_and_keep_order():
    a = embeddings_of([[0, 0], [1, 1], [2, 2], [3, 3]], [0, 1, 2, 5])
    b = embeddings_of([[10, 0], [20, 0], [30, 0]])
    pieces = {
        "a": pd.Series(["x", "▁y", "", "z"], [0, 1, 2, 5]),
        "b": pd.Series(["z", "", "x"], [0, 1, 2]),  # '' (bytes that are no text) is not shared
    }
    found = shared_rows({"a": a, "b": b}, pieces)
    assert found["a"]["token"].values.tolist() == ["x", "z"]
    np.testing.assert_array_equal(found["a"], [[0, 0], [3, 3]])
    np.testing.assert_array_equal(found["b"], [[30, 0], [10, 0]])
    assert found["a"]["id"].values.tolist() == [0, 5]
    with pytest.raises(ValueError, match="a and b share no token"):
        shared_rows({"a": a, "b": b}, {"a": pieces["a"][:1], "b": pieces["b"][:2]})


def test_shared_neighbours_of_equal_turned_and_unrelated_tables():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(2000, 12))
    turn, _ = np.linalg.qr(rng.normal(size=(12, 12)))
    places = np.arange(300)
    assert (shared_neighbors(a, 3 * a @ turn, places, k=50) == 50).all()
    unrelated = shared_neighbors(a, rng.normal(size=(2000, 9)), places, k=50)
    # by chance hypergeometric: mean 50²/1999 = 1.25, sd 1.10, of the mean of 300 about 0.06
    assert abs(unrelated.mean() - 50**2 / 1999) < 0.3


def test_parts_by_frequency():
    counts = pd.Series({10: 100, 11: 90} | {12 + i: 9 - i for i in range(9)} | {99: 1})
    values = pd.Series({10: 2.0, 11: 4.0} | {12 + i: float(i) for i in range(9)} | {7: 1000.0})
    found = by_frequency(counts, values)  # 99 and 7 are in one table only: 11 tokens
    assert found["part"].tolist() == list(range(1, 11))
    assert found["tokens"].tolist() == [2] + [1] * 9
    assert found["mean"].tolist() == [3, *range(9)]
    assert found.loc[0, "sd"] == pytest.approx(2**0.5)
    assert found[["least", "greatest"]].to_numpy().tolist() == [[90, 100]] + [
        [9 - i, 9 - i] for i in range(9)
    ]
    with pytest.raises(ValueError, match="9 tokens cannot be cut into 10 parts"):
        by_frequency(counts, values[2:])


def test_canonical_correlations_in_closed_form():
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.normal(size=(50, 6)))
    a, rest = q[:, :3], q[:, 3:]
    mixed = rng.normal(size=(3, 3))
    np.testing.assert_allclose(canonical_correlations(a, a @ mixed), 1, atol=1e-12)
    np.testing.assert_allclose(canonical_correlations(a, rest), 0, atol=1e-12)
    angles = np.array([0.2, 0.7, 1.1])
    turned = a * np.cos(angles) + rest * np.sin(angles)
    np.testing.assert_allclose(canonical_correlations(a, turned), np.cos(angles), atol=1e-12)
    assert len(canonical_correlations(a, turned[:, :2])) == 2
    with pytest.raises(ValueError, match="need the same rows"):
        canonical_correlations(a, rest[:40])


def test_canonical_correlations_on_tokens_left_out():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(600, 5)) @ rng.normal(size=(5, 5))
    mixed = a @ rng.normal(size=(5, 5))
    np.testing.assert_allclose(split_half_correlations(a, mixed), 1, atol=1e-9)
    # of unrelated tables the fitted cosines are high, those on the other half are none
    noise = rng.normal(size=(600, 200)), rng.normal(size=(600, 100))
    fitted, left = canonical_correlations(*noise)[0], split_half_correlations(*noise)
    assert fitted > 0.8 and len(left) == 100
    assert abs(left[0]) < 0.2 and abs(left.mean()) < 0.03  # sd of one 0.04, of their mean 0.004
    # one common direction, of correlation 0.8: the best linear reading of either finds it
    common = rng.normal(size=20_000)
    one, two = rng.normal(size=(2, 20_000, 4))
    one[:, 1], two[:, 2] = common, 0.8 * common + 0.6 * two[:, 2]
    turns = rng.normal(size=(2, 4, 4))
    found = split_half_correlations(one @ turns[0], two @ turns[1])
    assert found[0] == pytest.approx(0.8, abs=0.01) and abs(found[1:]).max() < 0.05


def test_quantised_rows_are_within_half_a_step():
    rows = np.random.default_rng(0).normal(size=(50, 30)).astype(np.float32)
    for bits, steps in ((8, 127), (4, 7)):
        found = quantised(rows, bits)
        step = np.abs(rows).max(axis=1, keepdims=True) / steps
        assert found.dtype == np.float32
        assert (np.abs(found - rows) <= step / 2 + 1e-6).all()
        np.testing.assert_allclose(found / step, np.round(found / step), atol=1e-4)
    np.testing.assert_allclose(quantised(np.array([[1.0, -0.4, 0.2]]), 2), [[1, 0, 0]])


def test_a_permutation_within_labels():
    labels = np.array([*"aabbb"] * 20)
    order = permuted_within(labels, seed=1)
    assert sorted(order) == list(range(100)) and (labels[order] == labels).all()
    assert (order != np.arange(100)).mean() > 0.9
    assert not (order == permuted_within(labels, seed=2)).all()


def test_neighbours_of_some_rows_are_those_of_all():
    points = np.random.default_rng(0).normal(size=(400, 16)).astype(np.float32)
    points[7] = points[300]  # ties
    rows = np.array([399, 0, 7, 300, 150])
    everything, some = knn(points, 12), knn(points, 12, rows=rows)
    for whole, part in zip(everything, some, strict=True):
        np.testing.assert_array_equal(whole[rows], part)
    unit = points.astype(np.float64) / np.linalg.norm(points.astype(np.float64), axis=1)[:, None]
    distance = 1 - unit[rows] @ unit.T
    distance[np.arange(5), rows] = np.inf
    brute = pd.DataFrame(np.sort(distance, axis=1)[:, :12])
    np.testing.assert_allclose(some[1], brute, atol=1e-6)
