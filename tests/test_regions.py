import numpy as np
import pandas as pd
import pytest
import xarray as xr
from made import world

from ilo_helpers import ilo_scores, language_table, nearest_neighbors
from ilo_helpers.ilo import bridges
from ilo_helpers.neighbors import neighbor_kinds
from ilo_helpers.regions.fragments import (
    _graph,
    describe_fragments,
    describe_shared,
    find_fragments,
    fragment_together,
    meets_other_family,
)
from ilo_helpers.regions.offsets import controls, remove_offsets
from ilo_helpers.regions.rates import group_agreement, language_rates
from ilo_helpers.regions.structure import structure_by_layer

CODES = ["eng_Latn", "deu_Latn", "rus_Cyrl", "ukr_Cyrl"]


def lists(index, languages):
    """Neighbours made by hand: index (language, sentence, neighbor) of one layer."""
    index = np.asarray(index, np.int32)[None]
    coords = {
        "layer": [0], "language": languages, "sentence": [f"s{i}" for i in range(index.shape[2])],
        "neighbor": range(index.shape[3]),
    }  # fmt: skip
    return xr.Dataset({"index": (tuple(coords), index)}, coords, {"metric": "euclidean"})


def described(members):
    return describe_fragments(members, language_table(list(members["language"].unique())))


def rows_of_points(*starts):
    """A language each: twelve sentences in a row, one apart, from a starting place on."""
    values = np.add.outer(starts, np.arange(12.0))[..., None] * [1.0, 0.0]
    return world(values[None], ["eng_Latn", "deu_Latn", "rus_Cyrl"])


def test_three_blobs_are_three_fragments_and_a_bridge_joins_two():
    apart = nearest_neighbors(rows_of_points(0, 50, 100), k=2, metric="euclidean")
    # tau = 2: no list holds two other languages, so the shared region is empty
    table = described(find_fragments(apart, 0, k=2, tau=2))
    assert table["size"].to_dict() == {1: 12, 2: 12, 3: 12}
    assert table["languages"].tolist() == [1, 1, 1] and (table["entropy"] == 0).all()
    assert table["language"].tolist() == ["eng_Latn", "deu_Latn", "rus_Cyrl"]
    assert table["script"].tolist() == ["Latin", "Latin", "Cyrillic"]
    touching = nearest_neighbors(rows_of_points(0, 12, 100), k=2, metric="euclidean")
    table = described(find_fragments(touching, 0, k=2, tau=2))
    assert table["size"].to_dict() == {1: 24, 2: 12}
    assert table.loc[1, "entropy"] == 1 and table.loc[1, "language_share"] == 0.5  # one bit


def test_the_shared_region_is_bridge_and_is_taken_out():
    # language 0: sentence 0 is near one of each other language, sentence 1 near its own
    near = lists([[[2, 4], [0, 2]], [[3, 0], [2, 0]], [[5, 0], [4, 0]]], CODES[:3])
    shared = bridges(near, k=2, tau=2)
    assert shared.values.tolist() == [[[True, False], [False, False], [False, False]]]
    scores = ilo_scores(near, k=2, tau=2)
    np.testing.assert_allclose(shared.mean("sentence").values.ravel(), scores["bridge"])
    found = find_fragments(near, 0, k=2, tau=2)
    assert found["fragment"].tolist()[0] == 0
    # without sentence 0 the rest is 1–2, 2–3 and 4–5
    groups = found[found["fragment"] > 0].groupby("fragment").groups.values()
    assert [list(group) for group in groups] == [[1, 2, 3], [4, 5]]


def test_the_shared_region_in_pieces():
    # German and English meet twice, Russian and Ukrainian once; one list crosses families
    index = [[[2, 1], [3, 0]], [[0, 3], [1, 4]], [[6, 5], [4, 7]], [[4, 7], [6, 5]]]
    row = describe_shared(lists(index, CODES), k=2, tau=1).iloc[0]
    met = np.array(index).reshape(8, 2) // 2
    shared = (met != np.repeat(range(4), 2)[:, None]).any(1)
    assert row["shared"] == shared.mean() and row["pieces"] == 1 and row["largest"] == 1
    families = np.array([0, 0, 1, 1])
    crossing = (families[met] != np.repeat(families, 2)[:, None]).any(1)
    assert row["other_family"] == crossing[shared].mean() == 1 / shared.sum()
    found = meets_other_family(lists(index, CODES), k=2)
    assert found.dims == ("layer", "language", "sentence")
    np.testing.assert_array_equal(found.values.ravel(), crossing)
    none = describe_shared(lists([[[1], [0]], [[3], [2]]], CODES[:2]), k=1, tau=1).iloc[0]
    assert none[["shared", "pieces", "largest", "other_family"]].tolist() == [0, 0, 0, 0]


