"""The explorer: what it knows, what it says, its maps, the toy, and its widgets without a browser.

Most studies here stand on made vectors: three layers of six languages whose sentences lie round
their meaning, the nearer the higher the layer.
"""

import itertools
import json
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import CORPUS, LANGUAGES
from made import table, world

from ilo_helpers import ilo_scores, open_study
from ilo_helpers.explorer import Toy, charts, explore, moving, reading
from ilo_helpers.explorer.bundle import STATIC, bundle
from ilo_helpers.explorer.moving import moving_maps
from ilo_helpers.explorer.state import Explorer
from ilo_helpers.neighbors import KINDS, neighbor_kinds, without_translations
from ilo_helpers.regions.offsets import remove_offsets
from ilo_helpers.study import Study
from ilo_helpers.validity.alignment import alignment_scores
from ilo_helpers.validity.chance import expected_scores
from ilo_helpers.validity.intervals import jackknife_interval, leave_one_out_scores

SCORES = ["bridge", "reach", "ilo"]


@pytest.fixture(autouse=True)
def _live(monkeypatch):
    monkeypatch.delenv(STATIC, raising=False)


def words(texts, **_):
    """A tokenizer that cuts at spaces."""
    ids = [text.split() for text in texts]
    return {"input_ids": ids, "special_tokens_mask": [[0] * len(each) for each in ids]}


def made_study(text, k=4, tau=2, layers=3, metric="cosine"):
    """A study whose vectors are made and whose model is a name."""
    languages, sentences = text.shape[1], len(text)
    vectors = {}
    for seed, pooling in enumerate(["mean", "mean_no_special"]):
        rng = np.random.default_rng(seed)
        meaning, own = rng.normal(size=(sentences, 8)), rng.normal(size=(languages, 1, 8))
        noise = rng.normal(size=(layers, languages, sentences, 8))
        scale = np.linspace(1.0, 0.5, layers)[:, None, None, None]
        values = (meaning + scale * (noise + own)).astype(np.float32)
        acts = world(values, list(text.columns)).assign_coords(sentence=text.index.to_numpy())
        attrs = {"model": "made", "corpus": text.attrs["fingerprint"], "pooling": pooling}
        vectors[pooling] = acts.assign_attrs(attrs)
    facts = {"name": "made", "dtype": "float32", "attrs": {}, "max_tokens": 0, "rows": 0}
    model = SimpleNamespace(**facts, tokenizer=words)
    study = Study(text, model, k, tau, metric)  # type: ignore[arg-type]
    vars(study).update(vectors=vectors, bare="mean_no_special")  # in place of the model's
    return study


@pytest.fixture
def explorer(text):
    return Explorer(made_study(text))


def searched(explorer, setting=None):
    """Lists of a setting by brute force in float64 on its own vectors."""
    s, study = setting or explorer.setting, explorer.study
    acts = study.vectors[s.pooling]
    acts = acts if s.offsets else remove_offsets(acts)
    kept = [code for code in study.text if code not in s.without]
    acts = acts.sel(language=kept).isel(sentence=slice(s.sentences[0] - 1, s.sentences[1]))
    index = np.empty((*acts.shape[:3], s.k), np.int32)
    for layer, vectors in enumerate(acts.values.astype(np.float64)):
        points = vectors.reshape(-1, vectors.shape[-1])
        if s.metric == "cosine":
            points /= np.linalg.norm(points, axis=1, keepdims=True)
        distance = ((points[:, None] - points[None]) ** 2).sum(-1)
        np.fill_diagonal(distance, np.inf)
        if not s.translations:
            sentence = np.arange(len(points)) % acts.sizes["sentence"]
            distance[sentence[:, None] == sentence] = np.inf
        order = np.argsort(distance, axis=1, kind="stable")[:, : s.k]
        index[layer] = order.reshape(index.shape[1:])
    coords = {dim: acts[dim].values for dim in acts.dims[:3]} | {"neighbor": range(s.k)}
    return xr.Dataset({"index": (tuple(coords), index)}, coords)


def same_scores(found, expected):
    """Whether two tables hold the same scores of the same layers and languages."""
    assert found["language"].tolist() == expected["language"].tolist()
    np.testing.assert_array_equal(found["layer"], expected["layer"])
    np.testing.assert_allclose(found[SCORES], expected[SCORES], atol=1e-12)


# the state

