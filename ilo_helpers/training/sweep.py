"""Many fine-tuning runs, measured alike: ``python -m ilo_helpers.experiments --help``.

Three tables are kept in ``figures/<model>--<corpus>/``: ``05_runs.csv`` (a row a run: its settings
and what it came to), ``05_layers.csv`` (by layer and resource band) and ``05_languages.csv``. A run
that they have is skipped: a sweep that was stopped goes on, and a committed one can be extended.
"""

import argparse
import hashlib
import itertools
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd

from ..activations import extract_activations
from ..corpora import load_corpus
from ..ilo import ilo_scores
from ..keep.paths import data_dir, figures_dir, slug
from ..languages import language_table
from ..models import load_model
from ..neighbors import nearest_neighbors
from ..validity.cka import cka_by_layer
from ..validity.intervals import change_by_layer
from .evaluation import accuracy, evaluate, lm_loss
from .finetuning import fine_tune
from .tasks import WORDS, load_task, same_as_english

TABLES = ("runs", "layers", "languages")
#: Layers that the first 8 blocks give, which the paper freezes; 0 (the embeddings) is apart.
EARLY = range(1, 9)
POOLING = "mean"
#: What names a run; every combination of the lists of the command line is one.
GRID = ("language", "objective", "freeze", "learning_rate", "epochs", "seed")


def main(arguments=None):
    """Run what the command line asks for and the tables do not have yet."""
    options = _parser().parse_args(arguments)
    corpus = load_corpus(options.corpus, sentences=options.sentences, split=options.split)
    task = load_task(options.task)
    lm = load_model(options.model)
    folder = figures_dir(f"{slug(lm.name)}--{slug(corpus.attrs['name'])}")
    common = {
        "model": lm.name, "revision": lm.attrs["revision"], "dtype": lm.dtype,
        "corpus": corpus.attrs["name"], "corpus_fingerprint": corpus.attrs["fingerprint"],
        "sentences": len(corpus), "task": task.attrs["name"],
        "task_fingerprint": task.attrs["fingerprint"], "test_items": options.test_items,
        "loss_sentences": options.loss_sentences, "k": options.k, "tau": options.tau,
    }  # fmt: skip
    grid = itertools.product(*(vars(options)[name] for name in GRID))
    settings = [common | dict(zip(GRID, values, strict=True)) for values in grid]
    for place, setting in enumerate(settings, 1):
        told = " ".join(str(setting[name]) for name in ("task", *GRID))
        if run_name(setting) in read_tables(folder)["runs"].get("run", pd.Series()).values:
            print(f"[{place}/{len(settings)}] {told}: in the tables", flush=True)
            continue
        print(f"[{place}/{len(settings)}] {told}", flush=True)
        _append(folder, measure(lm, corpus, task, setting))
    print(f"tables: {folder}/05_{{{','.join(TABLES)}}}.csv")


def measure(lm, corpus, task, setting):
    """Train one run and measure it before and after.

    A checkpoint made for this (a gigabyte) is deleted afterwards; one that was there stays.

    Parameters
    ----------
    lm : LanguageModel
    corpus, task : pandas.DataFrame
    setting : dict
        The columns of ``runs`` that are settings; ``language`` may join several with ``+``.

    Returns
    -------
    dict of pandas.DataFrame
        ``"runs"``, ``"layers"`` and ``"languages"``, as they are written. Accuracy is empty
        before training where the objective is ``"head"``: there is no head yet.
    """
    trained = setting["language"].split("+")
    kept = set(data_dir("models", "finetuned").iterdir())
    options = {name: setting[name] for name in GRID if name != "language"}
    path = fine_tune(lm, task, language=trained if len(trained) > 1 else trained[0], **options)
    with tempfile.TemporaryDirectory() as folder:
        place = None if path in kept else folder
        acts = [
            extract_activations(lm, corpus, pooling=POOLING),
            extract_activations(path, corpus, pooling=POOLING, store=place),
        ]
        neighbors = [nearest_neighbors(each, k=10) for each in acts]
        cka = cka_by_layer(*acts).set_index("layer")["cka"]
    k, tau = setting["k"], setting["tau"]
    bands = language_table(list(corpus.columns))["resource_band"]
    layers = change_by_layer(*neighbors, k, tau, bands)
    scores = [ilo_scores(each, k, tau) for each in neighbors]
    peak = int(scores[0].groupby("layer")["ilo"].mean().idxmax())
    languages = _by_language(lm, path, corpus, task, setting, trained)
    for name, table in zip(("ilo_before", "ilo_after"), scores, strict=True):
        languages[name] = table[table["layer"] == peak].set_index("language")["ilo"]
    row = setting | _summary(path, task, trained, layers, languages, cka) | {"peak_layer": peak}
    if path not in kept:
        shutil.rmtree(path)
    tables = {"runs": pd.DataFrame([row]), "layers": layers, "languages": languages.reset_index()}
    for table in tables.values():
        table.insert(0, "run", run_name(setting))
    return tables