def test_mutual_links_are_those_that_go_both_ways():
    near = lists([[[1], [2]], [[1], [0]]], CODES[:2])
    graph = _graph(near, 0, k=1).toarray()
    assert np.argwhere(graph).tolist() == [[0, 1], [1, 2], [2, 1], [3, 0]]
    mutual = _graph(near, 0, k=1, mutual=True).toarray()
    assert np.argwhere(mutual).tolist() == [[1, 2], [2, 1]]
    crowds = lists([[[1], [0], [0]], [[4], [3], [4]]], CODES[:2])
    either, both = (find_fragments(crowds, 0, 1, 1, mutual) for mutual in (False, True))
    assert either["fragment"].tolist() == [1, 1, 1, 2, 2, 2]
    assert described(both)["size"].tolist() == [2, 2, 1, 1]


def test_planted_communities_are_found_where_components_see_one():
    rng = np.random.default_rng(1)
    crowd = np.arange(80) // 20  # two crowds a language
    others = [np.flatnonzero((crowd == crowd[i]) & (np.arange(80) != i)) for i in range(80)]
    index = np.array([rng.choice(each, 8, replace=False) for each in others])
    index[0, 7] = 20  # one link joins the first language's crowds
    near = lists(index.reshape(2, 40, 8), CODES[:2])
    one = find_fragments(near, 0, k=8, tau=1)
    assert described(one)["size"].tolist() == [40, 20, 20]
    two = find_fragments(near, 0, k=8, tau=1, method="communities")
    assert two.groupby(crowd)["fragment"].nunique().tolist() == [1, 1, 1, 1]
    assert described(two)["size"].tolist() == [20, 20, 20, 20]
    with pytest.raises(ValueError, match="method 'kmeans': choose"):
        find_fragments(near, 0, 8, 1, method="kmeans")


def test_languages_that_fragment_together():
    languages = [code for code in CODES[:3] for _ in range(4)]
    fragment = [1, 1, 2, 2, 1, 2, 2, 2, 3, 3, 3, 0]
    members = pd.DataFrame({"language": languages, "fragment": fragment})
    pairs = fragment_together(members).set_index(["a", "b"])
    # deu, eng: half and a quarter in 1, half and three quarters in 2; nobody meets Russian
    assert pairs["common"].to_dict() == {
        ("deu_Latn", "eng_Latn"): 0.75, ("deu_Latn", "rus_Cyrl"): 0, ("eng_Latn", "rus_Cyrl"): 0,
    }  # fmt: skip
    assert pairs["one_family"].tolist() == [True, False, False]
    everybody_shared = members.assign(fragment=0)
    assert len(fragment_together(everybody_shared)) == 0


def test_rates_in_closed_form_and_under_uniform_mixing():
    near = lists([[[1, 2], [0, 3]], [[0, 1], [2, 0]]], CODES[:2])
    rates = language_rates(near, k=2)
    np.testing.assert_allclose(rates["rate"][0], [[0.5, 0.5], [0.75, 0.25]])
    # of 3 others 1 is of the own language, 2 of the other
    np.testing.assert_allclose(rates["ratio"][0], [[1.5, 0.75], [1.125, 0.75]])
    cloud = world(np.random.default_rng(0).normal(size=(1, 4, 300, 8)), CODES)
    ratio = language_rates(nearest_neighbors(cloud, k=10), k=10)["ratio"].values
    # 3,000 neighbours a language, a quarter expected in each: sd of a ratio about 0.03
    assert np.abs(ratio - 1).max() < 0.15


def test_agreement_with_families_planted_and_not():
    codes = ["eng_Latn", "deu_Latn", "nld_Latn", "rus_Cyrl", "ukr_Cyrl", "pol_Latn", "fra_Latn"]
    family = np.array([0, 0, 0, 1, 1, 1, 2])
    values = 1.0 + 2.0 * (family[:, None] == family)
    ratio = xr.DataArray(
        np.stack([values, np.ones((7, 7))]), {"layer": [0, 1], "language": codes},
        ("layer", "language", "neighbor_language"),
    )  # fmt: skip
    found = group_agreement(ratio, language_table(codes)).set_index("layer")
    # all seven are of one region: nothing to compare
    assert set(found["group"]) == {"family", "script"}
    found = found[found["group"] == "family"]
    assert found.loc[0, ["within", "across"]].tolist() == [3, 1]
    # exact: of the 140 ways to split 3, 3, 1, one (the planted) is as extreme
    assert found.loc[0, "p"] < 0.02 and found.loc[1, "p"] == 1


