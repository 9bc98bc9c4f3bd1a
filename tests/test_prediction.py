"""Which measure tells which skill: correlations over languages, relatives counted once."""

import numpy as np
import pandas as pd
import pytest
from conftest import CORPUS
from scipy import stats

from ilo_helpers import ilo_scores, language_table, nearest_neighbors, open_study
from ilo_helpers.validity.alignment import ALIGNMENT_METRICS, alignment_scores
from ilo_helpers.validity.measures import BASELINES, OWN, baselines, language_measures
from ilo_helpers.validity.prediction import (
    chosen_layers,
    compare_measures,
    predictions,
    summary,
    weighted_partial,
)

LANGUAGES = language_table()


def made(seed=0, layers=3):
    """Measures and a skill by layer of the paper's languages but English, at random."""
    rng = np.random.default_rng(seed)
    codes = [code for code in LANGUAGES.index if code != "eng_Latn"]
    rows = [(layer, code) for layer in range(layers) for code in codes]
    table = pd.DataFrame(rows, columns=["layer", "language"])
    table["noise"] = rng.normal(size=len(table))
    skill = table.assign(skill="probe", value=rng.normal(size=len(table)))
    table["told"] = skill["value"] ** 3  # the same order
    table["flat"] = 1.0
    return table, skill[["skill", "layer", "language", "value"]]


def test_plain_correlation_is_spearman_s_at_the_skill_s_own_layer():
    table, skill = made()
    found = predictions(table, skill, LANGUAGES, draws=50).set_index(["measure", "layer"])
    for layer in range(3):
        x = table[table["layer"] == layer].set_index("language")["noise"]
        y = skill[skill["layer"] == layer].set_index("language")["value"]
        rho = stats.spearmanr(x, y[x.index]).statistic
        assert found.loc[("noise", layer), "rho"] == pytest.approx(rho, abs=1e-12)
    for name in ("rho", "low", "partial", "within"):
        np.testing.assert_allclose(found.loc["told", name], 1)
    assert found.loc["flat", ["rho", "partial", "within"]].isna().all(axis=None)
    assert (found["languages"] == 30).all() and (found["families"] == 11).all()


def test_a_difference_is_of_the_same_resamples():
    table, skill = made(2)
    table["twin"] = np.exp(table["noise"])  # the same order: no resample parts the two
    pairs = [("twin", "noise"), ("told", "noise"), ("flat", "noise")]
    found = compare_measures(table, skill, LANGUAGES, pairs, draws=300).set_index(
        ["measure", "layer"]
    )
    np.testing.assert_allclose(found.loc["twin less noise"].drop(columns="skill"), 0, atol=1e-12)
    # from 1, which is the same in every resample, what is left is the other's interval, turned
    noise = predictions(table, skill, LANGUAGES, draws=300).set_index(["measure", "layer"])
    noise = noise.loc["noise"]
    for name in ("", "partial_"):
        value = noise["partial" if name else "rho"]
        apart = found.loc["told less noise"]
        np.testing.assert_allclose(apart["partial" if name else "rho"], 1 - value)
        np.testing.assert_allclose(apart[f"{name}low"], 1 - noise[f"{name}high"])
        np.testing.assert_allclose(apart[f"{name}high"], 1 - noise[f"{name}low"])
    assert found.loc["flat less noise", ["rho", "low", "partial"]].isna().all(axis=None)
    with pytest.raises(ValueError, match="measure 'P@1'"):
        compare_measures(table, skill, LANGUAGES, [("told", "P@1")])


