"""The sweep: its tables say what the functions it calls say, and nothing is run twice."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import CORPUS

from ilo_helpers import extract_activations, ilo_scores, load_corpus, nearest_neighbors
from ilo_helpers.keep.digest import settings_digest
from ilo_helpers.keep.paths import ROOT
from ilo_helpers.training import sweep
from ilo_helpers.training.evaluation import evaluate, lm_loss
from ilo_helpers.training.finetuning import fine_tune
from ilo_helpers.training.runs import RunStore, read_tables
from ilo_helpers.training.tasks import load_task
from ilo_helpers.validity.alignment import alignment_scores


@pytest.fixture
def toy(tmp_path):
    """Whether a text ends in 'x' or in 'y', in two languages."""
    rng = np.random.default_rng(0)
    rows = []
    for split, items in {"train": 32, "dev": 8, "test": 12}.items():
        for i in range(items):
            label = ("unit", "script")[i % 2]
            for code in ("eng_Latn", "deu_Latn"):
                text = "".join(rng.choice(list("abcdef"), 4)) + " xy"[1 + i % 2]
                rows.append((code, split, f"{split}{i}", text, label))
    path = tmp_path / "toy.csv"
    columns = ["language", "split", "id", "text", "label"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return path


def command(model, toy, *more):
    return ["--model", model, "--corpus", str(CORPUS), "--task", str(toy), "--sentences", "5",
            "--loss-sentences", "1", "--learning-rate", "1e-2", "--freeze", "none", "table+first-2",
            *more]  # fmt: skip


def test_tables_agree_with_the_functions_and_no_run_is_made_twice(
    tiny, toy, data, monkeypatch, capsys
):
    model, task, corpus = tiny("llama"), load_task(toy), load_corpus(CORPUS, sentences=5)
    full = fine_tune(model, task, learning_rate=1e-2, epochs=3)
    sweep.main(command(model, toy))
    assert full.exists() and len(list(full.parent.glob("*/run.json"))) == 1  # the other is deleted

    folder = next((data.parent / "figures").iterdir())
    tables = read_tables(folder)
    runs = tables["runs"].set_index("freeze")
    assert list(runs.index) == ["all", "none", "table+first-2"] and list(runs["steps"]) == [0, 6, 6]
    names = runs["run"]
    of_run = tables["languages"].set_index(["run", "language"])
    for kind, which in {"all": model, "none": full}.items():
        answers = evaluate(which, task)
        for code, part in answers.groupby("language"):
            found = of_run.loc[names[kind], code]
            assert found["answers"] == "".join("01"[right] for right in part["correct"])
            assert found["accuracy"] == pytest.approx(part["correct"].mean(), rel=1e-5)
        losses = lm_loss(which, corpus[:1]).set_index("language")["loss"]
        np.testing.assert_allclose(of_run.loc[names[kind], "loss"][losses.index], losses, rtol=1e-5)

    layers = {kind: tables["layers"].query("run == @name") for kind, name in names.items()}
    acts = {"all": extract_activations(model, corpus), "none": extract_activations(full, corpus)}
    for kind, vectors in acts.items():
        lists = nearest_neighbors(vectors, k=10)
        means = ilo_scores(lists, 5, 3).groupby("layer")[["bridge", "ilo"]].mean()
        np.testing.assert_allclose(layers[kind][["bridge", "ilo"]], means, atol=1e-5)
        mexa = alignment_scores(vectors, "MEXA").groupby("layer")["value"].mean()
        np.testing.assert_allclose(layers[kind]["mexa"], mexa, atol=1e-5)
    change = layers["none"]["ilo"].to_numpy() - layers["all"]["ilo"].to_numpy()
    np.testing.assert_allclose(layers["none"]["change"], change, atol=2e-5)
    assert (layers["all"][["change", "low", "high"]] == 0).all(axis=None)
    np.testing.assert_allclose(layers["all"]["cka"], 1)
    frozen = layers["table+first-2"].query("layer <= 2")
    assert (frozen["change"] == 0).all() and len(frozen) == 3

    monkeypatch.setattr(sweep, "measure_run", None)  # would fail if it were called
    capsys.readouterr()
    sweep.main(command(model, toy))
    assert capsys.readouterr().out.count("in the tables") == 3


def test_half_written_run_is_made_anew(tmp_path):
    new = {name: pd.DataFrame({"run": ["0123456789"], "value": [2.0]}) for name in
           ("runs", "layers", "languages")}  # fmt: skip
    old = pd.DataFrame({"run": ["0123456789", "00000000e1"], "value": [1.0, 7.0]})
    old.to_csv(tmp_path / "05_layers.csv", index=False)  # killed before 05_runs.csv
    RunStore(tmp_path, {"a": "0123456789"}).write("a", **new)
    tables = read_tables(tmp_path)
    assert tables["layers"].values.tolist() == [["00000000e1", 7.0], ["0123456789", 2.0]]
    assert tables["runs"].values.tolist() == [["0123456789", 2.0]]


def test_committed_runs_are_named_by_their_settings():
    """Of a run that is there, the name made anew is the same: the sweep skips it."""
    tables = read_tables(ROOT / "figures" / "gemma-3-270m--udhr")
    runs = tables["runs"]
    settings = runs.loc[:, "model":"seed"].drop(columns="test_items")
    settings = settings.astype({"learning_rate": float}).to_dict("records")
    names = [
        settings_digest(setting | {"test_items": None if np.isnan(items) else int(items)})
        for setting, items in zip(settings, runs["test_items"], strict=True)
    ]
    assert list(runs["run"]) == names and len(set(names)) == len(names) > 5
    for name in ("layers", "languages"):
        assert set(tables[name]["run"]) == set(names)


def test_help_names_the_settings():
    done = subprocess.run(
        [sys.executable, "-m", "ilo_helpers.training.sweep", "--help"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0 and "--learning-rate" in done.stdout


def test_runs_stand_beside_the_untrained_model():
    settings = {
        "corpus_fingerprint": "f",
        "task": "t",
        "language": "eng_Latn",
        "test_items": np.nan,
    }
    runs = pd.DataFrame([
        {"run": "a", **settings, **sweep.UNTRAINED, "dev_loss": np.nan},
        {"run": "b", **settings, "freeze": "table", "learning_rate": 1e-5, "epochs": 3, "seed": 1,
         "dev_loss": 0.5},
    ])  # fmt: skip
    languages = pd.DataFrame({
        "run": ["a", "a", "b", "b"], "language": ["eng_Latn", "deu_Latn"] * 2,
        "accuracy": [0.2, 0.4, 0.9, 0.7], "answers": ["0", "1", "1", "1"],
        "loss": [2.0, 3.0, 2.5, 3.25],
    })  # fmt: skip
    table = sweep.by_language({"runs": runs, "languages": languages}).set_index("language")
    assert set(table["run"]) == {"b"} and set(table["trained_on"]) == {"eng_Latn"}
    np.testing.assert_allclose(table["gain"][["eng_Latn", "deu_Latn"]], [0.7, 0.3])
    np.testing.assert_allclose(table["forgotten"][["eng_Latn", "deu_Latn"]], [0.5, 0.25])
    empty = {name: pd.DataFrame() for name in ("runs", "layers", "languages")}
    assert sweep.by_language(empty).empty and "trained_on" in sweep.by_language(empty)