def test_agreement_takes_the_groups_it_is_given_whatever_their_order():
    codes = CODES[:3]
    values = np.array([[0, 4, 1], [2, 0, 1], [1, 5, 0]], float)
    ratio = xr.DataArray(values[None], {"layer": [0], "language": codes},
                         ("layer", "language", "neighbor_language"))  # fmt: skip
    told = language_table(codes[::-1]).assign(script=["here", "there", "there"])
    row = group_agreement(ratio, told).set_index("group").loc["script"]
    # English and German are "there"
    assert row["within"] == (4 + 2) / 2 and row["across"] == (1 + 1 + 1 + 5) / 4


def test_planted_offsets_are_removed_completely():
    rng = np.random.default_rng(0)
    meaning = rng.normal(size=(1, 1, 30, 16))
    noise = 0.01 * rng.normal(size=(2, 4, 30, 16))
    offset = 50 * rng.normal(size=(2, 4, 1, 16))
    acts = world(meaning + noise + offset, CODES)
    before, after = (
        nearest_neighbors(each, k=3, metric="euclidean") for each in (acts, remove_offsets(acts))
    )
    assert (ilo_scores(before, k=3, tau=3)["bridge"] == 0).all()
    assert (ilo_scores(after, k=3, tau=3)["ilo"] == 1).all()
    kinds = neighbor_kinds(before, 3), neighbor_kinds(after, 3)
    assert (kinds[0]["own"] == 1).all() and (kinds[1]["translation"] == 1).all()
    assert (kinds[1][["own", "other"]] == 0).all(axis=None)
    assert "mean of each language" in remove_offsets(acts).attrs["removed"]


def test_controls_take_one_mean_at_a_time():
    rng = np.random.default_rng(0)
    values = 5 + rng.normal(size=(2, 3, 5, 4)) + rng.normal(size=(2, 3, 1, 4))
    moved = {name: each.values for name, each in controls(world(values, CODES[:3])).items()}
    each = np.stack([[points.mean(0) for points in layer] for layer in values])[:, :, None]
    of_all = values.reshape(2, 15, 1, 4).mean(1)[:, None]
    np.testing.assert_array_equal(moved["as it is"], values)
    np.testing.assert_allclose(moved["one mean for all"], values - of_all)
    np.testing.assert_allclose(moved["mean of each language"], values - each)
    kept = moved["offsets only, common mean kept"]
    np.testing.assert_allclose(kept, values - each + of_all)
    np.testing.assert_allclose(kept.mean((1, 2)), values.mean((1, 2)))
    even, odd = values[:, :, ::2], values[:, :, 1::2]
    halves = moved["mean of its other half"]
    np.testing.assert_allclose(halves[:, :, ::2], even - odd.mean(2, keepdims=True))
    np.testing.assert_allclose(halves[:, :, 1::2], odd - even.mean(2, keepdims=True))
    # what a constant offset does, all that take it away undo; one mean for all does not
    apart = world(values + 1e3 * rng.normal(size=(1, 3, 1, 4)), CODES[:3])
    near = {name: nearest_neighbors(each, 2, "euclidean", keep=False)["index"]
            for name, each in controls(apart).items()}  # fmt: skip
    before = nearest_neighbors(world(values - each), 2, "euclidean", keep=False)["index"]
    np.testing.assert_array_equal(near["mean of each language"], before)
    np.testing.assert_array_equal(near["offsets only, common mean kept"], before)
    np.testing.assert_array_equal(near["one mean for all"], near["as it is"])
    assert (before.values != near["as it is"].values).any()


def test_leading_directions_are_removed_whichever_side_is_longer():
    rng = np.random.default_rng(0)
    for sentences, width in ((30, 6), (6, 30)):
        values = rng.normal(size=(1, 2, sentences, width)) * np.geomspace(9, 1, width)
        acts = world(values, CODES[:2])
        points = acts.values[0, 0].astype(np.float64)
        points -= points.mean(0)
        u, s, v = np.linalg.svd(points, full_matrices=False)
        expected = (u[:, 2:] * s[2:]) @ v[2:]
        np.testing.assert_allclose(remove_offsets(acts, 2)[0, 0], expected, atol=1e-5)
    with pytest.raises(ValueError, match="6 directions of 6 sentences a language: must be fewer"):
        remove_offsets(acts, 6)


def test_kinds_sum_to_one():
    near = lists([[[1, 2], [0, 3]], [[0, 1], [2, 0]]], CODES[:2])
    table = neighbor_kinds(near, k=2)
    # sentence 0 of eng: own, its translation; sentence 1: own, its translation; deu: …
    assert table["own"].tolist() == [0.5, 0.25]
    assert table["translation"].tolist() == [0.5, 0.5 / 2]
    assert table["other"].tolist() == [0, 0.5]


