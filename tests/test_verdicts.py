"""What a number says of a claim: the rules, and every claim on a made table."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ilo_helpers import language_table, save_table
from ilo_helpers.keep.captions import Caption
from ilo_helpers.validity import claims, token_claims
from ilo_helpers.validity.verdicts import (
    CONTRADICTED,
    IN_KIND,
    REPRODUCED,
    UNTESTED,
    Claim,
    Finding,
    of_seeds,
    over_seeds,
    verdict_of,
    verdicts,
    without_each,
)

NAN = np.nan
OF = Caption("m", "udhr", 49)
LANGUAGES = language_table()


def judge(number, *tables, figure=None):
    """Findings of the one claim whose number is called so."""
    (claim,) = (
        each for each in claims.CLAIMS + token_claims.CLAIMS
        if each.number.startswith(number) and figure in (None, each.figure)
    )  # fmt: skip
    return list(claim.judge(*tables))


@pytest.mark.parametrize(
    ("ends", "rule", "verdict"),
    [
        ((0.1, 0.5), {}, IN_KIND),
        ((0.1, 0.5), {"paper": 0.4}, REPRODUCED),
        ((0.1, 0.5), {"paper": 0.6}, IN_KIND),
        ((0.1, 0.5), {"floor": 0.6}, CONTRADICTED),
        ((-0.1, 0.7), {"paper": 0.4}, UNTESTED),
        ((-0.5, -0.1), {}, CONTRADICTED),
        ((-0.003, 0.011), {"least": 0.01}, UNTESTED),
        ((0.003, 0.005), {"least": 0.01}, CONTRADICTED),
        ((-0.03, -0.015), {"least": 0.01}, CONTRADICTED),
        ((NAN, NAN), {}, UNTESTED),
    ],
)
def test_the_whole_interval_must_lie_on_one_side(ends, rule, verdict):
    assert verdict_of(*ends, **rule) == verdict


def test_leaving_out_one_of_independent_values_gives_student_s_interval():
    values = np.array([1.0, 2, 4, 9])
    found = without_each(range(4), lambda i: np.delete(values, i).mean(), values.mean())
    margin = stats.t.ppf(0.975, 3) * values.std(ddof=1) / 2
    assert found == pytest.approx((4, 4 - margin, 4 + margin))
    assert np.isnan(without_each(["one"] * 3, lambda _: 1.0, 1.0)[1:]).all()


def test_fewer_than_three_seeds_could_not_be_tested_whatever_the_number():
    few = of_seeds(5.0, 4.9, 5.1, 2, "cldr")
    assert few.verdict == UNTESTED and few.setting == "cldr, 2 seeds" and np.isnan(few.low)
    assert few.why == "fewer than 3 seeds" and few.value == 5
    assert of_seeds(5.0, 4.9, 5.1, 3, "cldr").verdict == IN_KIND
    three = over_seeds(pd.Series([1.0, 2, 3]), "")
    assert three[:2] == pytest.approx((2, 2 - stats.t.ppf(0.975, 2) / 3**0.5))
    assert over_seeds(pd.Series([1.0]), "").verdict == UNTESTED


# the ILO paper


def at_layers(**columns):
    return pd.DataFrame(columns)


def languages(ilo, error=0.0):
    table = pd.DataFrame({"layer": 11, "language": LANGUAGES.index, "ilo": ilo})
    return table.assign(low=table["ilo"] - 1.96 * error, high=table["ilo"] + 1.96 * error)


def test_spread_takes_out_the_error():
    rng = np.random.default_rng(0)
    truth, error = rng.normal(0.5, 0.2, 31), 0.1
    (found,) = judge("SD of ILO", languages(truth, error))
    assert found.value == pytest.approx(np.sqrt(truth.var(ddof=1) - 0.01))
    assert found.verdict == UNTESTED and found.setting == "layer 11" and found.low > 0
    assert "never below 0" in found.why
    (noise,) = judge("SD of ILO", languages(0.5 + rng.normal(0, 0.05, 31), 0.1))
    assert noise.value == 0 and noise.verdict == UNTESTED


def test_bands_are_compared_and_the_paper_s_groups_are_not_known():
    high = (LANGUAGES["resource_band"] == "high") * 0.25
    (found,) = judge("mean ILO, many", languages(high.to_numpy()))
    assert found[:3] == pytest.approx((0.25, 0.25, 0.25)) and found.verdict == UNTESTED


def test_shared_region_fragments_and_offsets():
    (region,) = judge(
        "sentences in it", at_layers(layer=[1, 2], shared=[0.1, 0.4], other_family=[0.9, 0.5])
    )
    assert region.value == pytest.approx(0.2) and region.setting == "layer 2"
    assert region.verdict == UNTESTED and "random" in region.why

    parts = at_layers(layer=[2] * 4 + [5] * 2, fragment=[0, 1, 2, 3, 0, 1],
                      size=[10, 60, 20, 20, 5, 95], family_share=[0.5, 1.0, 0.9, 0.5, 1, 0.1],
                      language_share=[0.1, 0.5, 0.9, 0.3, 1, 0.1])  # fmt: skip
    (fragment,) = judge("sentences outside", parts)
    assert fragment.value == pytest.approx(0.6) and fragment.verdict == UNTESTED
    assert fragment.why == "0.20 more in fragments of one language; no control"

    kinds = at_layers(layer=[1, 2] * 2, ilo=[0.1, 0.3, 0.9, 0.9], own=[0.5, 0.2, 0, 0],
                      translation=[0.1, 0.6, 0.2, 0.8], other=[0.4, 0.2, 0.8, 0.2],
                      vectors=["as it is"] * 2 + ["means subtracted"] * 2)  # fmt: skip
    kinds.attrs["caption"] = OF
    (meaning,) = judge("translations among", kinds)
    assert meaning.value == pytest.approx(0.75) and meaning.verdict == UNTESTED
    assert meaning.why.startswith("from 0.20 to 0.75 over the layers; a table by older code")
    sure = {"translations_low": 0.01, "translations_high": 0.9}
    (unsure,) = judge("translations among", kinds.assign(**sure))
    assert unsure[:3] == pytest.approx((0.75, 0.01, 0.9)) and unsure.verdict == UNTESTED
    (cause,) = judge("translations gained", kinds)
    assert cause.value == pytest.approx(0.2) and cause.verdict == UNTESTED


def test_what_needs_the_paper_s_terms_has_a_number_and_no_verdict():
    grid = pd.DataFrame([(5, 3, 1, 0.1), (5, 3, 2, 0.3), (9, 3, 1, 0.4), (9, 3, 2, 0.3)],
                        columns=["k", "tau", "layer", "ilo"])  # fmt: skip
    (best,) = judge("share of the settings", grid)
    assert best.value == 0.5 and best.verdict == UNTESTED
    assert judge("share of the settings", grid[grid["k"] == 9]) == []
    (peak,) = judge("mean ILO where", at_layers(layer=[0, 1], ilo=[0.1, 0.2], low=0.0, high=0.3))
    assert peak[:4] == (0.2, 0, 0.3, UNTESTED) and peak.setting == "layer 1 of 1"
    maps = at_layers(layer=[2, 2, 9, 9], method=["full space", "UMAP"] * 2, kept=[1, 0.7, 1, 0.4],
                     ilo=[0.1, 0.9, 0.3, 0.1])  # fmt: skip
    (kept,) = judge("share of the neighbours", maps)
    assert kept.value == 0.4 and kept.setting == "UMAP, layer 9"


def runs(seeds, frozen=0.5, full=0.3, rate=1e-5):
    """A sweep: full training lowers P@1 in layers 1 to 8, and teaches the others less."""
    arms = {"none": full, claims.FROZEN: frozen, "table": full}
    of, layers, answers = [("before", "all", 0.0, 0, 0)], [], []
    of += [(f"{arm}{s}", arm, rate, 3, s) for arm in arms for s in range(seeds)]
    of = pd.DataFrame(of, columns=["run", "freeze", "learning_rate", "epochs", "seed"])
    of = of.assign(task="cldr", language="eng_Latn", corpus_fingerprint="c", test_items=NAN,
                   dev_loss=of["epochs"] * 0.1)  # fmt: skip
    for row in of.itertuples():
        for layer in range(11):
            moved = 0.1 + 0.02 * row.seed if row.freeze == "none" else 0.0
            layers.append((row.run, layer, -moved, 0.6 - moved, -moved))
        right = round(100 * arms.get(row.freeze, 0.2)) + row.seed
        for code in ("eng_Latn", "deu_Latn", "fra_Latn"):
            text = "1" * right + "0" * (100 - right)
            answers.append((row.run, code, right / 100, text, 1.0))
    layers = pd.DataFrame(layers, columns=["run", "layer", "ilo", "precision", "change"])
    columns = ["run", "language", "accuracy", "answers", "loss"]
    return of, layers, pd.DataFrame(answers, columns=columns)


def test_training_is_judged_seed_by_seed_at_every_rate():
    of, layers, answers = runs(3)
    for number in ("loss of ILO", "loss of P@1"):
        (found,) = judge(number, of, layers, answers)
        margin = stats.t.ppf(0.975, 2) * 0.02 / 3**0.5
        assert found[:3] == pytest.approx((0.12, 0.12 - margin, 0.12 + margin))
        assert found.verdict == IN_KIND and found.setting == "cldr, 1e-05, 3 seeds"
        before = "0.00" if number == "loss of ILO" else "0.60"
        assert found.why == f"of {before} before; the paper's training is not known"
    (kept,) = judge("P@1 above", of, layers, answers)
    assert kept.value == pytest.approx(0.12) and kept.verdict == IN_KIND
    # one arm may be a seed ahead of another
    (kept,) = judge("P@1 above", of[of["run"] != f"{claims.FROZEN}2"], layers, answers)
    assert kept.setting == "cldr, 1e-05, 2 seeds" and kept.verdict == UNTESTED
    # where full training loses nothing, there is nothing for freezing to save
    better = layers.assign(precision=layers["precision"].where(layers["run"].eq("before"), 0.7))
    (kept,) = judge("P@1 above", of, better, answers)
    assert kept.value == 0 and kept.verdict == UNTESTED
    assert kept.why.endswith("nothing that freezing could have saved (−0.100)")
    harmed = better["precision"].where(~better["run"].str.startswith(claims.FROZEN), 0.5)
    (harm,) = judge("P@1 above", of, better.assign(precision=harmed), answers)
    assert harm.value == pytest.approx(-0.2) and harm.verdict == CONTRADICTED
    at_rate, as_learned = judge("accuracy there: frozen", of, answers)
    assert at_rate.value == as_learned.value == pytest.approx(0.2)
    assert at_rate.verdict == IN_KIND and at_rate.setting == "cldr, 1e-05, 3 seeds"
    assert as_learned.setting == "cldr, as well learned, 3 seeds"


def test_two_seeds_no_runs_and_a_harm():
    of, layers, answers = runs(2)
    tables = {"loss of ILO": [layers, answers], "P@1 above": [layers, answers],
              "accuracy there: both": [answers]}  # fmt: skip
    for number, more in tables.items():
        found = judge(number, of, *more)
        assert found and all(each.verdict == UNTESTED and each.why for each in found)
        assert judge(number, of[of["epochs"] == 0], *more) == []
    of, _, answers = runs(4, frozen=0.1)
    assert {each.verdict for each in judge("accuracy there: frozen", of, answers)} == {CONTRADICTED}


def test_another_language_of_training_is_judged_by_itself():
    of, layers, answers = runs(3)
    more, others, more_answers = runs(3, frozen=0.2)
    swahili = [table.assign(run="s" + table["run"]) for table in (more, others, more_answers)]
    swahili[0]["language"] = "swh_Latn"
    both = [pd.concat(pair) for pair in zip((of, layers, answers), swahili, strict=True)]
    english, swahili = judge("accuracy there: frozen", both[0], both[2])[::2]
    assert english[:3] == judge("accuracy there: frozen", of, answers)[0][:3]
    assert english.verdict == IN_KIND and swahili.verdict == CONTRADICTED
    assert swahili.setting == "cldr, swh_Latn, 1e-05, 3 seeds"
    lost = judge("loss of ILO", *both)
    assert [each.setting for each in lost] == ["cldr, 1e-05, 3 seeds", swahili.setting]


def test_a_rate_that_ruins_the_model_is_no_test():
    of, layers, answers = runs(3)
    answers.loc[answers["run"].str.startswith("none"), "loss"] = 5.0
    for number, more in {"loss of ILO": [layers, answers], "accuracy there: f": [answers]}.items():
        (found,) = judge(number, of, *more)
        assert found.verdict == UNTESTED
        assert found.why.startswith("most runs of an arm ruin the model")


def choice(skill, low):
    tried = at_layers(
        skill=[skill] * 2, measure=["ILO", "P@1"], tried=0.5, low=[low, 0.4], high=0.8
    )
    layers = at_layers(
        skill=[skill] * 3, measure=["ILO", "ILO", "P@1"], partial_low=[0.1, -0.1, 0.5]
    )
    return tried, layers


def test_the_spread_of_a_prediction_over_halves_gives_no_verdict():
    (found,) = judge("ρ of a classifier", *choice("cldr, probe", 0.2))
    assert found.value == 0.5 and np.isnan([found.low, found.high]).all()
    assert found.verdict == UNTESTED and found.setting == "cldr, probe"
    assert found.why.startswith("the spread over halves (0.20 to 0.80) is no interval")
    assert found.why.endswith("given resources and script, surely above 0 at 1 of 2 layers")
    tried, layers = choice("cldr, probe", 0.2)
    script = tried.iloc[:1].assign(measure="Latin script", tried=-0.5)
    (found,) = judge("ρ of a classifier", pd.concat([tried, script]), layers)
    assert found.why.endswith("at 1 of 2 layers; Latin script alone −0.50")
    gain = choice("cldr, gain, 1e-05", 0.2)
    assert judge("ρ of a classifier", *gain) == []
    assert [each.value for each in judge("ρ of the gain", *gain)] == [0.5]


# the Hyperpolyglot paper


def test_vocabularies_are_counted():
    overlap = at_layers(a=["x", "x", "y", "y"], b=["x", "y", "x", "y"], share=[1, 0.25, 0.75, 1],
                        non_latin=[0.5, 0.6, 0.6, 0.4])  # fmt: skip
    (share,) = judge("mean share", overlap)
    assert share.value == 0.5 and share.verdict == UNTESTED and share.setting == "2 vocabularies"
    (latin,) = judge("share that is not Latin", overlap)
    assert latin.value == 0.6 and latin.verdict == UNTESTED and latin.setting == "x · y"


def test_accuracies_and_categories_are_the_paper_s_only_with_its_models():
    labels = at_layers(label=["A", "B"] * 2, accuracy=[0.9924] * 2 + [0.9, 0.8], used=500,
                       model=["facebook/xlm-roberta-xl"] * 2 + ["m"] * 2)  # fmt: skip
    paper, other = judge("mean accuracy", labels)
    assert paper.verdict == REPRODUCED and other.verdict == IN_KIND
    error = np.sqrt((0.9 * 0.1 + 0.8 * 0.2) / 1000) / 2
    assert other[:3] == pytest.approx((0.85, 0.85 - 1.96 * error, 0.85 + 1.96 * error))
    (apart,) = judge("difference of two models", labels)
    assert apart.value == pytest.approx(0.85 - 0.9924) and apart.verdict == UNTESTED
    alone = pd.DataFrame([{"label": "C", "accuracy": 0.1, "used": 9, "model": "m"}])
    more = judge("mean accuracy", pd.concat([labels, alone]))
    assert more == [paper, other] and other.why == "the 2 categories that every model has"

    tokens = at_layers(categories=[7, 8, 7.83] * 2, model=["google/mt5-xl"] * 3 + ["m"] * 3)
    paper, other = judge("mean number of categories", tokens)
    assert paper.verdict == REPRODUCED and other.verdict == UNTESTED
    assert other[:2] == (paper.value, paper.low)


def test_translations_are_of_pairs_across_scripts_and_leave_out_families():
    pairs = [
        ("eng_Latn", "rus_Cyrl", 0.5),
        ("rus_Cyrl", "tel_Telu", 0.3),
        ("eng_Latn", "tel_Telu", 0.4),
    ]
    table = pd.DataFrame(pairs, columns=["source", "target", "p@1"])
    for end in ("source", "target"):
        table[f"{end}_script"] = table[end].str[-4:]
    table = table.assign(reading="no piece in common", model="m")
    same = table.assign(target_script=table["source_script"], **{"p@1": 0.9})
    table = pd.concat([table, same, table.assign(reading="one token", **{"p@1": 0.9})])
    table.attrs["details"] = {"pool": 20}
    (found,) = judge("P@1 across", table)
    left = np.array([0.3, 0.4, 0.5])  # without Germanic, Slavic, Dravidian
    margin = stats.t.ppf(0.975, 2) * np.sqrt(2 * left.var())
    assert found[:3] == pytest.approx((0.4, 0.4 - margin, 0.4 + margin))
    assert found.setting == "m; chance 0.05"


def test_composition_of_neighbours():
    rows = [("HIRAGANA", "HIRAGANA", 20), ("HIRAGANA", "CJK", 6), ("KATAKANA", "LATIN", 14),
            ("KATAKANA", "KATAKANA", 7), ("KATAKANA", "CJK", 3), ("LATIN", "LATIN", 44),
            ("LATIN", "CJK", 1), ("CYRILLIC", "CYRILLIC", 30)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["source", "neighbor", "mean_count"]).assign(model="m")
    (own,) = judge("share of five scripts", table)
    assert own[:3] == pytest.approx((0.75, 0.300642, 0.954413), abs=1e-6)  # Wilson's of 3 of 4
    assert own.verdict == UNTESTED and own.why == "the commonest, if not most: of 3 of 4"
    (spilt,) = judge("CJK neighbours", table)
    assert spilt.value == 2 and spilt.verdict == UNTESTED
    assert spilt.why == "no interval; Katakana has 14 Latin neighbours, 3 CJK"


def test_a_trend_is_a_correlation_over_tokens():
    part = np.arange(1, 11)
    flat = at_layers(part=part, tokens=500, mean=5.0, sd=2.0, model="m", ranking="by count")
    (found,) = judge("correlation with", flat)
    assert found.value == pytest.approx(0, abs=1e-12) and found.setting == "m, by count"
    assert found.high == pytest.approx(np.tanh(1.96 / np.sqrt(4997)))
    assert found.verdict == UNTESTED and "mC4" in found.why
    (steep,) = judge("correlation with", flat.assign(mean=part.astype(float)))
    assert steep.value == pytest.approx(np.sqrt(part.var() / (part.var() + 4)))


def test_two_models_are_no_two_sizes_of_one():
    pairs = at_layers(pair=["a · b"], mean=[17.0], margin=[1.0])
    (common,) = judge("neighbours in common", pairs)
    assert common[:4] == (17, 16, 18, UNTESTED)
    angles = at_layers(pair="a · b", how=["mean taken away", "rows of length 1 (paper)"],
                       first=[0.6, 0.95], **{"first, left out": [0.5, 0.9]})  # fmt: skip
    (angle,) = judge("the same, on the tokens", angles)
    assert angle.value == 0.95 and angle.verdict == UNTESTED
    assert angle.setting == "a · b; 0.950, on tokens left out 0.900"
    assert judge("none")[0].verdict == UNTESTED


# the table


def shares(share):
    return pd.DataFrame({"layer": [3], "shared": [share], "other_family": [1.0]})


def test_every_claim_has_a_row_on_the_text_and_on_the_first_larger_one(data):
    (claim,) = (each for each in claims.CLAIMS if each.tables == ("04_shared",))
    for corpus, share in {"udhr": 0.2, "small": 0.3, "large": 0.4}.items():
        save_table("04_shared", shares(share), Caption("m", corpus, 49))
    found = verdicts([claim], Caption("m", "udhr"), ["none", "large", "small"])
    assert found["value"].tolist() == pytest.approx([0.2, 0.4])
    assert found["setting"].tolist() == ["udhr 49, layer 3", "large 49, layer 3"]
    assert found["tables"].unique().tolist() == ["04_shared"]


def test_what_is_missing_or_old_is_said(data):
    save_table("04_shared", shares(0.2)[["layer", "shared"]], Caption("m", "udhr", 49))
    found = verdicts(claims.CLAIMS + token_claims.CLAIMS, Caption("m", "udhr"), [])
    assert len(found) == len(claims.CLAIMS + token_claims.CLAIMS)
    assert set(found["verdict"]) == {UNTESTED} and found["value"].isna().all()
    why = found.set_index(["figure", "number"])["why"]
    assert "has no table 07_layers" in why["b"].iloc[0]
    assert "make sweep" in why["f"].iloc[0]
    assert (
        why["text"] == "04_shared: no 'other_family'; run the notebook of that number again"
    ).any()


def test_a_claim_without_findings_says_so(data):
    empty = Claim("z", "c", "n", "i", (), lambda: [])
    (row,) = verdicts([empty], Caption("m", "udhr"), ["x"]).to_dict("records")
    assert row["why"] == "no run has this yet" and row["setting"] == ""
    assert row["verdict"] == Finding().verdict == UNTESTED
