import numpy as np
import pandas as pd
import pytest
import xarray as xr
from made import world
from test_ilo import by_definition
from test_neighbors import brute_force

from ilo_helpers import ilo_scores, nearest_neighbors
from ilo_helpers.models import load_model
from ilo_helpers.regions.confounds import (
    confound_scores,
    csls_neighbors,
    mutual_lists,
    neighbors_of_like_length,
    wide_enough,
)
from ilo_helpers.regions.length import (
    reweigh_bos,
    shuffled_counts,
    token_counts,
    without_length,
)

LANGUAGES, SENTENCES, HIDDEN = 4, 20, 6


@pytest.fixture
def acts():
    """Crowded around a common mean, as a model's vectors are."""
    rng = np.random.default_rng(0)
    values = 3 + rng.normal(size=(2, LANGUAGES, SENTENCES, HIDDEN))
    return world(values.astype(np.float32)).assign_attrs(model="m", corpus="c")


@pytest.fixture
def tokens(acts):
    counts = np.random.default_rng(1).integers(5, 40, (LANGUAGES, SENTENCES))
    dims = ("language", "sentence")
    return xr.DataArray(counts, {dim: acts[dim].values for dim in dims}, dims)


def points_of(acts):
    """Each layer's vectors, float64 (point, hidden)."""
    return acts.values.reshape(len(acts), -1, acts.sizes["hidden"]).astype(np.float64)


def cosines(points):
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    return unit @ unit.T


def test_tokens_are_counted_without_special_ones(tiny, text):
    for kind in ("gemma3", "mt5"):  # a special token before each sentence, and after it
        lm = load_model(tiny(kind))
        found = token_counts(lm, text)
        assert found.dims == ("language", "sentence") and found.dtype == int
        assert found.language.values.tolist() == list(text.columns)
        for code, sentence in [("tel_Telu", text.index[0]), ("eng_Latn", text.index[5])]:
            ids = lm.tokenizer(text.loc[sentence, code], add_special_tokens=False)["input_ids"]
            assert found.sel(language=code, sentence=sentence) == len(ids) > 0


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("ratio", [1.5, 3])
def test_neighbors_of_like_length_are_those_of_brute_force(acts, tokens, metric, ratio):
    found = neighbors_of_like_length(acts, tokens, 4, metric, ratio)
    assert found["index"].dtype == np.int32 and found["distance"].dtype == np.float32
    assert found.attrs["control"] == f"like length, ratio {ratio:g}" and found.attrs["model"] == "m"
    n = tokens.values.ravel()
    far = np.maximum.outer(n, n) > ratio * np.minimum.outer(n, n)
    for layer, points in enumerate(points_of(acts)):
        order, distance = brute_force(points, len(points) - 1, metric)
        for row in range(len(points)):
            kept = ~far[row, order[row]]
            near = found.isel(layer=layer, language=row // SENTENCES, sentence=row % SENTENCES)
            assert near["index"].values.tolist() == order[row][kept][:4].tolist()
            np.testing.assert_allclose(near["distance"], distance[row][kept][:4], rtol=1e-6)


def test_without_restriction_they_are_the_nearest_neighbors(acts, tokens):
    acts[:, 1] = acts[:, 0]  # ties, which go to the lower index
    for metric in ("cosine", "euclidean"):
        plain = nearest_neighbors(acts, 7, metric, keep=False)
        found = neighbors_of_like_length(acts, tokens, 7, metric, np.inf)
        np.testing.assert_array_equal(found["index"], plain["index"])
        np.testing.assert_allclose(found["distance"], plain["distance"], rtol=1e-6)
        assert found.sizes == plain.sizes and dict(plain.coords.sizes) == dict(found.coords.sizes)


def test_rows_are_searched_in_blocks(acts, tokens, monkeypatch):
    whole = neighbors_of_like_length(acts, tokens, 3), csls_neighbors(acts, 3)
    monkeypatch.setattr("ilo_helpers.regions.confounds.BLOCK", 7)
    parts = neighbors_of_like_length(acts, tokens, 3), csls_neighbors(acts, 3)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one["index"], other["index"])
        np.testing.assert_allclose(one["distance"], other["distance"], rtol=1e-6)


