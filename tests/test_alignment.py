import numpy as np
import pandas as pd
import pytest
import xarray as xr
from made import world

from ilo_helpers import ilo_scores, nearest_neighbors
from ilo_helpers.neighbors import neighbor_kinds, without_translations
from ilo_helpers.validity.alignment import (
    ALIGNMENT_METRICS,
    _by_language,
    _csls,
    _imbalance,
    _precision,
    alignment_scores,
    cosine_gap,
    mexa,
    mutual_neighbors,
)
from ilo_helpers.validity.cka import linear_cka
from ilo_helpers.validity.clouds import Cloud, Pair
from ilo_helpers.validity.measures import all_measures

CODES = ["deu_Latn", "eng_Latn", "rus_Cyrl", "ukr_Cyrl"]
ONE_IF_EQUAL = ("P@1", "P@5", "P@1 CSLS", "MEXA", "mutual k-NN", "CKA", "SVCCA", "ANC")


def cloud(sentences=40, width=12, noise=0.5, languages=2, seed=0):
    """One meaning a sentence, and noise of each language: (1, language, sentence, hidden)."""
    rng = np.random.default_rng(seed)
    meaning = rng.normal(size=(1, 1, sentences, width)) * np.geomspace(3, 1, width)
    return meaning + noise * rng.normal(size=(1, languages, sentences, width))


def scores(values, languages=None, pivot="auto", metrics=None):
    """Value by metric of the only row, or by (language, metric)."""
    acts = world(values, languages or CODES[: values.shape[1]])
    table = alignment_scores(acts, metrics, pivot, keep=False).set_index(["language", "metric"])[
        "value"
    ]
    return table.droplevel(0) if len(table.index.levels[0]) == 1 else table


def unit(points):
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def of(cosines):
    """A pair of languages with these cosines."""
    pair = Pair(None, None)
    pair.cosines = cosines
    return pair


def test_identical_languages_are_fully_aligned():
    found = scores(cloud(noise=0))
    assert list(found.index) == list(ALIGNMENT_METRICS)
    np.testing.assert_allclose(found[list(ONE_IF_EQUAL)], 1, atol=1e-12)
    assert found["information imbalance"] == 1 - 2 / 40
    points = unit(cloud(noise=0)[0, 0])
    cosines = points @ points.T
    others = cosines[~np.eye(40, dtype=bool)].mean()
    assert found["cosine gap"] == pytest.approx(1 - others)


def test_a_rotation_of_one_language_leaves_geometry_and_moves_the_rest():
    values = cloud()
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(12, 12)))[0]
    turned = values.copy()
    turned[0, 1] = values[0, 1] @ rotation
    before, after = scores(values), scores(turned)
    geometry = ["mutual k-NN", "CKA", "SVCCA", "information imbalance"]
    np.testing.assert_allclose(before[geometry], after[geometry], atol=1e-9)
    assert (before[geometry] > 0.5).all()
    for name in ("P@1", "P@5", "P@1 CSLS", "MEXA", "ANC", "cosine gap"):
        assert before[name] > 0.2 and after[name] < before[name] / 2, name
    assert before["P@1"] == 1 and before["ANC"] > 0.8


def test_an_offset_of_one_language_leaves_what_is_centred():
    values = cloud()
    moved = values.copy()
    moved[0, 1] += 20 * np.random.default_rng(1).normal(size=12)
    before, after = scores(values), scores(moved)
    centred = ["CKA", "SVCCA", "ANC"]
    np.testing.assert_allclose(before[centred], after[centred], atol=1e-9)
    assert after["P@1"] < before["P@1"] / 2 and after["cosine gap"] < before["cosine gap"] / 2
    equal = cloud(noise=0) + np.array([0.0, 7])[None, :, None, None]
    np.testing.assert_allclose(scores(equal)[centred], 1, atol=1e-12)


