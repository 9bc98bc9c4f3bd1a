import itertools

import numpy as np
import pandas as pd
import pytest
from made import world
from scipy.stats import multivariate_hypergeom

from ilo_helpers import ilo_scores, nearest_neighbors
from ilo_helpers.ilo import bridges, new_languages


def score(values, k=5, tau=3, metric="euclidean", languages=None):
    neighbors = nearest_neighbors(world(values, languages), k=max(k, 5), metric=metric)
    return ilo_scores(neighbors, k=k, tau=tau)


def by_definition(neighbors, k, tau):
    """Bridge, reach, ILO of each layer and language, in loops over sets."""
    rows = []
    index, n = neighbors["index"].values, neighbors.sizes["sentence"]
    for layer, language in itertools.product(*map(range, index.shape[:2])):
        met, bridges = set(), 0
        for near in index[layer, language]:
            others = {int(i) // n for i in near[:k]} - {language}
            met |= others
            bridges += len(others) >= tau
        b, r = bridges / n, len(met) / (index.shape[1] - 1)
        rows.append((b, r, 2 * b * r / (b + r) if b + r else 0))
    return np.array(rows)


@pytest.fixture
def mixed():
    """Languages with offsets of different size: every B and R between 0 and 1."""
    rng = np.random.default_rng(0)
    meaning, offset = rng.normal(size=(1, 1, 30, 4)), rng.normal(size=(3, 7, 1, 4))
    noise = rng.normal(size=(3, 7, 30, 4))
    return meaning + np.array([0, 0.7, 2])[:, None, None, None] * offset + 0.5 * noise


def test_equals_the_definition_in_loops(mixed):
    neighbors = nearest_neighbors(world(mixed), k=10)
    table = ilo_scores(neighbors, range(1, 11), range(1, 7))
    for (k, tau), part in table.groupby(["k", "tau"]):
        expected = by_definition(neighbors, k, tau)
        np.testing.assert_allclose(part[["bridge", "reach", "ilo"]], expected, atol=1e-15)
    assert len(table) == 3 * 7 * sum(min(k, 6) for k in range(1, 11))
    assert table["ilo"].between(0, 1).all() and table["ilo"].nunique() > 50


def test_languages_far_apart_score_zero():
    offset = 1000 * np.arange(5).reshape(1, 5, 1, 1)
    values = np.random.default_rng(0).normal(size=(1, 5, 10, 3)) + offset
    table = score(values)
    assert (table[["bridge", "reach", "ilo"]] == 0).all().all()


def test_identical_translations_score_one():
    meaning = 100 * np.random.default_rng(0).normal(size=(1, 1, 10, 3))
    table = score(np.repeat(meaning, 7, axis=1))
    assert (table["bridge"] == 1).all()
    # all copies are equally near, and ties go to the lower index: with 7 languages and k = 5
    # the list of each sentence holds the first five others
    assert table["reach"].tolist() == [5 / 6] * 5 + [5 / 6] * 2
    rng = np.random.default_rng(1)
    jittered = np.repeat(meaning, 7, axis=1) + 0.01 * rng.normal(size=(1, 7, 10, 3))
    table = score(jittered)
    assert (table[["bridge", "reach", "ilo"]] == 1).all().all()


def uniform_bridge(languages, sentences, k, tau):
    """P(k draws without replacement from all but one point cover ≥ tau other languages)."""
    sizes = [sentences - 1] + [sentences] * (languages - 1)
    chance = 0.0
    for counts in itertools.product(range(k + 1), repeat=languages):
        if sum(counts) == k and sum(c > 0 for c in counts[1:]) >= tau:
            chance += multivariate_hypergeom.pmf(counts, sizes, k)
    return chance


@pytest.mark.parametrize("tau", [1, 2, 3])
def test_uniform_mixing_gives_the_hypergeometric_value(tau):
    languages, sentences, k = 4, 1000, 3
    values = np.random.default_rng(tau).uniform(size=(1, languages, sentences, 5))
    bridge = score(values, k=k, tau=tau)["bridge"].mean()
    chance = uniform_bridge(languages, sentences, k, tau)
    # 4000 draws, not quite independent: five standard errors
    assert abs(bridge - chance) < 5 * np.sqrt(chance * (1 - chance) / 4000) + 1e-3


def test_uniform_mixing_of_31_languages_as_in_the_literature():
    """B at k = 5 for tau = 1 … 5, drawn with replacement: 1.00, 1.00, 0.997, 0.942, 0.598."""
    values = np.random.default_rng(0).uniform(size=(1, 31, 200, 6))
    neighbors = nearest_neighbors(world(values), k=5, metric="euclidean")
    bridge = ilo_scores(neighbors, 5, range(1, 6)).groupby("tau")["bridge"].mean()
    np.testing.assert_allclose(bridge, [1, 1, 0.997, 0.942, 0.598], atol=0.02)


def test_permuting_languages_or_sentences_permutes_the_scores(mixed):
    names = [f"l{i}" for i in range(7)]
    plain = score(mixed, languages=names).set_index(["layer", "language"])
    order = [3, 0, 6, 1, 5, 2, 4]
    swapped = score(mixed[:, order], languages=[names[i] for i in order])
    swapped = swapped.set_index(["layer", "language"]).loc[plain.index]
    np.testing.assert_array_equal(plain["ilo"], swapped["ilo"])
    shuffled = score(mixed[:, :, np.random.default_rng(1).permutation(30)], languages=names)
    np.testing.assert_array_equal(plain["ilo"], shuffled["ilo"])


def test_rotation_and_scale_change_nothing(mixed):
    rotation, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(4, 4)))
    for metric in ("cosine", "euclidean"):
        plain, moved = score(mixed, metric=metric), score(0.01 * mixed @ rotation, metric=metric)
        np.testing.assert_array_equal(plain["ilo"], moved["ilo"])