def _by_language(lm, path, corpus, task, setting, trained):
    """Accuracy and language-model loss, before and after, a row a language."""
    items = task
    if setting["test_items"]:
        tested = task.loc[task["split"] == "test", "id"].drop_duplicates()
        tested = tested.sample(setting["test_items"], random_state=0)
        items = task[(task["split"] != "test") | task["id"].isin(tested)]
    new = ~same_as_english(items)
    columns = {}
    words = WORDS.get(trained[0] if len(trained) == 1 else "eng_Latn")  # a head needs none
    models = {"before": lm, "after": path}
    for when, model in models.items():
        if setting["objective"] == "head" and when == "before":
            continue
        answers = evaluate(model, items, words=words)
        table = accuracy(answers).set_index("language")
        if when == "after":
            columns |= {name: table[name] for name in ("items", "low", "high")}
            told_apart = answers.merge(items[new][["language", "id"]], on=["language", "id"])
            columns["accuracy_unlike_english"] = accuracy(told_apart).set_index("language")[
                "accuracy"
            ]
        columns[f"accuracy_{when}"] = table["accuracy"]
    if setting["objective"] != "head":
        passages = corpus.iloc[: setting["loss_sentences"]]
        for when, model in models.items():
            columns[f"loss_{when}"] = lm_loss(model, passages).set_index("language")["loss"]
    table = pd.DataFrame(columns)
    return table.loc[[code for code in corpus if code in table.index]].rename_axis("language")


def _summary(path, task, trained, layers, languages, cka):
    """One line on a run: means over languages, over early and late layers."""
    run = json.loads((path / "run.json").read_text())
    loss = pd.read_csv(path / "loss.csv")
    ilo = layers[(layers["score"] == "ilo") & (layers["group"] == "all")].set_index("layer")
    early = ilo.index.isin(EARLY)
    late = ilo.index > max(EARLY)
    inside = languages.index.isin(trained)
    row = {
        "steps": int(loss["step"].max()),
        "trained_parameters": run["trained_parameters"],
        "dev_loss": loss["eval_loss"].dropna().iloc[-1],
        "ilo_change_early": ilo.loc[early, "change"].mean(),
        "ilo_change_late": ilo.loc[late, "change"].mean(),
        "cka_early": cka.loc[ilo.index[early]].min(),
        "cka_late": cka.loc[ilo.index[late]].min(),
    }
    for name in ("accuracy_before", "accuracy_after", "accuracy_unlike_english"):
        if name in languages:
            row[f"{name}_trained"] = languages.loc[inside, name].mean()
            row[f"{name}_others"] = languages.loc[~inside, name].mean()
    if "loss_after" in languages:
        forgotten = languages["loss_after"] - languages["loss_before"]
        row["loss_change_trained"] = forgotten[inside].mean()
        row["loss_change_others"] = forgotten[~inside].mean()
    return row


def run_name(setting):
    """Ten hexadecimal digits made from all settings of a run."""
    return hashlib.sha256(json.dumps(setting, sort_keys=True).encode()).hexdigest()[:10]


def read_tables(folder):
    """The tables of a sweep.

    Parameters
    ----------
    folder : path

    Returns
    -------
    dict of pandas.DataFrame
        ``"runs"``, ``"layers"``, ``"languages"``; empty where there is none yet.
    """
    files = {name: Path(folder) / f"05_{name}.csv" for name in TABLES}
    text = {"run": str}  # ten digits may look like a number
    return {
        name: pd.read_csv(file, dtype=text) if file.exists() else pd.DataFrame()
        for name, file in files.items()
    }


def _append(folder, new):
    """Add a run to the tables; to ``runs`` last, so that a run there is whole."""
    old = read_tables(folder)
    for name in reversed(TABLES):
        there = old[name]
        if len(there):  # left by a call that was killed between two tables
            there = there[there["run"] != new["runs"]["run"].iloc[0]]
        file = Path(folder) / f"05_{name}.csv"
        part = file.with_suffix(".part")
        pd.concat([there, new[name]]).to_csv(part, index=False, float_format="%.6g")
        os.replace(part, file)


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m ilo_helpers.experiments",
        description="Fine-tune a model in every combination of the settings given, and measure "
        "alignment, accuracy and forgetting before and after. What the tables have is skipped.",
        epilog="A run of Gemma 3 270M on 'cldr' takes about 5 minutes on two cores.",
    )
    add = parser.add_argument
    add("--model", default="gemma-3-270m")
    add("--corpus", default="udhr", help="what ILO and the language-model loss are measured on")
    add("--split", help="of FLORES: dev or devtest")
    add("--sentences", type=int, help="of the corpus, the first so many (default: all)")
    add("--task", default="cldr", help="'cldr', 'sib200', or a path")
    add("--test-items", type=int, help="so many, drawn at random (default: all)")
    add("--loss-sentences", type=int, default=3)
    add("--language", nargs="+", default=["eng_Latn"], help="codes; swh_Latn+hin_Deva is a mixture")
    add("--objective", nargs="+", default=["label-as-text"])
    add("--freeze", nargs="+", default=["none", "first-8"])
    add("--learning-rate", nargs="+", type=float, default=[5e-5])
    add("--epochs", nargs="+", type=int, default=[3])
    add("--seed", nargs="+", type=int, default=[0])
    add("--k", type=int, default=5)
    add("--tau", type=int, default=3)
    return parser


if __name__ == "__main__":
    sys.exit(main())