def test_unrelated_languages_score_by_chance():
    """Means of 15 pairs of 6 languages of 100 sentences, within three standard deviations.

    Of one pair: hits of a retrieval are about Poisson with mean 1 a direction, so P@1 has a
    deviation of 1/n; CKA is the cosine of two random matrices of n(n − 3)/2 free entries; a
    neighbour is shared with probability k/(n − 1), n·k times; a rank is uniform, n times. That
    the 15 share languages is met by taking the deviation of 6 independent pairs.
    """
    n, k, pairs = 100, 10, 6
    values = np.random.default_rng(0).normal(size=(1, 6, n, 200))
    found = scores(values, [f"l{i}" for i in range(6)], pivot=None).groupby("metric").mean()
    chance = k / (n - 1)
    expected = {
        "P@1": (1 / n, 1 / n),
        "P@5": (5 / n, 5**0.5 / n),
        "P@1 CSLS": (1 / n, 1 / n),
        "CKA": (0, (2 / (n * (n - 3))) ** 0.5),
        "mutual k-NN": (chance, (chance * (1 - chance) / (n * k)) ** 0.5),
        "information imbalance": (0, 2 / (12 * n) ** 0.5),
        "ANC": (0, (1 / (n - 1) / 200) ** 0.5),
    }
    for name, (mean, deviation) in expected.items():
        assert found[name] == pytest.approx(mean, abs=3 * deviation / pairs**0.5), name
    assert found["MEXA"] <= found["P@1"]
    # 20 directions of 99: the root mean square correlation is √(20/99), the mean a little less
    assert 0.7 * (20 / 99) ** 0.5 < found["SVCCA"] < (20 / 99) ** 0.5


def test_hand_made_similarities():
    # sentence 0 wins its row and column, 1 loses its row, 2 its column, 3 ties in its row
    cosines = np.array([
        [0.9, 0.1, 0.2, 0.0],
        [0.0, 0.5, 0.6, 0.1],
        [0.3, 0.2, 0.4, 0.1],
        [0.7, 0.1, 0.0, 0.7],
    ])  # fmt: skip
    assert mexa(of(cosines)) == 1 / 4
    # rows: 0 and 2; columns: 0, 1 and 3
    assert _precision(cosines, 1) == (2 / 4 + 3 / 4) / 2
    assert _precision(cosines, 2) == 1 and _precision(cosines.T, 1) == _precision(cosines, 1)
    assert cosine_gap(of(cosines)) == pytest.approx(2.5 / 4 - 2.4 / 12)
    assert mexa(of(np.ones((3, 3)))) == _precision(np.ones((3, 3)), 1) == 0  # all tied
    assert mexa(of(np.eye(3))) == _precision(np.eye(3), 1) == cosine_gap(of(np.eye(3))) == 1


@pytest.mark.parametrize("n", [4, 25])
def test_csls_equals_its_definition(n):
    rng = np.random.default_rng(0)
    cosines = rng.uniform(-1, 1, size=(n, n))
    k = min(10, n - 1)
    found = _csls(cosines)
    for i in range(n):
        for j in range(n):
            row = sum(sorted(cosines[i, c] for c in range(n))[-k:]) / k
            column = sum(sorted(cosines[c, j] for c in range(n))[-k:]) / k
            assert found[i, j] == pytest.approx(2 * cosines[i, j] - row - column)


def test_csls_undoes_a_hub():
    # candidate 0 is near everybody: it wins every row by cosine, and its own alone by CSLS
    cosines = np.full((5, 5), 0.1) + 0.4 * np.eye(5)
    cosines[:, 0] = 0.6
    cosines[0, 0] = 0.9
    assert _precision(cosines, 1) == (1 / 5 + 1) / 2
    assert _precision(_csls(cosines), 1) == 1


@pytest.mark.parametrize("n", [4, 23])
def test_neighbour_metrics_equal_loops(n):
    values = cloud(n, 5, noise=1.0)[0]
    clouds = [Cloud(points) for points in values]
    k = min(10, n - 2)
    lists, ranks = [], []
    for points in values:
        cosines = unit(points) @ unit(points).T
        order = [
            sorted((j for j in range(n) if j != i), key=lambda j, row=cosines[i]: -row[j])
            for i in range(n)
        ]
        lists.append([set(each[:k]) for each in order])
        ranks.append(order)
    shared = np.mean([len(a & b) / k for a, b in zip(*lists, strict=True)])
    assert mutual_neighbors(Pair(*clouds)) == pytest.approx(shared)
    for x, y in ((0, 1), (1, 0)):
        mean = np.mean([ranks[y][i].index(ranks[x][i][0]) + 1 for i in range(n)])
        assert _imbalance(clouds[x], clouds[y]) == pytest.approx(2 / n * mean)