def test_duplicates_across_languages(mixed):
    mixed[:, 1] = mixed[:, 0]
    neighbors = nearest_neighbors(world(mixed), k=5)
    n = 30
    first = neighbors["index"][:, 0, :, 0].values
    np.testing.assert_array_equal(first, np.broadcast_to(n + np.arange(n), first.shape))
    np.testing.assert_allclose(
        ilo_scores(neighbors)[["bridge", "reach", "ilo"]], by_definition(neighbors, 5, 3)
    )


def test_table_is_tidy(mixed):
    acts = world(mixed)
    neighbors = nearest_neighbors(acts, k=5).assign_attrs(model="m", corpus="c", pooling="mean")
    table = ilo_scores(neighbors)
    assert list(table.columns) == ["model", "corpus", "pooling", "metric", "sentences", "layer",
                                   "language", "k", "tau", "bridge", "reach", "ilo"]  # fmt: skip
    assert table.iloc[8][["model", "metric", "sentences", "layer", "language"]].tolist() == [
        "m", "cosine", 30, 1, "l1"
    ]  # fmt: skip


def test_impossible_settings_are_errors(mixed):
    neighbors = nearest_neighbors(world(mixed), k=5)
    with pytest.raises(ValueError, match=r"k = 6: 5 neighbours are stored; call nearest_neighbors"):
        ilo_scores(neighbors, k=6)
    with pytest.raises(ValueError, match="k = 0: k must be at least 1"):
        ilo_scores(neighbors, k=0)
    with pytest.raises(ValueError, match="tau = 4 > k = 3"):
        ilo_scores(neighbors, k=3, tau=4)
    with pytest.raises(ValueError, match="tau = 7: with 7 languages there are 6 others"):
        ilo_scores(neighbors, tau=7)
    with pytest.raises(ValueError, match="tau = 3 > k = 2: so few neighbours cannot cover"):
        ilo_scores(neighbors, [1, 2], [3])


def test_lists_of_settings_are_the_single_calls_one_below_the_other(mixed):
    neighbors = nearest_neighbors(world(mixed), k=6)
    alone = [ilo_scores(neighbors, k, tau) for k, tau in ((6, 2), (6, 4), (3, 2))]
    together = ilo_scores(neighbors, [6, 3], [2, 4])  # of k = 3, tau = 4 there is none
    pd.testing.assert_frame_equal(together, pd.concat(alone, ignore_index=True))


@pytest.mark.parametrize(("k", "tau"), [(1, 1), (5, 3), (8, 6)])
def test_the_share_of_bridges_is_the_score(mixed, k, tau):
    neighbors = nearest_neighbors(world(mixed), k=8)
    found = bridges(neighbors, k, tau)
    assert found.dims == ("layer", "language", "sentence") and found.dtype == bool
    scores = ilo_scores(neighbors, k, tau)
    np.testing.assert_array_equal(found.mean("sentence").values.ravel(), scores["bridge"])


@pytest.mark.parametrize("size", [(40, 1), (40, 7), (3, 5, 9, 12)])
def test_new_languages_are_those_a_set_would_gain(size):
    rng = np.random.default_rng(len(size))
    met = rng.integers(-1, 6, size)  # −1: does not count
    own = rng.integers(0, 6, size[:-1])
    new = new_languages(met, own)
    assert new.shape == met.shape and new.dtype == bool
    for place in np.ndindex(*size[:-1]):
        seen = {-1, int(own[place])}
        for j, language in enumerate(met[place].tolist()):
            assert new[place][j] == (language not in seen)
            seen.add(language)
    # own is broadcast: one language for each row of a table
    rows = np.arange(size[0]).reshape(-1, *[1] * (len(size) - 2))
    whole = np.broadcast_to(rows, size[:-1])
    np.testing.assert_array_equal(new_languages(met, rows), new_languages(met, whole))
