import numpy as np
import pandas as pd
import pytest
from made import world
from scipy.stats import norm

from ilo_helpers import ilo_scores, nearest_neighbors
from ilo_helpers.ilo import bridges
from ilo_helpers.validity.intervals import (
    bootstrap_scores,
    change_by_layer,
    cluster_means,
    foreign_translations,
    interval,
    jackknife_interval,
    leave_one_out_scores,
)


@pytest.fixture
def neighbors():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 1, 25, 4)) + 0.6 * rng.normal(size=(2, 5, 1, 4))
    return nearest_neighbors(world(values + 0.4 * rng.normal(size=(2, 5, 25, 4))), k=5, keep=False)


def test_bootstrap_equals_scoring_each_resample_by_hand(neighbors):
    draws = bootstrap_scores(neighbors, k=4, tau=2, draws=3, seed=1)
    weights = np.random.default_rng(1).multinomial(25, np.full(25, 1 / 25), 3)
    for d, times in enumerate(weights):
        taken = np.repeat(np.arange(25), times)
        for layer in range(2):
            for language in range(5):
                lists = neighbors["index"].values[layer, language, taken, :4] // 25
                others = [set(row) - {language} for row in lists.tolist()]
                b = np.mean([len(each) >= 2 for each in others])
                r = len(set().union(*others)) / 4
                got = [draws[name][d, layer, language] for name in ("bridge", "reach", "ilo")]
                np.testing.assert_allclose(got, [b, r, 2 * b * r / (b + r)], rtol=1e-6)


def test_bootstrap_is_centred_on_the_bridge(neighbors):
    draws = bootstrap_scores(neighbors, draws=4000)["bridge"].mean(0)
    exact = ilo_scores(neighbors)["bridge"].to_numpy().reshape(2, 5)
    # B is a mean over sentences: its bootstrap mean is B, to 5 standard errors of 4000 draws
    np.testing.assert_allclose(draws, exact, atol=5 * 0.5 / np.sqrt(25 * 4000))