def test_equally_near_sentences_share_their_mean_rank():
    rng = np.random.default_rng(0)
    some, same = rng.normal(size=(9, 4)), np.ones((9, 4))
    assert _imbalance(Cloud(some), Cloud(same)) == 1  # n/2 for all: chance


def test_anc_is_the_signed_mean_of_correlations_of_varying_dimensions():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(1, 2, 9, 5)).astype(np.float32)
    values[0, 1, :, 1] = -3 * values[0, 0, :, 1] + 2  # correlation −1
    values[0, 1, :, 3] = values[0, 0, :, 4] = 0.1  # constant: left out
    each = [np.corrcoef(values[0, 0, :, i], values[0, 1, :, i])[0, 1] for i in range(3)]
    assert each[1] == pytest.approx(-1)
    assert scores(values)["ANC"] == pytest.approx(np.mean(each), abs=1e-6)


def test_svcca_equals_correlations_of_regressions():
    values = cloud(60, 30, noise=1.0)
    values[0, 1, :, 3:] *= 1e-3  # three directions hold 99% in one language, the cap in the other
    x, y = (points - points.mean(0) for points in values[0])
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    held = np.cumsum(s**2) / (s**2).sum()
    assert held[18] < 0.99
    first = u[:, :20]
    second = np.linalg.svd(y, full_matrices=False)[0][:, :3]
    # canonical correlations: roots of the eigenvalues of the product of the projections
    squares = np.linalg.eigvalsh(second.T @ first @ first.T @ second)
    assert scores(values)["SVCCA"] == pytest.approx(np.sqrt(squares).mean())


def test_svcca_does_not_saturate_with_few_sentences():
    # 9 sentences of width 200: without the cap, eight directions each, of an eight-dimensional
    # space, and all correlations are 1; with it, 3 of 8
    values = np.random.default_rng(0).normal(size=(1, 2, 9, 200))
    assert scores(values)["SVCCA"] < 0.95


def test_cka_is_linear_cka():
    values = cloud()
    assert scores(values)["CKA"] == pytest.approx(linear_cka(*values[0]), rel=1e-12)


def test_all_pairs_is_the_mean_over_pairs_and_every_metric_is_symmetric():
    values = cloud(12, 6, noise=2.0, languages=4)
    found = scores(values, CODES, pivot=None).unstack()
    assert set(found.index) == set(CODES) and set(found.columns) == set(ALIGNMENT_METRICS)
    pairs = {code: scores(values, CODES, pivot=code).unstack() for code in CODES}
    for code in CODES:
        assert code not in pairs[code].index and len(pairs[code]) == 3
        np.testing.assert_allclose(found.loc[code], pairs[code][found.columns].mean(), atol=1e-12)
        for other in pairs[code].index:
            there, back = pairs[code].loc[other], pairs[other].loc[code]
            np.testing.assert_allclose(there, back, atol=1e-12)


def test_layers_are_read_lazily_in_any_order_of_dimensions(tmp_path):
    values = np.concatenate([cloud(8, 6), cloud(8, 6, noise=3)]).astype(np.float32)
    acts = world(values, CODES[:2])
    stored = acts.transpose("hidden", "layer", "sentence", "language").rename("vectors")
    stored = stored.assign_coords(language=acts.language.astype(object))
    stored.to_dataset().to_zarr(tmp_path / "a.zarr", consolidated=False)
    lazy = xr.open_zarr(tmp_path / "a.zarr", chunks=None, consolidated=False)["vectors"]
    found = alignment_scores(lazy, ["ANC", "MEXA"])
    assert list(found) == ["layer", "language", "metric", "value"]
    assert found["layer"].tolist() == [0, 0, 1, 1] and set(found["language"]) == {"deu_Latn"}
    assert found["metric"].tolist() == ["ANC", "MEXA"] * 2
    for layer in (0, 1):
        own = scores(values[[layer]], metrics=["ANC", "MEXA"])
        got = found[found["layer"] == layer]["value"]
        np.testing.assert_allclose(got, own, atol=1e-12)