def test_counts_are_found_by_name_and_not_by_place(acts, tokens):
    plain = neighbors_of_like_length(acts, tokens, 3)
    turned = tokens.transpose("sentence", "language")[::-1, ::-1]
    other = neighbors_of_like_length(acts.transpose("hidden", ...), turned, 3)
    np.testing.assert_array_equal(plain["index"], other["index"])
    np.testing.assert_array_equal(without_length(acts, tokens), without_length(acts, turned))


def test_too_few_of_like_length_is_an_error_with_the_name(acts, tokens):
    tokens[2, 5] = 400
    message = "language l2, sentence 5: 0 others .* ratio 1.5, k = 3; choose a greater ratio or"
    with pytest.raises(ValueError, match=message):
        neighbors_of_like_length(acts, tokens, 3)
    with pytest.raises(KeyError, match="not all values found in index 'language'"):
        neighbors_of_like_length(acts, tokens.drop_sel(language="l3"), 3)
    with pytest.raises(ValueError, match="metric 'dot': choose"):
        neighbors_of_like_length(acts, tokens, 3, "dot", 9999)
    with pytest.raises(ValueError, match="k = 80: with 80 sentences"):
        csls_neighbors(acts, 80)
    with pytest.raises(ValueError, match="k = 90: with 80 sentences"):
        csls_neighbors(acts, 3, r=90)
    acts[1, 3, 2] = 0
    with pytest.raises(ValueError, match="layer 1, language l3, sentence 2: the vector is zero"):
        csls_neighbors(acts, 3)
    neighbors_of_like_length(acts, tokens, 3, "euclidean", 100)  # there zero is a place
    acts[1, 3, 2, 0] = np.nan
    with pytest.raises(ValueError, match="layer 1, language l3, sentence 2: .* not finite"):
        neighbors_of_like_length(acts, tokens, 3, "euclidean", 100)


def test_the_ratio_is_as_wide_as_it_must_be(acts, tokens):
    assert wide_enough(tokens, 3) == 1.5
    lone = tokens.copy(data=np.where(np.arange(SENTENCES) == 0, 100, tokens))
    lone[1:, 0] = 10
    ratio = wide_enough(lone, 3)
    assert ratio == 100 / np.sort(lone.values.ravel())[-4]  # the third longest beside it
    neighbors_of_like_length(acts, lone, 3, ratio=ratio)
    with pytest.raises(ValueError, match="2 others are of like length"):
        neighbors_of_like_length(acts, lone, 3, ratio=0.999 * ratio)


def test_what_is_left_has_nothing_to_do_with_length(acts, tokens):
    n = tokens.values.ravel()
    rest = without_length(acts, tokens)
    assert rest.dtype == np.float32 and rest.attrs["removed"] == "log(tokens), 1 / (tokens + 1)"
    design = np.column_stack([np.log(n), 1 / (n + 1)])
    design = (design - design.mean(0)) / design.std(0)
    for before, after in zip(points_of(acts), points_of(rest), strict=True):
        np.testing.assert_allclose(after.mean(0), before.mean(0), rtol=1e-6)
        np.testing.assert_allclose(design.T @ (after - after.mean(0)) / len(n), 0, atol=1e-6)
        # the formula: residuals of ordinary least squares with a constant, plus the mean
        full = np.column_stack([np.ones(len(n)), design])
        hat = full @ np.linalg.solve(full.T @ full, full.T)
        np.testing.assert_allclose(after, before - hat @ before + before.mean(0), atol=1e-5)
    np.testing.assert_allclose(without_length(rest, tokens), rest, atol=1e-5)


def test_by_language_each_is_regressed_by_itself(acts, tokens):
    rest = without_length(acts, tokens, by_language=True)
    assert rest.attrs["removed"].endswith("by language")
    for code in acts.language.values:
        alone = without_length(acts.sel(language=[code]), tokens)
        np.testing.assert_allclose(rest.sel(language=[code]), alone, atol=1e-6)