SWITCHES = {
    "as it is": {},
    "metric": {"metric": "euclidean"},
    "pooling": {"pooling": "mean_no_special"},
    "translations": {"translations": False},
    "offsets": {"offsets": False},
    "slice": {"sentences": (3, 9)},
    "languages": {"without": ("tel_Telu", "eng_Latn")},
    "all at once": {
        "metric": "euclidean", "pooling": "mean_no_special", "translations": False,
        "offsets": False, "sentences": (2, 11), "without": ("zho_Hans",), "k": 6, "tau": 3,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", SWITCHES)
def test_every_switch_gives_what_a_search_from_scratch_gives(name, explorer):
    setting = explorer.move(**SWITCHES[name])
    near = searched(explorer)
    lists = explorer.lists
    np.testing.assert_array_equal(lists["index"][..., : setting.k], near["index"])
    assert lists.language.values.tolist() == explorer.languages == near.language.values.tolist()
    assert lists.sentence.values.tolist() == near.sentence.values.tolist()
    same_scores(explorer.scores(), ilo_scores(near, setting.k, setting.tau))


def test_the_switches_change_the_lists(explorer):
    """Otherwise the test above would pass with a switch that does nothing."""
    ilo = {}
    for name, changes in SWITCHES.items():
        start = explorer.setting
        explorer.move(**changes)
        ilo[name] = tuple(explorer.curves()["ilo"])
        explorer.setting = start
    assert len(set(ilo.values())) == len(SWITCHES)


@pytest.mark.parametrize(("k", "tau"), [(1, 1), (4, 2), (5, 3), (9, 5), (30, 5)])
def test_scores_and_their_intervals(k, tau, explorer):
    explorer.move(k=k, tau=tau)
    near, found = explorer.study.neighbors, explorer.scores()
    expected = ilo_scores(near, k, tau)
    same_scores(found, expected)
    low, high = jackknife_interval(
        expected["ilo"].to_numpy().reshape(3, 6), leave_one_out_scores(near, k, tau)["ilo"]
    )
    np.testing.assert_allclose(found["low"], low.ravel(), atol=1e-12)
    np.testing.assert_allclose(found["high"], high.ravel(), atol=1e-12)
    assert list(found) == ["layer", "language", *SCORES, "low", "high"]


@pytest.mark.parametrize("translations", [True, False])
@pytest.mark.parametrize(("k", "tau"), [(4, 2), (7, 4)])
def test_curves_are_means_by_layer_beside_chance(k, tau, translations, explorer):
    explorer.move(k=k, tau=tau, translations=translations)
    near = explorer.study.neighbors
    near = near if translations else without_translations(near, k)
    curves, expected = explorer.curves(), ilo_scores(near, k, tau).groupby("layer")[SCORES].mean()
    np.testing.assert_allclose(curves[SCORES], expected)
    assert curves.index.tolist() == [0, 1, 2]
    left_out = leave_one_out_scores(near, k, tau)["ilo"].mean(axis=2)
    low, high = jackknife_interval(expected["ilo"].to_numpy(), left_out)
    np.testing.assert_allclose(curves[["low", "high"]], np.transpose([low, high]))
    kinds = neighbor_kinds(near, k).groupby("layer")["translation"].mean()
    np.testing.assert_allclose(curves["translation"], kinds)
    assert (curves["translation"] > 0).all() == translations
    chance = expected_scores(12, 6, k, tau, translations)["ilo"]
    assert curves["chance"].tolist() == [chance] * 3


def test_chance_is_that_of_the_pool(explorer):
    explorer.move(sentences=(3, 9), without=("eng_Latn", "tel_Telu"), k=3, tau=2)
    assert (explorer.curves()["chance"] == expected_scores(7, 4, 3, 2)["ilo"]).all()


@pytest.mark.parametrize("pooling", ["mean", "mean_no_special"])
@pytest.mark.parametrize("offsets", [True, False])
def test_precision_is_that_of_the_vectors_of_the_whole_corpus(pooling, offsets, explorer):
    acts = explorer.study.vectors[pooling]
    for changes in ({}, {"pooling": pooling, "offsets": offsets, "sentences": (2, 8)}):
        explorer.move(**changes)
        found = explorer.curves()["P@1"]
    acts = acts if offsets else remove_offsets(acts)
    expected = alignment_scores(acts, "P@1", None).groupby("layer")["value"].mean()
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("changes", [{}, {"layer": 0}, {"translations": False, "layer": 1},
                                     {"sentences": (1, 3), "without": ("eng_Latn",)}])  # fmt: skip
def test_the_grid_has_every_k_and_tau(changes, explorer):
    explorer.move(**changes)
    at_layer, peaks = explorer.grid()
    stored, languages = explorer.lists.sizes["neighbor"], len(explorer.languages)
    ks = (*range(1, 11), 15, 20, 25, 30)
    assert at_layer.index.tolist() == [k for k in ks if k <= stored]
    assert at_layer.columns.tolist() == list(range(1, languages))
    for k in at_layer.index:
        for tau in at_layer.columns:
            if tau > k:
                assert np.isnan(at_layer.at[k, tau]) and np.isnan(peaks.at[k, tau])
                continue
            means = ilo_scores(explorer.lists, k, tau).groupby("layer")["ilo"].mean()
            assert at_layer.at[k, tau] == pytest.approx(means[explorer.setting.layer])
            assert peaks.at[k, tau] == means.idxmax()


def test_where_the_knobs_begin(explorer):
    s, study = explorer.setting, explorer.study
    assert (s.k, s.tau, s.layer, s.metric, s.pooling) == (4, 2, study.peak, "cosine", "mean")
    assert s.translations and s.offsets and s.sentences == (1, 12) and s.without == ()
    same_scores(explorer.scores(), study.scores)
    assert explorer.details() == {} and explorer.caption == study.caption
    explorer.move(translations=False, offsets=False, sentences=(2, 5), without=("eng_Latn",), k=3)
    assert explorer.details() == {
        "left_out": "translations", "removed": "mean of each language",
        "slice": "sentences 2 to 5", "without": "eng_Latn",
    }  # fmt: skip
    assert explorer.caption.sentences == 4 and explorer.caption.k == 3


def test_tau_follows_k_and_k_follows_the_pool(explorer):
    assert explorer.k_max() == 30
    assert explorer.move(k=10, tau=5).tau == 5
    assert explorer.move(k=3).tau == 3
    assert explorer.move(k=10).tau == 3  # and stays there
    assert (explorer.move(k=99, tau=99).k, explorer.setting.tau) == (30, 5)
    assert explorer.move(k=0).k == 1 and explorer.setting.tau == 1
    assert explorer.move(tau=-1).tau == 1
    explorer.move(k=30, tau=5)
    # three sentences in four languages: 11 others, 3 of them translations
    moved = explorer.move(sentences=(4, 6), without=("eng_Latn", "deu_Latn"))
    assert (moved.k, moved.tau, explorer.k_max()) == (11, 3, 11)
    assert explorer.move(translations=False).k == explorer.k_max() == 8
    assert explorer.lists.sizes["neighbor"] == 8
    assert explorer.move(translations=True).k_max(explorer.study) == 11
    explorer.move(sentences=(1, 12), without=())
    assert explorer.k_max() == 30


@pytest.mark.parametrize(("changes", "told"), [
    ({"layer": 3}, "layer 3: there are 0 to 2"),
    ({"layer": -1}, "layer -1"),
    ({"metric": "manhattan"}, "metric 'manhattan': choose cosine, euclidean"),
    ({"pooling": "last"}, "pooling 'last': choose mean, mean_no_special"),
    ({"sentences": (0, 5)}, "sentences 0 to 5.*1 to 12"),
    ({"sentences": (5, 5)}, "sentences 5 to 5: choose two or more"),
    ({"sentences": (8, 13)}, "sentences 8 to 13"),
    ({"sentences": (9, 4)}, "sentences 9 to 4"),
    ({"without": ("fra_Latn",)}, "language 'fra_Latn' is not in the corpus"),
    ({"without": tuple(LANGUAGES[:5])}, "5 languages left out: at least 2 must stay"),
])  # fmt: skip
def test_an_impossible_setting_is_told_and_changes_nothing(changes, told, explorer):
    explorer.move(k=6)
    before, scores = explorer.setting, explorer.scores()
    with pytest.raises(ValueError, match=told):
        explorer.move(k=7, **changes)
    assert explorer.setting == before
    pd.testing.assert_frame_equal(explorer.scores(), scores)


def test_numpy_integers_are_integers(explorer):
    plain = explorer.move(k=5, tau=3, layer=1, sentences=(2, 9))
    expected, name = explorer.scores(), reading.figure_name(explorer)
    code = reading.as_code(explorer)
    given = explorer.move(
        k=np.int64(5), tau=np.int32(3), layer=np.int64(1), sentences=(np.int64(2), np.int64(9))
    )
    assert given == plain
    pd.testing.assert_frame_equal(explorer.scores(), expected)
    assert reading.as_code(explorer) == code and reading.figure_name(explorer) == name


def test_a_setting_is_pinned_and_let_go(explorer):
    first = explorer.setting
    scores = explorer.curves()
    explorer.pin()
    assert explorer.pinned == first
    explorer.move(k=8, tau=4, metric="euclidean", without=("eng_Latn",))
    pd.testing.assert_frame_equal(explorer.curves(explorer.pinned), scores)
    assert not explorer.curves()["ilo"].equals(scores["ilo"])
    explorer.pin()  # another setting takes its place
    assert explorer.pinned == explorer.setting != first
    explorer.pin()
    assert explorer.pinned is None


def test_bridges_are_those_of_the_scores(explorer):
    for layer in (0, 2):
        explorer.move(layer=layer)
        bridging = pd.Series([code for code, _ in explorer.bridging()]).value_counts() / 12
        scores = explorer.scores().set_index(["layer", "language"])["bridge"].loc[layer]
        assert bridging.reindex(scores.index, fill_value=0).to_dict() == scores.to_dict()


# what it says


@pytest.mark.parametrize(("changes", "told"), [
    ({"nonsense": 1}, "no knob 'nonsense'; there are k, tau, layer, metric"),
    ({"k": 5.5}, "k = 5.5: give a whole number"),
    ({"layer": "1"}, "layer = '1': give a whole number"),
    ({"translations": "no"}, "translations = 'no': give True or False"),
    ({"sentences": 20}, r"sentences = 20: give the first and the last, such as \(1, 20\)"),
    ({"sentences": (3, 9.5)}, r"sentences = \(3, 9.5\): give"),
    ({"without": "eng_Latn"}, "without = 'eng_Latn': give a list of language codes"),
])  # fmt: skip
def test_a_knob_of_another_kind_is_named(explorer, changes, told):
    before = explorer.setting
    with pytest.raises(ValueError, match=told):
        explorer.move(**changes)
    assert explorer.setting == before


def test_languages_left_out_are_each_left_out_once_and_in_order(explorer):
    explorer.move(without=["tel_Telu", "deu_Latn", "tel_Telu"])
    kept = [code for code in LANGUAGES if code in ("tel_Telu", "deu_Latn")]
    assert list(explorer.setting.without) == kept
    assert explorer.scores()["language"].nunique() == 4


def test_the_neighbours_of_a_sentence(explorer, text):
    explorer.move(layer=1, k=7, sentences=(2, 10), without=("deu_Latn",))
    near = searched(explorer)["index"].sel(layer=1)
    codes, ids = explorer.languages, text.index[1:10]
    for code, sentence in (("eng_Latn", ids[0]), ("rus_Cyrl", ids[8])):
        found = reading.neighbors_of(explorer, code, sentence)
        index = near.sel(language=code, sentence=sentence).values
        assert found["language"].tolist() == [codes[i // 9] for i in index]
        assert found["sentence"].tolist() == [ids[i % 9] for i in index]
        for row in found.itertuples():
            assert row.text == text.at[row.sentence, row.language]
            kind = "own" if row.language == code else "other"
            assert row.kind == ("translation" if row.sentence == sentence else kind)
        foreign = found["language"].where(found["language"] != code)
        assert found["new"].tolist() == (foreign.notna() & ~foreign.duplicated()).tolist()
        points = explorer.study.vectors["mean"].sel(layer=1).values.astype(np.float64)
        points /= np.linalg.norm(points, axis=-1, keepdims=True)
        own = points[LANGUAGES.index(code), text.index.get_loc(sentence)]
        places = zip(found["language"], found["sentence"], strict=True)
        others = [points[LANGUAGES.index(c), text.index.get_loc(i)] for c, i in places]
        np.testing.assert_allclose(found["distance"], 1 - np.array(others) @ own, atol=1e-6)


@pytest.mark.parametrize(("k", "tau"), [(2, 2), (4, 2)])
def test_what_is_told_of_a_sentence_is_what_the_scores_are_made_of(k, tau, explorer, text):
    explorer.move(k=k, tau=tau, layer=0)
    rows = ilo_scores(explorer.study.neighbors, k, tau).set_index(["layer", "language"])
    for code in LANGUAGES[:3]:
        row, names = rows.loc[0, code], explorer.study.languages["name"]
        lists = {i: {*reading.neighbors_of(explorer, code, i)["language"]} - {code}
                 for i in text.index}  # fmt: skip
        for sentence in text.index:
            told = reading.tell(explorer, code, sentence)
            brought = len(lists[sentence])
            verdict = "≥ τ = {} → bridge" if brought >= tau else "< τ = {} → no bridge"
            plural = "" if brought == 1 else "s"
            assert told.startswith(f"{brought} other language{plural} {verdict.format(tau)}.")
            bridges = sum(len(each) >= tau for each in lists.values())
            assert row["bridge"] == pytest.approx(bridges / 12)
            share = f"B = {row['bridge']:.2f}."
            assert f"{names[code]}: {bridges} of 12 sentences are bridges, {share}" in told
            elsewhere = set().union(*(each for i, each in lists.items() if i != sentence))
            met = elsewhere | lists[sentence]
            alone = f"{len(met - elsewhere)} of them in this list alone"
            assert f"meet {len(met)} of 5 other languages, {alone}: R = {row['reach']:.2f}" in told
            assert told.endswith(f"ILO = 2BR / (B + R) = {row['ilo']:.3f}.")


def test_a_sentence_out_of_the_pool_has_no_list(explorer, text):
    explorer.move(sentences=(3, 8), without=("deu_Latn",))
    for code, sentence in (("eng_Latn", text.index[0]), ("deu_Latn", text.index[4]),
                           ("fra_Latn", text.index[4]), ("eng_Latn", "none")):  # fmt: skip
        for say in (reading.neighbors_of, reading.tell):
            with pytest.raises(ValueError, match=f"sentence {sentence} in {code} is not in the"):
                say(explorer, code, sentence)


def test_a_group_is_the_sum_of_its_sentences(explorer, text):
    explorer.move(sentences=(1, 10), layer=0, k=3)
    ids = text.index
    chosen = [("rus_Cyrl", ids[0]), ("rus_Cyrl", ids[4]), ("eng_Latn", ids[4]),
              ("rus_Cyrl", ids[11]), ("fra_Latn", ids[0])]  # fmt: skip
    found = reading.group(explorer, chosen).set_index("language")
    assert found.index.tolist() == ["eng_Latn", "rus_Cyrl"]  # in the order of the corpus
    assert found["sentences"].tolist() == [1, 2]  # those out of the pool do not count
    bridging = explorer.bridging()
    for code, sentences in (("eng_Latn", [ids[4]]), ("rus_Cyrl", [ids[0], ids[4]])):
        assert found.at[code, "bridges"] == sum((code, i) in bridging for i in sentences)
        near = pd.concat([reading.neighbors_of(explorer, code, i) for i in sentences])
        for kind in KINDS:
            assert found.at[code, kind] == pytest.approx((near["kind"] == kind).mean())
    assert reading.group(explorer, []).empty


CODED = [
    {},
    {"k": 6, "tau": 3, "metric": "euclidean", "pooling": "mean_no_special", "layer": 1},
    {"offsets": False},
    {"translations": False, "k": 7},
    {"sentences": (2, 7), "without": ("deu_Latn",)},
    {"sentences": (1, 3), "translations": False, "offsets": False, "without": ("eng_Latn",),
     "metric": "euclidean", "k": 30},
]  # fmt: skip


def test_the_code_gives_the_same_scores(tiny):
    study = open_study(tiny("llama"), CORPUS, languages=LANGUAGES, sentences=8, k=4, tau=2)
    explorer = Explorer(study)
    start = explorer.setting
    for changes in CODED:
        explorer.setting = start
        explorer.move(**changes)
        names: dict = {}
        exec(reading.as_code(explorer), names)
        same_scores(explorer.scores(), names["scores"])
        assert names["study"].k == explorer.setting.k
        last = reading.as_code(explorer).splitlines()[-1]
        part = eval(last, names)
        assert part["layer"].unique().tolist() == [explorer.setting.layer]
        assert part["language"].tolist() == explorer.languages


def test_a_figure_has_a_name_of_its_own_for_each_setting(explorer):
    first = reading.figure_name(explorer)
    assert first.startswith("03_explorer-") and len(first) == len("03_explorer-") + 8
    found = {first}
    for changes in ({"k": 5}, {"tau": 1}, {"layer": 0}, {"metric": "euclidean"},
                    {"translations": False}, {"offsets": False}, {"sentences": (1, 11)},
                    {"without": ("deu_Latn",)}, {"pooling": "mean_no_special"}):  # fmt: skip
        explorer.move(**changes)
        found.add(reading.figure_name(explorer))
    assert len(found) == 10
    assert reading.figure_name(Explorer(explorer.study)) == first


# maps


def cloud(layers, sentences=10):
    """Vectors of three languages, the same at every layer; of unlike extent in each direction."""
    values = np.random.default_rng(0).normal(size=(1, 3, sentences, 5)) * [5, 3, 1, 0.5, 0.2]
    return world(np.repeat(values, layers, 0))


def places(found):
    return [part[["x", "y"]].to_numpy() for _, part in found.groupby("layer")]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_maps_of_the_same_points_lie_on_each_other(metric):
    acts = cloud(3)
    rotations = np.stack([np.linalg.qr(np.random.default_rng(i).normal(size=(5, 5)))[0]
                          for i in range(3)])  # fmt: skip
    turned = acts.copy(data=np.einsum("algh,ahd->algd", acts.values, rotations))
    grown = acts.copy(data=acts.values * np.array([1, 3, 0.1])[:, None, None, None])
    for name, each in (("same", acts), ("turned", turned), ("grown", grown)):
        first, *others = places(moving_maps(each.assign_attrs(model=name), metric=metric))
        for other in others:
            np.testing.assert_allclose(other, first, atol=1e-6)
        assert np.abs(first).max() == pytest.approx(1)
        np.testing.assert_allclose(first.mean(0), 0, atol=1e-6)


def test_a_map_is_a_row_a_point_and_a_layer(explorer, text):
    acts = explorer.study.vectors["mean"]
    found = moving_maps(acts)
    assert list(found) == ["layer", "language", "sentence", "x", "y"]
    expected = pd.MultiIndex.from_product([range(3), LANGUAGES, text.index])
    assert found.set_index(["layer", "language", "sentence"]).index.tolist() == expected.tolist()
    assert np.abs(found[["x", "y"]]).to_numpy().max() == pytest.approx(1)
    # each layer's map is a turned and scaled map of its own two leading directions
    for layer, xy in enumerate(places(found)):
        points = acts.sel(layer=layer).values.reshape(72, 8).astype(np.float64)
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        points -= points.mean(0)
        u, s, _ = np.linalg.svd(points, full_matrices=False)
        own = u[:, :2] * s[:2]
        gram = own @ own.T
        np.testing.assert_allclose(xy @ xy.T / np.trace(xy @ xy.T), gram / np.trace(gram),
                                   atol=1e-5)  # fmt: skip


def test_layers_are_turned_to_lie_as_the_one_before(explorer):
    maps = places(moving_maps(explorer.study.vectors["mean"]))
    for before, xy in itertools.pairwise(maps):
        # no turn brings it closer: the overlap is already the greatest there is
        greatest = np.linalg.svd(before.T @ xy, compute_uv=False).sum()
        assert np.trace(before.T @ xy) == pytest.approx(greatest, rel=1e-5)


def test_a_map_is_kept_on_disk(explorer, monkeypatch):
    acts = explorer.study.vectors["mean"]
    first = moving_maps(acts)
    monkeypatch.setattr(moving, "_by_pca", lambda *_: pytest.fail("made twice"))
    pd.testing.assert_frame_equal(moving_maps(acts), first)
    for other in ({"metric": "euclidean"}, {"seed": 1}):
        with pytest.raises(pytest.fail.Exception):
            moving_maps(acts, **other)
    with pytest.raises(pytest.fail.Exception):
        moving_maps(acts.isel(sentence=slice(5)))


def test_there_are_two_kinds_of_map():
    with pytest.raises(ValueError, match="map 'tSNE': choose from PCA, UMAP"):
        moving_maps(cloud(2), "tSNE")
    with pytest.raises(ValueError, match="metric 'manhattan'"):
        moving_maps(cloud(2), metric="manhattan")


def flat(layers, seed):
    return [points[:, :2] - points[:, :2].mean(0) for points in layers]


def test_umap_takes_so_many_points_and_no_more(monkeypatch):
    monkeypatch.setattr(moving, "_by_umap", flat)
    monkeypatch.setattr(moving, "UMAP_POINTS", 13)
    found = moving_maps(cloud(2), "UMAP")
    assert sorted(found["sentence"].unique()) == [0, 1, 2, 3]  # 13 // 3 languages
    assert len(found) == 2 * 3 * 4
    monkeypatch.setattr(moving, "UMAP_POINTS", 2)  # fewer than languages: one sentence of each
    assert len(moving_maps(cloud(1), "UMAP")) == 3
    monkeypatch.setattr(moving, "UMAP_POINTS", 2000)
    assert len(moving_maps(cloud(2), "UMAP")) == 2 * 30


@pytest.mark.real  # compiling UMAP takes longer than all the other tests here
@pytest.mark.filterwarnings("ignore:n_jobs value")
def test_umap_ties_the_points_of_one_layer_to_their_own_at_the_next():
    # the same two clouds at both layers, the third language far from the others
    acts = cloud(2, 20)
    values = acts.values + 100 * (np.arange(3) == 2)[None, :, None, None]
    first, second = places(moving_maps(acts.copy(data=values), "UMAP", "euclidean"))
    apart = np.arange(60) >= 40
    for xy in (first, second):
        middle = np.array([xy[~apart].mean(0), xy[apart].mean(0)])
        nearer = np.linalg.norm(xy[:, None] - middle, axis=2).argmin(1)
        assert (nearer == apart).all()
    # a point moves far less than it is from another of its own cloud
    moved, other = (np.linalg.norm(first[~apart] - np.roll(second[~apart], by, 0), axis=1).mean()
                    for by in (0, 7))  # fmt: skip
    assert moved < other / 2


# the toy


def test_where_the_toy_begins():
    scores = Toy().scores().set_index("language").round(3)
    assert scores.loc["A"].tolist() == [0.6, 1, 0.75]
    assert scores.loc["B"].tolist() == [0.4, 1, 0.571]
    assert scores.loc["C"].tolist() == [0.4, 0.5, 0.444]


def nearest_of(toy):
    """Two nearest of every point, by distances in the plane."""
    xy = toy.points[["x", "y"]].to_numpy()
    distance = np.linalg.norm(xy[:, None] - xy, axis=2)
    np.fill_diagonal(distance, np.inf)
    names = (toy.points["language"] + " " + toy.points["meaning"]).tolist()
    order = np.argsort(distance, axis=1)[:, : toy.k]
    return [" · ".join(names[i] for i in row) for row in order]


def test_a_drag_moves_one_point_and_the_lists_follow():
    toy = Toy()
    before, lists = toy.points.copy(), toy.lists()
    assert lists["neighbours"].tolist() == nearest_of(toy)
    toy.drag("C", "snow", 3.6, 3.6)
    moved = (toy.points != before).any(axis=1)
    assert toy.points[moved][["language", "meaning", "x", "y"]].to_numpy().tolist() == [
        ["C", "snow", 3.6, 3.6]
    ]  # fmt: skip
    after = toy.lists()
    assert after["neighbours"].tolist() == nearest_of(toy) != lists["neighbours"].tolist()
    row = after.set_index(["language", "meaning"]).loc["C", "snow"]
    assert row["neighbours"].startswith("A sun") and row["bridge"]
    shares = after.groupby("language")["bridge"].mean()
    assert toy.scores().set_index("language")["bridge"].to_dict() == shares.to_dict()


def test_other_k_and_tau_and_points_there_are_not():
    toy = Toy(k=4, tau=2)
    other = [{name[0] for name in told.split(" · ")} - {own} for own, told in
             zip(toy.points["language"], nearest_of(toy), strict=True)]  # fmt: skip
    assert toy.lists()["bridge"].tolist() == [len(each) >= 2 for each in other]
    before = toy.points.copy()
    for language, meaning in (("A", "hail"), ("D", "sun")):
        with pytest.raises(ValueError, match=f"no point '{meaning}' in language '{language}'"):
            toy.drag(language, meaning, 0, 0)
    pd.testing.assert_frame_equal(toy.points, before)


def test_the_toy_s_widget_follows_the_browser():
    toy = Toy()
    plane = toy.widget()
    assert {score["language"]: round(score["ilo"], 3) for score in plane.shown["scores"]} == {
        "A": 0.75, "B": 0.571, "C": 0.444,
    }  # fmt: skip
    json.dumps(plane.shown)
    plane.moved = {"language": "C", "meaning": "snow", "x": 3.6, "y": 3.6, "k": 2, "tau": 1}
    assert toy.points.set_index(["language", "meaning"]).loc[("C", "snow"), "x"] == 3.6
    (point,) = (p for p in plane.shown["points"] if (p["language"], p["meaning"]) == ("C", "snow"))
    assert (point["x"], point["y"], point["bridge"]) == (3.6, 3.6, True)
    names = (toy.points["language"] + " " + toy.points["meaning"]).tolist()
    assert " · ".join(names[i] for i in point["near"]) == nearest_of(toy)[names.index("C snow")]
    assert plane.shown["scores"] == toy.scores().to_dict("records")
    json.dumps(plane.shown)
    # the sliders alone: no point moves, and τ is no more than k
    points = toy.points.copy()
    plane.moved = {"k": 1, "tau": 2}
    assert (toy.k, toy.tau, plane.shown["k"], plane.shown["tau"]) == (1, 1, 1, 1)
    pd.testing.assert_frame_equal(toy.points, points)
    assert {len(each["near"]) for each in plane.shown["points"]} == {1}


def test_the_toy_s_figure_tells_the_scores():
    toy = Toy()
    (ax,) = toy.figure().axes
    (told,) = (text.get_text() for text in ax.texts if "ILO" in text.get_text())
    assert told.splitlines() == [
        "A: B = 0.6, R = 1.0, ILO = 0.75", "B: B = 0.4, R = 1.0, ILO = 0.57",
        "C: B = 0.4, R = 0.5, ILO = 0.44",
    ]  # fmt: skip
    assert ax.figure.get_suptitle() == "Each point and its 2 nearest, τ = 1"


# what a cell shows


def test_a_page_without_a_kernel_has_the_figure_alone(monkeypatch):
    monkeypatch.setenv(STATIC, "1")
    figure = plt.figure()
    found = bundle(lambda: pytest.fail("a widget on a page without a kernel"), figure, "told")
    assert set(found) == {"text/plain", "image/png"} and found["text/plain"] == "told"
    assert found["image/png"].startswith("iVBORw0KGgo")  # a PNG's first bytes, in base64
    assert not plt.fignum_exists(figure.number)
    assert set(Toy()._repr_mimebundle_()) == {"text/plain", "image/png"}


def test_a_live_notebook_has_the_widget_too(explorer):
    found = [Toy()._repr_mimebundle_(), explore(explorer.study)._repr_mimebundle_()]
    for each in found:
        kinds = {"text/plain", "image/png", "application/vnd.jupyter.widget-view+json"}
        assert set(each) == kinds and each["image/png"].startswith("iVBORw0KGgo")
    assert found[0]["text/plain"] == "a plane with three languages"
    assert found[1]["text/plain"] == f"explorer: {explorer.caption}"
    assert not plt.get_fignums()


# the widgets


@pytest.fixture(params=[True, False], ids=["webgl", "plain"])
def shown(request, text):
    """The explorer as a live notebook shows it, by WebGL or without."""
    exploration = explore(made_study(text), webgl=request.param)
    exploration.widget()
    return exploration


def status(exploration):
    s, curves = exploration.explorer.setting, exploration.explorer.curves()
    return (f"layer {s.layer}, k = {s.k}, τ = {s.tau}: mean ILO "
            f"<b>{curves.at[s.layer, 'ilo']:.3f}</b>")  # fmt: skip


def choose(exploration, *cells):
    """Click a point, or lasso several, as the browser tells it."""
    points = exploration.map.points[["language", "sentence"]]
    order = list(points.itertuples(index=False, name=None))
    chosen = [order.index(cell) for cell in cells]
    if exploration.webgl:
        exploration.map.scatter.widget.selection = np.array(chosen, np.uint32)
    else:
        from plotly.callbacks import Points

        exploration.map.widget.data[0]._dispatch_on_selection(Points(point_inds=chosen), None)


@pytest.mark.parametrize(("control", "value", "field", "expected"), [
    ("k", 7, "k", 7), ("tau", 4, "tau", 4), ("layer", 0, "layer", 0),
    ("metric", "euclidean", "metric", "euclidean"),
    ("pooling", "mean_no_special", "pooling", "mean_no_special"),
    ("translations", True, "translations", False), ("offsets", True, "offsets", False),
    ("sentences", (2, 9), "sentences", (2, 9)),
    ("without", ("deu_Latn", "tel_Telu"), "without", ("deu_Latn", "tel_Telu")),
])  # fmt: skip
def test_a_control_moves_the_explorer(control, value, field, expected, shown):
    before = shown.explorer.setting
    assert status(shown) in shown.status.value
    shown.controls[control].value = value
    assert getattr(shown.explorer.setting, field) == expected != getattr(before, field)
    assert status(shown) in shown.status.value
    near = searched(shown.explorer)
    s = shown.explorer.setting
    mean = ilo_scores(near, s.k, s.tau).groupby("layer")["ilo"].mean()[s.layer]
    assert f"mean ILO <b>{mean:.3f}</b>" in shown.status.value


def test_the_controls_follow_what_the_pool_allows(shown):
    c = shown.controls
    c["k"].value, c["tau"].value = 30, 5
    c["sentences"].value = (1, 3)
    assert (c["k"].value, c["k"].max, c["tau"].value) == (17, 17, 5)
    c["k"].value = 2
    assert c["tau"].value == shown.explorer.setting.tau == 2
    c["sentences"].value = (1, 12)
    assert c["k"].max == 30


@pytest.mark.parametrize(("control", "value", "told"), [
    ("without", tuple(LANGUAGES[1:]), "5 languages left out: at least 2 must stay"),
    ("sentences", (4, 4), "sentences 4 to 4"),
])  # fmt: skip
def test_an_impossible_knob_is_told_and_goes_back(control, value, told, shown):
    before, kept = shown.explorer.setting, shown.controls[control].value
    shown.controls[control].value = value
    assert told in shown.status.value and shown.explorer.setting == before
    assert shown.controls[control].value == kept
    shown.controls["k"].value = 6  # and the next one is taken
    assert shown.explorer.setting.k == 6 and status(shown) in shown.status.value


def test_a_point_has_its_neighbours_and_several_a_table(shown, text):
    english, russian = ("eng_Latn", text.index[2]), ("rus_Cyrl", text.index[5])
    assert "Click a point" in shown.near.value
    choose(shown, english)
    near = reading.neighbors_of(shown.explorer, *english)
    assert shown.near.value.count("<tr>") == len(near) == 4
    for row in near.itertuples():
        assert f"{row.distance:.4f}" in shown.near.value and row.text[:20] in shown.near.value
    assert reading.tell(shown.explorer, *english) in shown.near.value
    shown.controls["k"].value = 9  # the list follows the setting
    assert shown.near.value.count("<tr>") == 9
    choose(shown, english, russian)
    found = reading.group(shown.explorer, [english, russian]).round(2)
    assert shown.near.value.startswith("2 sentences<")
    assert found.to_html(index=False) in shown.near.value
    shown.controls["without"].value = ("eng_Latn",)
    assert reading.tell(shown.explorer, *russian) in shown.near.value  # the one that is left
    shown.controls["without"].value = ("eng_Latn", "rus_Cyrl")
    assert "Click a point" in shown.near.value


def test_lines_lead_to_the_neighbours(shown, text):
    cell = ("eng_Latn", text.index[2])
    choose(shown, cell)
    near = reading.neighbors_of(shown.explorer, *cell)
    xy = shown.map.points.set_index(["language", "sentence"])[["x", "y"]]
    start = tuple(xy.loc[cell])
    ends = {tuple(xy.loc[c, i]) for c, i in zip(near["language"], near["sentence"], strict=True)}
    if shown.webgl:
        lines = shown.map.scatter.annotations()["annotations"]
        joined = [tuple(map(tuple, line.vertices)) for line in lines]
    else:
        lines = shown.map.widget.data[1:]
        pairs = [pair for line in lines for pair in zip(line.x, line.y, strict=True)]
        joined = list(zip(pairs[::3], pairs[1::3], strict=True))
    assert {a for a, _ in joined} == {start} and {b for _, b in joined} == ends


def test_a_point_that_umap_left_out_can_stay_chosen(shown, text, monkeypatch):
    monkeypatch.setattr(moving, "_by_umap", flat)
    monkeypatch.setattr(moving, "UMAP_POINTS", 24)  # four sentences a language
    choose(shown, ("eng_Latn", text.index[-1]))
    told = shown.near.value
    shown.controls["method"].value = "UMAP"
    assert len(shown.map.points) == 24 and shown.near.value == told


def test_text_is_no_html():
    columns = {code: [f"<b>{code}</b> & {i}" for i in range(5)] for code in LANGUAGES[:4]}
    for webgl in (True, False):
        exploration = explore(made_study(table(columns, ["a", "b", "c", "<d>", "e"])), webgl)
        exploration.widget()
        choose(exploration, ("eng_Latn", "<d>"))
        told = exploration.near.value
        assert "&lt;b&gt;eng_Latn&lt;/b&gt; &amp; 3" in told and "&lt;d&gt;" in told
        assert "<d>" not in told and "<b>eng" not in told and "<b>deu" not in told
    hovered = exploration.map.widget.data[0].text[0]
    assert hovered == "eng_Latn<br>&lt;b&gt;eng_Latn&lt;/b&gt; &amp; 0"


def test_the_map_is_coloured_by_what_is_chosen(shown):
    languages = shown.explorer.study.languages
    for hue, column in (("family", "family"), ("language", "name"), ("script", "script"),
                        ("resources", "resource_band")):  # fmt: skip
        shown.controls["hue"].value = hue
        points = shown.map.points
        assert points["group"].tolist() == languages[column].loc[points["language"]].tolist()
    shown.controls["hue"].value = "bridge or not"
    bridging = shown.explorer.bridging()
    cells = zip(points["language"], points["sentence"], strict=True)
    expected = ["bridge" if cell in bridging else "no bridge" for cell in cells]
    assert shown.map.points["group"].tolist() == expected


def test_the_map_moves_with_the_layer(shown):
    maps = moving_maps(shown.explorer.study.vectors["mean"])
    for layer in (0, 1):
        shown.controls["layer"].value = layer
        expected = maps.loc[maps["layer"] == layer, ["x", "y"]]
        np.testing.assert_array_equal(shown.map.points[["x", "y"]], expected)


def test_curves_show_the_scores_and_a_click_sets_the_layer(shown):
    figure = shown.curves.widget
    shown.controls["lit"].value = ("rus_Cyrl",)
    scores, curves = shown.explorer.scores(), shown.explorer.curves()
    for code, trace in zip(LANGUAGES, figure.data, strict=False):
        part = scores[scores["language"] == code]
        np.testing.assert_allclose(trace.y, part["ilo"])
        np.testing.assert_allclose(trace.customdata, part[["low", "high"]])
        assert (trace.line.width, trace.line.color == charts.FAINT) == (
            (3, False) if code == "rus_Cyrl" else (1, True)
        )
    named = {name: figure.data[place] for name, place in shown.curves.lines.items()}
    for name in ("ilo", "bridge", "reach", "chance", "P@1"):
        np.testing.assert_allclose(named[name].y, curves[name])
    np.testing.assert_allclose(named["band"].y, [*curves["low"], *curves["high"][::-1]])
    assert not named["A ilo"].visible
    from plotly.callbacks import Points

    assert shown.explorer.setting.layer != 0
    named["ilo"]._dispatch_on_click(Points(xs=[0], ys=[0.5], point_inds=[0]), None)
    assert shown.explorer.setting.layer == shown.controls["layer"].value == 0
    assert [list(cursor.x) for cursor in figure.data[-3:]] == [[0, 0]] * 3


def test_a_curve_of_a_language_left_out_is_empty(shown):
    shown.controls["without"].value = ("deu_Latn",)
    lengths = [len(trace.y) for trace in shown.curves.widget.data[:6]]
    assert lengths == [3, 0, 3, 3, 3, 3]


def test_the_heat_maps_show_the_grid_and_a_click_sets_k_and_tau(shown):
    from plotly.callbacks import Points

    heat, mark, peaks, _ = shown.grid.widget.data
    for drawn, expected in zip((heat, peaks), shown.explorer.grid(), strict=True):
        assert list(drawn.x) == [str(t) for t in expected.columns]
        assert list(drawn.y) == [str(k) for k in expected.index]
        np.testing.assert_allclose(np.array(drawn.z, float), expected.to_numpy())
    heat._dispatch_on_click(Points(xs=["3"], ys=["8"], point_inds=[[7, 2]]), None)
    s = shown.explorer.setting
    assert (s.k, s.tau) == (8, 3) == (shown.controls["k"].value, shown.controls["tau"].value)
    assert (list(mark.x), list(mark.y)) == (["3"], ["8"])
    heat._dispatch_on_click(Points(xs=["5"], ys=["2"], point_inds=[[1, 4]]), None)  # τ > k
    s = shown.explorer.setting
    assert (s.k, s.tau) == (2, 2)


def test_the_pinned_setting_is_drawn_beside(shown):
    pinned = shown.explorer.curves()
    shown.controls["pin"].click()
    assert shown.controls["pin"].description == "drop A"
    shown.controls["k"].value = 9
    figure = shown.curves.widget
    traces = {name: figure.data[place] for name, place in shown.curves.lines.items()}
    np.testing.assert_allclose(traces["A ilo"].y, pinned["ilo"])
    np.testing.assert_allclose(traces["ilo"].y, shown.explorer.curves()["ilo"])
    assert traces["A ilo"].visible
    labels = [line.get_label() for line in shown.figure().axes[0].get_lines()]
    assert "ILO of A" in labels
    shown.controls["k"].value = 4
    shown.controls["pin"].click()
    assert shown.controls["pin"].description == "pin as A" and shown.explorer.pinned is None
    assert not traces["A ilo"].visible


def test_the_button_gives_the_code(shown):
    shown.controls["code"].click()
    assert shown.code.value == reading.as_code(shown.explorer)


def test_the_figure_is_saved_with_its_numbers_and_settings(shown, tmp_path):
    shown.controls["translations"].value = True
    shown.controls["save"].click()
    name = reading.figure_name(shown.explorer)
    files = sorted(path for path in (tmp_path / "figures").rglob("*") if path.is_file())
    assert [path.name for path in files] == [f"{name}.csv", f"{name}.json", f"{name}.png"]
    assert f"{name}.png, .csv, .json" in shown.status.value
    kept, scores = pd.read_csv(files[0]), shown.explorer.scores()
    assert kept["language"].tolist() == scores["language"].tolist()
    np.testing.assert_allclose(kept[SCORES], scores[SCORES], atol=1e-6)  # written with six digits
    told = json.dumps(json.loads(files[1].read_text()))
    assert '"k": 4' in told and '"left_out": "translations"' in told and '"tau": 2' in told


def test_the_explorer_s_figure_shows_the_setting(explorer):
    exploration = explore(explorer.study)
    fig = exploration.figure()
    left, middle, right = fig.axes[:3]
    curves = explorer.curves()
    drawn = {line.get_label(): line for line in left.get_lines()}
    np.testing.assert_allclose(drawn["ILO"].get_ydata(), curves["ilo"])
    np.testing.assert_allclose(drawn["ILO by chance"].get_ydata(), curves["chance"])
    layer = explorer.setting.layer
    assert middle.get_title(loc="left") == f"mean ILO at layer {layer}"
    assert sum(len(each.get_offsets()) for each in right.collections) == 72
    assert f"Mean ILO at layer {layer} is {curves.at[layer, 'ilo']:.3f}" in fig.get_suptitle()