def test_partial_is_the_correlation_of_what_two_regressions_leave():
    table, skill = made(1, layers=1)
    row = predictions(table, skill, LANGUAGES, draws=20).set_index("measure").loc["noise"]
    codes = table["language"]
    known = LANGUAGES.loc[codes]
    x, y = stats.rankdata(table["noise"]), stats.rankdata(skill["value"])
    held = [stats.rankdata(known["resource_class"]), stats.rankdata(known["script"] == "Latin")]
    family = [(known["family"] == each).astype(float) for each in known["family"].unique()]
    for name, controls in {"partial": held, "within": held + family}.items():
        design = np.column_stack([np.ones(30), *controls])
        left = [each - design @ np.linalg.pinv(design) @ each for each in (x, y)]
        rho = left[0] @ left[1] / np.linalg.norm(left[0]) / np.linalg.norm(left[1])
        assert row[name] == pytest.approx(rho, abs=1e-9)
        if name == "within":
            assert row["degrees"] == 30 - 1 - np.linalg.matrix_rank(design)


def test_a_measure_of_few_languages_has_no_correlation_and_chooses_no_layer():
    """Above 0 in seven languages only, its order is mostly ties; in eight it is looked at."""
    table, skill = made(4, layers=2)
    skill = skill[skill["layer"] == 0].assign(layer=np.nan)
    best = skill.nlargest(8, "value")["language"].tolist()
    for layer, few in enumerate((best[:7], best)):
        here = table["layer"] == layer
        table.loc[here, "told"] = table.loc[here, "language"].isin(few).astype(float)
    found = predictions(table, skill, LANGUAGES, 50).set_index(["measure", "layer"])
    assert found.loc[("told", 0), ["rho", "low", "partial", "within"]].isna().all()
    assert found.loc[("told", 1), "rho"] > 0.5
    chosen = chosen_layers(table, skill, LANGUAGES).set_index("measure").loc["told"]
    assert chosen["layer"] == 1 and 0 < chosen["halves"] <= 400


def test_a_common_cause_taken_out_leaves_nothing():
    """And with one control it is the textbook's formula on Spearman's correlations."""
    rng = np.random.default_rng(0)
    cause = rng.normal(size=300)
    a, b = cause + 0.3 * rng.normal(size=(2, 300))
    ranks, held = stats.rankdata([a, b], axis=1).T, stats.rankdata(cause)[:, None]
    assert weighted_partial(ranks, held[:, :0]).item() > 0.8
    assert abs(weighted_partial(ranks, held).item()) < 0.2  # sd about 0.06
    ab, ac, bc = (stats.spearmanr(*pair).statistic for pair in ((a, b), (a, cause), (b, cause)))
    formula = (ab - ac * bc) / np.sqrt((1 - ac**2) * (1 - bc**2))
    assert weighted_partial(ranks, held).item() == pytest.approx(formula, abs=1e-9)


def test_what_is_held_beside_class_and_script_leaves_nothing_of_its_own():
    table, skill = made(3, layers=1)
    tokens = skill.set_index("language")["value"].rank()
    known = LANGUAGES.assign(tokens=tokens)
    plain = predictions(table, skill, known, 20).set_index("measure")
    held = predictions(table, skill, known, 20, held=["tokens"]).set_index("measure")
    assert held.loc["told", ["partial", "within"]].isna().all()  # the order is the column's
    assert plain.loc["told", "partial"] == held.loc["told", "rho"] == pytest.approx(1)
    assert held.loc["noise", "degrees"] == plain.loc["noise", "degrees"] - 1


def test_a_skill_that_follows_the_family_alone_leaves_nothing_between_relatives():
    table, skill = made(2, layers=1)
    skill["value"] = pd.factorize(LANGUAGES.loc[skill["language"], "family"])[0].astype(float)
    row = predictions(table, skill, LANGUAGES, draws=20).set_index("measure").loc["noise"]
    assert np.isnan(row["within"]) and np.isfinite(row["rho"])


def test_whole_weights_count_a_row_that_often():
    rng = np.random.default_rng(0)
    ranks, controls = rng.normal(size=(12, 4)), rng.normal(size=(12, 2))
    weights = rng.integers(0, 4, (5, 12))
    found = weighted_partial(ranks, controls, weights)
    for row, often in zip(found, weights, strict=True):
        again = weighted_partial(ranks.repeat(often, 0), controls.repeat(often, 0))[0]
        np.testing.assert_allclose(row, again, atol=1e-9)
    np.testing.assert_allclose(weighted_partial(ranks, controls[:, :0])[0],
                               np.corrcoef(ranks.T)[:-1, -1], atol=1e-12)  # fmt: skip