def test_bos_at_other_weights(acts, tokens):
    bos = xr.DataArray(np.random.default_rng(4).normal(size=(2, HIDDEN)), dims=("layer", "hidden"))
    own, even = 1 / (tokens + 1), tokens * 0 + 0.125
    whole = ((1 - own) * acts + own * bos).transpose(*acts.dims).astype(np.float32)
    found = reweigh_bos(whole, acts, tokens, even)
    assert found.dtype == np.float32 and found.attrs["bos"] == "given other weights"
    np.testing.assert_allclose(found, (0.875 * acts + 0.125 * bos).transpose(*acts.dims), atol=1e-5)
    np.testing.assert_allclose(reweigh_bos(whole, acts, tokens, own), whole, atol=1e-5)
    np.testing.assert_allclose(reweigh_bos(whole, acts, tokens, even * 0), acts, atol=1e-5)
    with pytest.raises(ValueError, match="not one vector in all sentences: the model has no BOS"):
        reweigh_bos(whole, acts.roll(sentence=1, roll_coords=False), tokens, even)


def test_a_planted_weight_of_bos_is_taken_away_and_equal_counts_change_nothing(acts, tokens):
    rng = np.random.default_rng(2)
    # nothing there but the mean: the rest is exactly what was planted
    flat = acts.copy(data=np.ones_like(acts)) + (1 / (tokens + 1)) * xr.DataArray(
        1000 * rng.normal(size=HIDDEN), dims="hidden"
    )
    rest = without_length(flat, tokens)
    np.testing.assert_allclose(rest - flat.mean(("language", "sentence")), 0, atol=1e-4)
    np.testing.assert_allclose(without_length(acts, tokens * 0 + 7), acts, rtol=1e-6)


def test_csls_is_the_formula(acts):
    k, r = 5, 8
    found = csls_neighbors(acts, k, r)
    for layer, points in enumerate(points_of(acts)):
        cosine = cosines(points)
        np.fill_diagonal(cosine, -np.inf)
        mean = np.sort(cosine, axis=1)[:, -r:].mean(1)
        value = mean[:, None] + mean - 2 * cosine
        order = np.argsort(value, axis=1)[:, :k]
        at = found.isel(layer=layer)
        np.testing.assert_array_equal(at["index"].values.reshape(-1, k), order)
        values = np.take_along_axis(value, order, 1)
        np.testing.assert_allclose(at["distance"].values.reshape(-1, k), values, atol=1e-6)


