"""Arms of a sweep against each other: paired by seed and item, seeds and items resampled."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ilo_helpers.training.comparison import (
    compare_arms,
    compare_as_well_learned,
    pairs_as_well_learned,
    summarize_runs,
    without_copies,
)

CODES = ["eng_Latn", "deu_Latn", "fra_Latn"]


def results(arms, seeds=4, items=60, rng=None, dev_loss=None):
    """Answers of every arm (name: chance to be right in the others) and seed."""
    rng = rng or np.random.default_rng(0)
    rows = []
    for arm, chance in arms.items():
        for seed in range(seeds):
            for code in CODES:
                p = 1.0 if code == "eng_Latn" else chance
                right = rng.random(items) < p
                rows.append({
                    "run": f"{arm}{seed}", "task": "toy", "trained_on": "eng_Latn", "freeze": arm,
                    "learning_rate": 1e-5, "epochs": 3, "seed": seed,
                    "dev_loss": (dev_loss or {}).get(arm, 0.3), "language": code,
                    "accuracy": right.mean(), "answers": "".join(map(str, right.astype(int))),
                    "accuracy_before": 0.25, "gain": right.mean() - 0.25,
                    "forgotten": 0.0 if code == "eng_Latn" else (2.0 if arm == "none" else 0.5),
                })  # fmt: skip
    return pd.DataFrame(rows)


def test_a_run_is_summed_up_over_the_other_languages():
    table = results({"none": 0.5, "table": 0.7})
    runs = summarize_runs(table).set_index("run")
    others = table[(table["run"] == "none2") & (table["language"] != "eng_Latn")]
    assert runs.loc["none2", "others"] == pytest.approx(others["accuracy"].mean())
    assert runs.loc["none2", "gain"] == pytest.approx(others["accuracy"].mean() - 0.25)
    assert runs.loc["none2", "trained"] == 1
    assert runs.loc["none2", "ruined"] and not runs.loc["table0", "ruined"]


def test_difference_is_that_of_the_means_and_its_interval_holds_it():
    table = results({"none": 0.4, "table": 0.7, "first-8": 0.4})
    found = compare_arms(table).set_index("freeze")
    runs = summarize_runs(table).groupby("freeze")["others"].mean()
    for arm in ("table", "first-8"):
        row = found.loc[arm]
        assert row["difference"] == pytest.approx(runs[arm] - runs["none"])
        assert row["low"] < row["difference"] < row["high"] and row["seeds"] == 4
    assert found.loc["table", "low"] > 0.1 and found.loc["first-8", "low"] < 0.1
    assert found.loc["table", "ruined"] == 1  # all of the baseline's runs are
    pd.testing.assert_frame_equal(compare_arms(table), compare_arms(table))  # the same draws


def test_seeds_alone_give_students_interval():
    """Every item differs by as much: what is left is the spread of the seeds."""
    table = results({"none": 0.0, "table": 0.0}, seeds=3)
    right = {"table1": ["deu_Latn"], "table2": ["deu_Latn", "fra_Latn"]}
    for run, codes in right.items():  # of two other languages none, one, both
        there = (table["run"] == run) & table["language"].isin(codes)
        table.loc[there, "answers"] = "1" * 60
    row = compare_arms(table, draws=20000).iloc[0]
    error = stats.sem([0, 0.5, 1]) * stats.t.ppf(0.975, 2) / stats.norm.ppf(0.975)
    assert row["difference"] == pytest.approx(0.5)
    power = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * error
    assert row["detectable"] == pytest.approx(power, rel=0.02)  # of 20,000 draws


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_have_no_interval(seeds):
    row = compare_arms(results({"none": 0.4, "table": 0.7}, seeds=seeds)).iloc[0]
    assert np.isfinite(row["difference"])
    assert row[["low", "high", "detectable"]].isna().all()


def test_equal_answers_differ_by_nothing_at_all():
    table = results({"none": 0.5})
    twin = table.assign(run=table["run"] + "t", freeze="table", forgotten=0.0)
    row = compare_arms(pd.concat([table, twin])).iloc[0]
    assert row[["difference", "low", "high", "detectable"]].tolist() == [0, 0, 0, 0]


@pytest.mark.slow
def test_coverage_with_three_seeds_that_differ():
    """Seeds vary more than items: without Student's factor the interval holds 0 in 0.91."""
    rng, held = np.random.default_rng(1), 0
    for _ in range(200):
        shift = {arm: rng.normal(0, 0.1, 3) for arm in ("none", "table")}
        table = results({"none": 0.5, "table": 0.5}, 3, 60, rng)
        for arm, of_seed in shift.items():
            for seed, by in enumerate(of_seed):
                here = table["run"] == f"{arm}{seed}"
                table.loc[here, "answers"] = [
                    "".join(map(str, (rng.random(60) < 0.5 + by).astype(int))) for _ in range(3)
                ]
        row = compare_arms(table, draws=300).iloc[0]
        held += row["low"] <= 0 <= row["high"]
    assert held / 200 >= 0.95


def test_as_well_learned_pairs_by_development_loss():
    table = results({"none": 0.4, "near": 0.6, "far": 0.9},
                    dev_loss={"none": 0.3, "near": 0.35, "far": 0.6})  # fmt: skip
    table["forgotten"] = 0.1
    found = compare_as_well_learned(table).set_index("freeze")
    assert list(found.index) == ["near"] and found.loc["near", "pairs"] == 4
    pairs = pairs_as_well_learned(summarize_runs(table))
    assert pairs["run"].tolist() == [f"near{seed}" for seed in range(4)]
    assert pairs["run_home"].tolist() == [f"none{seed}" for seed in range(4)]
    again = compare_arms(table).set_index("freeze")
    assert found.loc["near", "difference"] == pytest.approx(again.loc["near", "difference"])
    ruined = table.assign(forgotten=5.0)
    assert compare_as_well_learned(ruined).empty
    assert list(pairs_as_well_learned(summarize_runs(ruined))) == list(pairs)


def test_names_spelled_as_in_english_are_left_out():
    names = {"eng_Latn": "abcd", "deu_Latn": "aBxy", "fra_Latn": "zbcw"}
    task = pd.DataFrame([
        (code, split, place, text, "label")
        for code, texts in names.items() for split in ("train", "test")
        for place, text in enumerate(texts)
    ], columns=["language", "split", "id", "text", "label"])  # fmt: skip
    runs = pd.DataFrame({
        "run": list("nnnttt"), "language": CODES * 2, "task": "toy", "trained_on": "eng_Latn",
        "freeze": ["none"] * 3 + ["table"] * 3, "learning_rate": 1e-5, "epochs": 3, "seed": 0,
        "dev_loss": 0.1, "forgotten": 0.0, "accuracy_before": 0.5, "answers_before": "1100",
        "answers": ["1111", "1101", "1110", "1111", "0011", "1001"], "accuracy": 0.5,
    })  # fmt: skip
    kept = without_copies(runs.assign(gain=0.0), task)
    assert kept["answers"].tolist() == ["1111", "--01", "1--0", "1111", "--11", "1--1"]
    assert kept["accuracy"].tolist() == [1, 0.5, 0.5, 1, 1, 1]
    assert kept["gain"].tolist() == [0.5, 0.5, 0, 0.5, 1, 0.5]
    assert runs["answers"].iloc[1] == "1101"  # what was given is as it was
    # item 1 is copied by both; the others are asked once each: (1, 0, 0) becomes (1, 1, 1) by item
    row = compare_arms(kept).iloc[0]
    assert row["difference"] == pytest.approx((1 + 1 + 1) / 3 - (1 + 0 + (1 + 0) / 2) / 3)