def test_the_pivot_is_english_or_the_first():
    values = cloud(6, 4, languages=3)
    with_english = alignment_scores(world(values, CODES[:3]), "P@1")
    assert with_english["language"].tolist() == ["deu_Latn", "rus_Cyrl"]
    without = alignment_scores(world(values, ["fra_Latn", *CODES[2:]]), "P@1")
    assert without["language"].tolist() == CODES[2:]


def test_sentences_with_one_vector_have_no_geometry():
    values = cloud(8, 6)
    values[0, 0] = values[0, 0, 0]
    found = scores(values)
    assert found.index[found.isna()].tolist() == [
        "mutual k-NN", "CKA", "SVCCA", "ANC", "information imbalance"
    ]  # fmt: skip
    # as queries all find the one nearest to them; as candidates they are tied
    assert found["P@1"] == 1 / 16 and found["MEXA"] == 0 and abs(found["cosine gap"]) < 1e-12
    values[0, 0, 3, 2] += 1  # one sentence differs: for unbiased CKA that is still nothing
    assert scores(values).isna().sum() == 1 and np.isnan(scores(values)["CKA"])


def test_a_sentence_twice_is_a_tie():
    values = cloud(31, 640, noise=0)
    # of another length: equal cosines, which rounding makes differ
    values[0, :, 16:] = values[0, :, :15] * np.linspace(1.1, 3, 15)[:, None]
    found = scores(values)
    assert found["P@1"] == found["MEXA"] == found["P@1 CSLS"] == 1 / 31 and found["P@5"] == 1


def test_label_overlap_is_the_share_of_other_languages():
    index = np.array([[[1, 2], [0, 3]], [[0, 1], [2, 0]]], np.int32)[None]
    coords = {"layer": [4], "language": CODES[:2], "sentence": [0, 1], "neighbor": [0, 1]}
    near = xr.Dataset({"index": (tuple(coords), index)}, coords)
    found = neighbor_kinds(near, k=2)
    assert (1 - found["own"]).tolist() == [0.5, 0.75] and set(found["layer"]) == {4}
    assert (1 - neighbor_kinds(near, k=1)["own"]).tolist() == [0, 0.5]


def test_all_measures_are_in_one_table(capsys):
    values = np.concatenate([cloud(8, 6, languages=3)] * 2)
    acts = world(values, CODES[:3])
    near = nearest_neighbors(acts, k=6, keep=False)
    table = all_measures(acts, near, k=4, tau=2)
    own = ["bridge", "reach", "ILO", "ILO without translations", "label overlap"]
    assert list(table) == ["layer", "language", "metric", "value"]
    assert list(table["metric"].unique()) == [*own[:4], *ALIGNMENT_METRICS, "label overlap"]
    assert not table.isna().any(axis=None)
    assert not table.duplicated(["layer", "language", "metric"]).any()
    assert len(table) == 2 * (2 * len(ALIGNMENT_METRICS) + 3 * len(own))
    told = capsys.readouterr()
    assert "2/2" in told.out and not told.err
    of_metric = table.groupby("metric", sort=False)["value"].apply(list)
    scores, apart = (ilo_scores(each, 4, 2) for each in (near, without_translations(near, 4)))
    for name in ("bridge", "reach"):
        assert of_metric[name] == scores[name].tolist()
    assert of_metric["ILO"] == scores["ilo"].tolist()
    assert of_metric["ILO without translations"] == apart["ilo"].tolist()
    own = near["index"].values[..., :4] // 8 == np.arange(3)[:, None, None]
    assert of_metric["label overlap"] == pytest.approx((1 - own.mean((2, 3))).ravel())
    with pytest.raises(ValueError, match="different layers: call nearest_neighbors"):
        all_measures(acts.isel(layer=[0]), near)
    with pytest.raises(ValueError, match="k = 7: 6 neighbours are stored.*call nearest_neighbors"):
        all_measures(acts, near, k=7, tau=2)