def test_a_planted_hub_is_found_and_what_it_carries():
    # 3 languages × 10: every list but the hub's own begins with the hub, place 29
    index = np.zeros((30, 4), int)
    for i in range(30):
        index[i] = (29, *((i + step) % 29 for step in (1, 2, 3)))
    index[29] = (0, 1, 2, 3)
    near = lists(index.reshape(3, 10, 4), CODES[:3])
    near["distance"] = near["index"].dims, np.tile([1.0, 1.5, 1.6, 1.7], (1, 3, 10, 1))
    index = index[:, :2]
    acts = world(np.random.default_rng(0).normal(size=(1, 3, 10, 4)), CODES[:3])
    found = structure_by_layer(acts, near, k=2, tau=1).iloc[0]
    assert found["hubs"] == 1 and found["hubness"] > 4
    own, met = np.arange(30) // 10, index // 10
    bridges = (met != own[:, None]).any(1)
    without = ((met != own[:, None]) & (index != 29)).any(1)
    assert found["bridge"] == pytest.approx(bridges.mean())
    assert found["hub_share"] == pytest.approx((bridges & ~without).sum() / bridges.sum())
    assert 0 < found["random_share"] < found["hub_share"]  # 29 places of 60, anywhere


def test_structure_of_known_clouds():
    rng = np.random.default_rng(0)
    flat = np.zeros((1, 4, 500, 20))
    flat[..., :3] = rng.uniform(size=(1, 4, 500, 3))  # three dimensions in twenty
    flat[0, 0, 0] = flat[0, 1, 0]  # a sentence twice
    acts = world(flat @ np.linalg.qr(rng.normal(size=(20, 20)))[0], CODES)
    near = nearest_neighbors(acts, k=5, metric="euclidean")
    found = structure_by_layer(acts, near, k=5, tau=3).iloc[0]
    assert found["intrinsic_dimension"] == pytest.approx(3, abs=0.3) and found["duplicates"] == 2
    unit = acts.values[0].reshape(-1, 20)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    cosine = (unit @ unit.T)[~np.eye(2000, dtype=bool)].mean()
    assert found["anisotropy"] == pytest.approx(cosine)
    assert abs(found["hubness"]) < 1
    on_sphere = world(rng.normal(size=(1, 4, 500, 3)), CODES)  # directions: two dimensions
    near = nearest_neighbors(on_sphere, k=5)
    dimension = structure_by_layer(on_sphere, near).iloc[0]["intrinsic_dimension"]
    assert dimension == pytest.approx(2, abs=0.25)


def test_translations_side_by_side_make_the_dimension_small():
    rng = np.random.default_rng(0)
    meaning = rng.uniform(size=(1, 1, 2000, 3))
    pairs = meaning + 1e-3 * rng.normal(size=(1, 2, 2000, 3))
    near = nearest_neighbors(world(pairs, CODES[:2]), k=3, metric="euclidean", keep=False)
    found = structure_by_layer(world(pairs, CODES[:2]), near, k=2, tau=1).iloc[0]
    assert found["intrinsic_dimension"] < 1
    apart = nearest_neighbors(world(pairs[:, :1], CODES[:1]), 2, "euclidean", keep=False)
    alone = structure_by_layer(world(pairs[:, :1], CODES[:1]), apart, k=2, tau=1).iloc[0]
    assert alone["dimension_apart"] == alone["intrinsic_dimension"] == pytest.approx(3, abs=0.3)


def test_no_links_between_languages_and_one_sentence_a_language():
    near = nearest_neighbors(rows_of_points(0, 50, 100), k=3, metric="euclidean")
    rates = language_rates(near, k=3)
    np.testing.assert_array_equal(rates["rate"][0], np.eye(3))
    known = language_table(["eng_Latn", "deu_Latn", "rus_Cyrl"])
    agreement = group_agreement(rates["ratio"], known)
    agreement = agreement[agreement["group"] == "script"]
    assert agreement[["within", "across"]].to_numpy().tolist() == [[0, 0]]
    assert agreement["p"].tolist() == [1]
    single = world(np.random.default_rng(0).normal(size=(1, 4, 1, 5)), CODES)
    near = nearest_neighbors(single, k=2)
    found = find_fragments(near, 0, k=2, tau=2)
    assert described(found)["size"].tolist() == [4]  # everybody is shared
    rates = language_rates(near, k=2)
    assert np.isfinite(rates["ratio"]).all() and (rates["ratio"].values[0].diagonal() == 0).all()
    communities = find_fragments(near, 0, k=2, tau=2, method="communities")
    pd.testing.assert_frame_equal(found, communities)
    with pytest.raises(ValueError, match="the intrinsic dimension needs 10"):
        structure_by_layer(single, near, k=2, tau=2)