def test_a_made_hub_wins_less_often_under_csls_and_among_mutual_neighbors():
    """The mean direction of a crowd is nearer to everybody than they are to each other."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(1, 3, 20, 40)) + 0.5
    values[0, 2, 19] = values.mean((0, 1, 2))
    acts, hub = world(values), 59
    plain, scaled = nearest_neighbors(acts, 3, keep=False), csls_neighbors(acts, 3)
    times = [int((each["index"] == hub).sum()) for each in (plain, scaled)]
    assert times[0] > 40 and times[1] < 15
    mutual = mutual_lists(plain, 3)
    # its own list is full, and it stands in those three lists and in no other
    assert (mutual["index"] == hub).sum() == (mutual["index"][0, 2, 19] >= 0).sum() == 3


def test_mutual_neighbors_and_their_scores_are_those_of_sets(acts):
    plain = nearest_neighbors(acts, 9, keep=False)
    found = mutual_lists(plain, 6)
    assert found.sizes["neighbor"] == found.attrs["k"] == 6 and found["index"].dtype == np.int32
    index = plain["index"].values[..., :6].reshape(2, -1, 6)
    near = found["index"].values.reshape(index.shape)
    for layer, row, place in np.ndindex(index.shape):
        other = index[layer, row, place]
        expected = other if row in index[layer, other] else -1
        assert near[layer, row, place] == expected
    empty = found["index"].values == -1
    assert 0.2 < empty.mean() < 0.8
    np.testing.assert_array_equal(np.isnan(found["distance"]), empty)
    whole = plain["distance"].values[..., :6]
    np.testing.assert_array_equal(found["distance"].values[~empty], whole[~empty])
    # empty places are no language: scores from sets, in which −1 is no sentence
    for k, tau in ((6, 1), (6, 2), (3, 2)):
        scores = ilo_scores(found, k, tau)[["bridge", "reach", "ilo"]]
        expected = by_definition_of_lists(near.reshape(found["index"].shape)[..., :k], tau)
        np.testing.assert_allclose(scores, expected, atol=1e-15)
    with pytest.raises(ValueError, match="k = 10: 9 neighbours are stored"):
        mutual_lists(plain, 10)


def by_definition_of_lists(index, tau):
    """Bridge, reach, ILO of each layer and language, in loops over sets without the empty."""
    rows = []
    for lists in index:
        for own, of_own in enumerate(lists):
            met = [{int(i) // SENTENCES for i in near if i >= 0} - {own} for near in of_own]
            b = np.mean([len(each) >= tau for each in met])
            r = len(set().union(*met)) / (len(lists) - 1)
            rows.append((b, r, 2 * b * r / (b + r) if b + r else 0))
    return np.array(rows)


def test_empty_lists_score_zero_and_meet_not_the_last_language(acts):
    plain = nearest_neighbors(acts, 5, keep=False)
    nothing = plain.assign(index=plain["index"] * 0 - 1)
    assert (ilo_scores(nothing)[["bridge", "reach", "ilo"]] == 0).all(axis=None)


def test_the_table_of_all_variants(acts, tokens):
    table = confound_scores(acts, tokens, k=4, tau=2, ratio=2, seed=3)
    assert list(table.columns) == ["layer", "bridge", "reach", "ilo", "translations", "variant"]
    shuffled = shuffled_counts(tokens, 3)
    rest, other = without_length(acts, tokens), without_length(acts, shuffled)
    each, control = without_length(acts, tokens, True), without_length(acts, shuffled, True)
    lists = {
        "as it is": nearest_neighbors(acts, 4, keep=False),
        "CSLS": csls_neighbors(acts, 4),
        "mutual": mutual_lists(nearest_neighbors(acts, 9, keep=False), 4),
        "like length": neighbors_of_like_length(acts, tokens, 4, ratio=2),
        "length regressed out": nearest_neighbors(rest, 4, keep=False),
        "like shuffled length": neighbors_of_like_length(acts, shuffled, 4, ratio=2),
        "shuffled length regressed out": nearest_neighbors(other, 4, keep=False),
        "length regressed out by language": nearest_neighbors(each, 4, keep=False),
        "shuffled length regressed out by language": nearest_neighbors(control, 4, keep=False),
    }
    assert set(table["variant"]) == {*lists, "as few at random"}
    for name, near in lists.items():
        rows = table[table["variant"] == name].set_index("layer")
        scores = ilo_scores(near, 4, 2).groupby("layer")[["bridge", "reach", "ilo"]].mean()
        pd.testing.assert_frame_equal(rows[["bridge", "reach", "ilo"]], scores)
        for layer, share in rows["translations"].items():
            kinds = []
            for row, places in enumerate(near["index"].values[layer].reshape(-1, 4)):
                others = [i for i in places if i >= 0 and i // SENTENCES != row // SENTENCES]
                kinds += [i % SENTENCES == row % SENTENCES for i in others]
            assert share == pytest.approx(np.mean(kinds))


def test_counts_shuffled_within_languages_keep_sizes_and_languages_of_the_pools(acts, tokens):
    """What the text says of the control, seen from each language."""
    pools = []
    assert (shuffled_counts(tokens) != tokens).any()
    for counts in (tokens, shuffled_counts(tokens)):
        n = counts.values.ravel()
        near = np.maximum.outer(n, n) <= 1.5 * np.minimum.outer(n, n)
        by_language = near.reshape(LANGUAGES, SENTENCES, LANGUAGES, SENTENCES).sum(3)
        pools.append([sorted(map(tuple, each)) for each in by_language.tolist()])
    assert pools[0] == pools[1]


def test_as_few_at_random_as_are_mutual(acts, tokens):
    """Emptied at random, the same number of places is spread over more lists."""
    table = confound_scores(acts, tokens, k=5, tau=1, ratio=2).set_index("variant")
    few, mutual, whole = (
        table.loc[name, "bridge"].mean() for name in ("as few at random", "mutual", "as it is")
    )
    assert mutual < few < whole


def test_by_definition_agrees_with_the_other_brute_force(acts):
    near = nearest_neighbors(acts, 5, keep=False)
    both = by_definition(near, 5, 2), by_definition_of_lists(near["index"].values, 2)
    np.testing.assert_array_equal(*both)