def test_a_metric_of_one_s_own_takes_a_pair(monkeypatch):
    monkeypatch.setitem(ALIGNMENT_METRICS, "same sign", None)  # taken out again afterwards

    @ALIGNMENT_METRICS.add("same sign")
    def same_sign(pair):
        return ((pair.x.points > 0) == (pair.y.points > 0)).mean()

    values = cloud(8, 6, languages=3)
    centred = values - values.mean(2, keepdims=True)
    expected = ((centred[0, 0] > 0) == (centred[0, 1] > 0)).mean()
    assert scores(values, metrics="same sign", pivot="deu_Latn")["eng_Latn"].item() == expected
    assert "same sign" in set(alignment_scores(world(values))["metric"])
    values[0, 1] = values[0, 1, 0]  # like the package's own: no value where nothing varies
    assert np.isnan(scores(values[:, :2], metrics="same sign").item())
    ALIGNMENT_METRICS.add("same sign", of_cosines=True)(same_sign)
    assert scores(values[:, :2], metrics="same sign").item() >= 0


def test_errors_say_what_where_and_what_to_do():
    acts = world(cloud(6, 4), CODES[:2])
    with pytest.raises(ValueError, match=r"metric 'P@2': choose from 'P@1', 'P@5'"):
        alignment_scores(acts, ["P@2"])
    with pytest.raises(ValueError, match="pivot 'fra_Latn' is not among .* deu_Latn, eng_Latn"):
        alignment_scores(acts, pivot="fra_Latn")
    with pytest.raises(ValueError, match="3 sentences: alignment needs at least 4"):
        alignment_scores(acts.isel(sentence=slice(3)))
    with pytest.raises(ValueError, match="1 languages: alignment needs at least 2"):
        alignment_scores(acts.isel(language=[0]))
    with pytest.raises(ValueError, match="activations have dimensions"):
        alignment_scores(acts.isel(layer=0))
    for value, what in ((0, "zero"), (np.nan, "not finite")):
        broken = acts.copy()
        broken[0, 1, 3] = value
        said = f"layer 0, language eng_Latn, sentence 3: the vector is {what}.*drop_sel"
        with pytest.raises(ValueError, match=said):
            alignment_scores(broken)


def test_values_are_kept_by_layer_and_read_again(data, monkeypatch, capsys):
    acts = world(np.concatenate([cloud(8, 6, languages=3) for _ in range(3)]), CODES[:3])
    broken = acts.copy()
    broken[2, 1, 4] = np.nan
    with pytest.raises(ValueError, match="layer 2, language eng_Latn, sentence 4"):
        alignment_scores(broken)
    (folder,) = [path for path in (data / "alignment").iterdir() if path.is_dir()]
    assert {path.name for path in folder.glob("*.parquet")} == {"0.parquet", "1.parquet"}
    here = alignment_scores(acts, keep=False)
    assert len(list((data / "alignment").glob("*.parquet"))) == 0
    kept = alignment_scores(acts)
    assert len(list((data / "alignment").glob("*.parquet"))) == 1
    monkeypatch.setattr("ilo_helpers.validity.alignment._compare", None)
    pd.testing.assert_frame_equal(alignment_scores(acts), kept)
    pd.testing.assert_frame_equal(here, kept)
    for other in (acts + 1, acts.assign_coords(layer=[4, 5, 6]), acts.astype("float16")):
        with pytest.raises(TypeError, match="NoneType"):
            alignment_scores(other)


def test_a_layer_that_was_read_is_not_held(tmp_path):
    acts = world(cloud(8, 6, languages=3), CODES[:3])
    acts.to_dataset(name="acts").to_zarr(tmp_path / "a.zarr", zarr_format=2)
    lazy = xr.open_zarr(tmp_path / "a.zarr", chunks=None)["acts"][0]
    (found,) = _by_language(["MEXA"], [mexa], "eng_Latn", lazy, None)
    assert len(found["MEXA"]) == 3 and not lazy.variable._in_memory


def test_what_hangs_on_a_metric_of_one_s_own_is_not_kept(data, monkeypatch):
    """Its source does not tell what it gives."""
    for value in (1.0, 2.0):
        monkeypatch.setitem(ALIGNMENT_METRICS, "part", lambda pair, value=value: value)
        found = alignment_scores(world(cloud(8, 6, languages=3), CODES[:3]), "part")
        assert set(found["value"]) == {value}
    assert not (data / "alignment").exists()