def test_leave_one_out_is_scoring_all_but_one(neighbors):
    left_out = leave_one_out_scores(neighbors, k=4, tau=2)
    for sentence in (0, 24):
        rest = np.delete(neighbors["index"].values[1, 3, :, :4] // 25, sentence, axis=0)
        others = [set(row) - {3} for row in rest.tolist()]
        b, r = np.mean([len(each) >= 2 for each in others]), len(set().union(*others)) / 4
        got = [left_out[name][sentence, 1, 3] for name in ("bridge", "reach", "ilo")]
        np.testing.assert_allclose(got, [b, r, 2 * b * r / (b + r)], rtol=1e-6)


@pytest.mark.parametrize("blocks", [None, [0] * 4 + [1] * 10 + [2] * 11])
def test_foreign_translations_are_counted_without_each_block(neighbors, blocks):
    found = foreign_translations(neighbors, 4, blocks)
    index = neighbors["index"].values[..., :4]
    abroad = index // 25 != np.arange(5)[:, None, None]
    same = index % 25 == np.arange(25)[:, None]
    of = np.arange(25) if blocks is None else np.array(blocks)
    for layer, row in found.set_index("layer").iterrows():

        def share(kept, at=layer):
            return (abroad & same)[at][:, kept].sum() / abroad[at][:, kept].sum()

        assert row["share"] == pytest.approx(share(of >= 0))
        without = np.array([share(of != block) for block in np.unique(of)])
        low, high = jackknife_interval(row["share"], without, blocks)
        assert (row["low"], row["high"]) == pytest.approx((max(low, 0), min(high, 1)))
    alone = neighbors.assign(index=neighbors["index"] % 25 + 25 * np.arange(5)[:, None, None])
    assert foreign_translations(alone, 4)[["share", "low", "high"]].isna().all(axis=None)


def test_jackknife_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(0).normal(size=30)
    without = (values.sum() - values) / 29
    low, high = jackknife_interval(values.mean(), without)
    half = norm.ppf(0.975) * values.std(ddof=1) / np.sqrt(30)  # textbook
    np.testing.assert_allclose([low, high], [values.mean() - half, values.mean() + half])


def test_without_a_block_is_scoring_all_but_its_sentences(neighbors):
    # blocks of 1 to 9 sentences, not side by side
    blocks = np.array(list("abbcccccdddddddddabbeefgd"))
    left_out = leave_one_out_scores(neighbors, k=4, tau=2, blocks=blocks)
    for number, block in enumerate("abcdefg"):
        for layer, language in np.ndindex(2, 5):
            rest = neighbors["index"].values[layer, language, blocks != block, :4] // 25
            others = [set(row) - {language} for row in rest.tolist()]
            b, r = np.mean([len(each) >= 2 for each in others]), len(set().union(*others)) / 4
            got = [left_out[name][number, layer, language] for name in ("bridge", "reach", "ilo")]
            np.testing.assert_allclose(got, [b, r, 2 * b * r / (b + r)], rtol=1e-12)
    with pytest.raises(ValueError, match="blocks has 24 labels for 25 sentences"):
        leave_one_out_scores(neighbors, blocks=blocks[1:])
    with pytest.raises(ValueError, match="all 25 sentences are one block, 'x'.*leave blocks out"):
        leave_one_out_scores(neighbors, blocks=["x"] * 25)


def test_blocks_of_one_sentence_are_the_sentences_to_the_last_bit(neighbors):
    names = [f"s{i}" for i in range(25)]
    one, other = (leave_one_out_scores(neighbors, blocks=each) for each in (None, names))
    for score in one:
        np.testing.assert_array_equal(one[score], other[score])
        value = ilo_scores(neighbors)[score].to_numpy().reshape(2, 5)
        ends = (jackknife_interval(value, one[score], each) for each in (None, names))
        np.testing.assert_array_equal(*ends)
    after = neighbors.assign(index=(neighbors["index"].dims, neighbors["index"].values[::-1]))
    changes = [change_by_layer(neighbors, after, blocks=each) for each in (None, names)]
    pd.testing.assert_frame_equal(*changes, check_exact=True)
    # bridge is a mean over sentences: without one it is (sum − own) / 24, whatever counted it
    bridge = bridges(neighbors).values
    np.testing.assert_array_equal(
        one["bridge"], np.moveaxis((bridge.sum(2, keepdims=True) - bridge) / 24, 2, 0)
    )


def test_jackknife_of_unequal_blocks_is_busing_s_formula():
    rng = np.random.default_rng(0)
    sizes = np.array([1, 4, 2, 7, 3])
    blocks = np.repeat(list("vwxyz"), sizes)
    values = rng.normal(size=17)
    without = np.array([values[blocks != block].mean() for block in "vwxyz"])
    low, high = jackknife_interval(values.mean(), without, blocks)
    # Busing et al. 1999, equation 4, written out
    h, theta = 17 / sizes, values.mean()
    centre = 5 * theta - np.sum((1 - sizes / 17) * without)
    terms = [(h[j] * theta - (h[j] - 1) * without[j] - centre) ** 2 / (h[j] - 1) for j in range(5)]
    half = norm.ppf(0.975) * np.sqrt(np.mean(terms))
    np.testing.assert_allclose([low, high], [theta - half, theta + half], rtol=1e-12)
    # a mean has pseudo-values that are the blocks' means
    means = np.array([values[blocks == block].mean() for block in "vwxyz"])
    half = norm.ppf(0.975) * np.sqrt(np.mean((means - theta) ** 2 / (h - 1)))
    np.testing.assert_allclose(high - theta, half, rtol=1e-12)
    with pytest.raises(ValueError, match="5 blocks, but 4 scores without one"):
        jackknife_interval(0.0, without[1:], blocks)


def test_jackknife_of_unequal_blocks_has_the_right_variance_on_the_average():
    # means of independent numbers, in blocks of 1, 5 and 2: the variance is 1/80
    sizes = np.tile([1, 5, 2], 10)
    blocks = np.repeat(np.arange(30), sizes)
    found = []
    for seed in range(400):
        values = np.random.default_rng(seed).normal(size=80)
        sums = np.bincount(blocks, values)
        low, high = jackknife_interval(values.mean(), (values.sum() - sums) / (80 - sizes), blocks)
        found.append(((high - low) / 2 / norm.ppf(0.975)) ** 2)
    # 29 degrees of freedom or fewer: 400 draws leave 2 in a hundred
    assert np.mean(found) == pytest.approx(1 / 80, rel=0.06)


def test_interval_and_no_change(neighbors):
    low, high = interval(np.arange(101.0)[:, None])
    assert (low[0], high[0]) == pytest.approx((2.5, 97.5))
    table = change_by_layer(neighbors, neighbors)
    assert (table[["change", "low", "high"]] == 0).all().all() and len(table) == 6


def test_change_of_a_group_is_the_mean_of_its_languages(neighbors):
    after = neighbors.assign(index=(neighbors["index"].dims, neighbors["index"].values[::-1]))
    groups = pd.Series(["a", "b", "a", "b", "b"], index=neighbors.language.values)
    table = change_by_layer(neighbors, after, k=4, tau=2, groups=groups)
    scores = [
        ilo_scores(each, 4, 2).set_index(["layer", "language"]) for each in (neighbors, after)
    ]
    members = list(groups.index[groups == "b"])
    found = table.query("group == 'b' and score == 'ilo' and layer == 1").iloc[0]
    means = [each.loc[1].loc[members, "ilo"].mean() for each in scores]
    assert found["after"] == pytest.approx(means[1])
    assert found["change"] == pytest.approx(means[1] - means[0])
    before_, after_ = (
        leave_one_out_scores(each, 4, 2)["ilo"][:, 1][:, [1, 3, 4]].mean(1)
        for each in (neighbors, after)
    )
    left_out = after_ - before_
    error = np.sqrt(24 / 25 * np.sum((left_out - left_out.mean()) ** 2))  # textbook
    ends = found["change"] + norm.ppf([0.025, 0.975]) * error
    assert [found["low"], found["high"]] == pytest.approx(list(ends)) and error > 0
    assert set(table["group"]) == {"all", "a", "b"}


def test_means_are_drawn_by_cluster():
    table = pd.DataFrame({"language": list("aabcd"), "layer": 0, "x": [1.0, 3, 4, 9, 9]})
    family = pd.Series({"a": "one", "b": "one", "c": "two", "d": "two"}).rename_axis("language")
    told = cluster_means(table, "x", ["layer"], "language", [family]).iloc[0]
    assert told["value"] == 6 and (told["low"], told["high"]) == (3, 9)  # of two families
    assert (told["units"], told["clusters"]) == (4, 2)
    alone = cluster_means(table[:3], "x", ["layer"], "language", [family]).iloc[0]
    assert alone["value"] == 3 and np.isnan(alone["low"]) and alone["clusters"] == 1
    each = cluster_means(table, "x", ["layer"], "language", draws=4000).iloc[0]
    assert each["clusters"] == 4 and 2 < each["low"] < 4 and 8 < each["high"] <= 9


def test_what_is_shared_in_two_ways_is_drawn_in_both():
    """Names and languages vary by themselves: the variance is the sum of both, within 10%."""
    rng = np.random.default_rng(0)
    names, codes = [f"n{i}" for i in range(40)], [f"c{i}" for i in range(40)]
    values = rng.normal(size=(40, 1)) + 2 * rng.normal(size=40)
    table = pd.DataFrame(values, names, codes).rename_axis("item").reset_index()
    table = table.melt("item", var_name="language", value_name="x").assign(layer=0)
    each = {name: pd.Series(all_, all_).rename_axis(name)
            for name, all_ in (("item", names), ("language", codes))}  # fmt: skip
    ask = [table, "x", ["layer"], ["item", "language"]]
    width = {}
    for drawn in (["item"], ["language"], ["item", "language"]):
        told = cluster_means(*ask, [each[name] for name in drawn], 4000).iloc[0]
        width["+".join(drawn)] = told["high"] - told["low"]
    both = np.hypot(width["item"], width["language"])
    assert width["item+language"] == pytest.approx(both, rel=0.1)