def test_a_layer_chosen_by_luck_does_not_hold_on_the_other_half():
    table, skill = made(3, layers=25)
    skill = skill[skill["layer"] == 0].assign(layer=np.nan)  # a skill without layers
    table["told"] = table["noise"].to_numpy()[::-1]
    table.loc[table["layer"] == 7, "told"] = skill["value"].to_numpy()
    found = chosen_layers(table, skill, LANGUAGES).set_index("measure")
    assert found.loc["told", "layer"] == 7
    np.testing.assert_allclose(
        found.loc["told", ["chosen", "tried", "low", "high"]].astype(float), 1
    )
    noise = found.loc["noise"]
    assert noise["chosen"] > 0.3 and abs(noise["tried"]) < 0.25 and noise["low"] < 0 < noise["high"]
    assert np.isnan(found.loc["flat", "tried"])


def test_a_summary_counts_what_is_sure_and_on_which_side():
    table = pd.DataFrame({
        "skill": ["a"] * 4 + ["b"], "measure": ["x", "y", "x", "y", "x"], "layer": [0, 0, 1, 1, 0],
        "rho": [0.5, -0.6, 0.7, np.nan, 0.1], "low": [0.1, -0.9, 0.2, np.nan, -0.2],
        "high": [0.8, -0.1, 0.9, np.nan, 0.4], "partial_low": [-0.1, -0.8, 0.1, np.nan, np.nan],
        "partial_high": [0.3, -0.2, 0.5, np.nan, np.nan],
    })  # fmt: skip
    found = summary(table).set_index("skill")
    counts = ["correlations", "sure", "negative", "held", "held_negative"]
    assert found.loc["a", counts].tolist() == [3, 3, 1, 2, 1]
    assert found.loc["b", counts].tolist() == [1, 0, 0, 0, 0]
    best = ["measure", "layer", "rho", "low", "high"]
    assert found.loc["a", best].tolist() == ["x", 1, 0.7, 0.2, 0.9]


def test_baselines_are_what_the_table_of_languages_says():
    found = baselines(LANGUAGES.loc[["eng_Latn", "tha_Thai"]])
    assert list(found) == BASELINES and found["Latin script"].tolist() == [1.0, 0.0]
    classes = LANGUAGES.loc[["eng_Latn", "tha_Thai"], "resource_class"]
    assert found["resource class"].tolist() == classes.astype(float).tolist()


def test_measures_of_a_study(study_of_world):
    """ILO and its kin are those of the lists; rivals carry their pivot in their names."""
    study = study_of_world
    table = language_measures(study, "eng_Latn")
    assert list(table)[: 2 + len(OWN)] == ["layer", "language", *OWN]
    assert "eng_Latn" not in set(table["language"]) and table.notna().all(axis=None)
    plain = study.scores[study.scores["language"] != "eng_Latn"]
    assert table["ILO"].tolist() == plain["ilo"].tolist()
    for how, pivot in {"source": "eng_Latn", "all pairs": None}.items():
        scores = alignment_scores(study.acts, "P@1", pivot)
        scores = scores[scores["language"] != "eng_Latn"]
        np.testing.assert_allclose(table[f"P@1, {how}"], scores["value"])
    assert len(list(table)) == 2 + len(OWN) + 2 * len(ALIGNMENT_METRICS) + 1

    # the pool of a language and the source, searched by itself
    code = table["language"].iloc[-1]
    pair = study.acts.sel(language=["eng_Latn", code])
    alone = ilo_scores(nearest_neighbors(pair, study.k, keep=False), study.k, 1)
    alone = alone[alone["language"] == code]["ilo"]
    assert table[table["language"] == code]["ILO with the source"].tolist() == alone.tolist()


@pytest.fixture
def study_of_world(tiny, data):
    return open_study(tiny("llama"), CORPUS, k=3, tau=2)
