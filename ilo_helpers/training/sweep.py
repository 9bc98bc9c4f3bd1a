"""Many fine-tuning runs, measured alike: ``python -m ilo_helpers.training.sweep --help``.

Three tables are kept in ``figures/<model>--<corpus>/``: ``05_runs.csv`` (a row a run: its
settings), ``05_layers.csv`` (the alignment, by layer) and ``05_languages.csv`` (answers and
language-model loss). The untrained model is a run of no epochs. A run that they have is skipped: a
sweep that was stopped goes on, and a committed one can be extended. With ``--cluster``, or under a
Dask client, every worker makes a run of its own (see :mod:`ilo_helpers.keep.fill`).
"""

import argparse
import dataclasses
import functools
import itertools
import json
import shutil
import tempfile
from collections.abc import Sequence

import pandas as pd

from ..activations import extract_activations
from ..ilo import ilo_scores
from ..keep.captions import Caption
from ..keep.cluster import cluster
from ..keep.digest import settings_digest
from ..keep.figures import figures_folder
from ..keep.fill import fill
from ..keep.messages import say
from ..keep.paths import ROOT, data_dir
from ..neighbors import nearest_neighbors, without_translations
from ..regions.structure import mean_cosine
from ..study import Study, open_study
from ..validity.alignment import alignment_scores
from ..validity.cka import cka_by_layer
from ..validity.intervals import change_by_layer
from .evaluation import evaluate, lm_loss
from .finetuning import fine_tune
from .objectives import label_words
from .runs import TABLES, RunStore, read_tables
from .tasks import draw_items, load_task

#: What names a run; every combination of the lists of the command line is one.
GRID = ("language", "freeze", "learning_rate", "epochs", "seed")
#: The model as it is, before any training.
UNTRAINED = {"freeze": "all", "learning_rate": 0.0, "epochs": 0, "seed": 0}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for and the tables do not have yet."""
    options = _parser().parse_args(arguments)
    with cluster(options.cluster):
        _sweep(options)


def _sweep(options):
    study = open_study(options.model, options.corpus, options.split, options.sentences)
    task = load_task(options.task)
    folder = figures_folder(study.caption)
    lm, corpus = study.model, study.text.attrs
    common = {
        "model": lm.name, "revision": lm.attrs["revision"], "dtype": lm.dtype,
        "corpus": corpus["name"], "corpus_fingerprint": corpus["fingerprint"],
        "sentences": len(study.text), "task": task.attrs["name"],
        "task_fingerprint": task.attrs["fingerprint"], "test_items": options.test_items,
        "loss_sentences": options.loss_sentences, "k": study.k, "tau": study.tau,
    }  # fmt: skip
    grid = [{"language": language} | UNTRAINED for language in options.language]
    # seeds and rates outermost: a sweep that is stopped has whole comparisons
    for seed, rate, epochs, language, freeze in itertools.product(
        options.seed, options.learning_rate, options.epochs, options.language, options.freeze
    ):
        named = (language, freeze, rate, epochs, seed)
        grid.append(dict(zip(GRID, named, strict=True)))
    settings = [common | values for values in grid]
    runs = {" ".join(str(each[name]) for name in ("task", *GRID)): each for each in settings}
    store = RunStore(folder, {run: settings_digest(setting) for run, setting in runs.items()})
    for place, run in enumerate(runs, 1):
        say(f"[{place}/{len(runs)}] {run}{': in the tables' * store.holds(run)}")
    jobs = {run: setting for run, setting in runs.items() if not store.holds(run)}
    if jobs:
        _ = study.neighbors  # all runs read them
    # a worker is sent the fields of the study, and opens what they say from disk
    make = functools.partial(_tables, dataclasses.replace(study), task)
    fill([store], jobs, make, "run", "run")
    say(f"tables: {folder}/05_{{{','.join(TABLES)}}}.csv")


def _tables(study, task, setting, _progress):
    return [measure_run(study, task, setting)]


def measure_run(study: Study, task: pd.DataFrame, setting: dict) -> dict[str, pd.DataFrame]:
    """Train one run, and measure it.

    A checkpoint made for this (a gigabyte) is deleted afterwards; one that was there stays.

    Parameters
    ----------
    study : Study
        The text, and the model before training.
    task : pandas.DataFrame
    setting : dict
        The columns of ``runs`` that are settings; ``language`` may join several with ``+``. With
        no epochs, the model of the study is measured as it is.

    Returns
    -------
    dict of pandas.DataFrame
        Each with the run's name in a first column:

        - ``"runs"``: the settings, steps, trained_parameters, dev_loss (nats);
        - ``"layers"``: layer; means over the languages of bridge, reach, ilo, of ilo without
          translations, of P@1 and MEXA against English; change of ilo with its paired jackknife
          interval (low, high); mean_cosine of two sentences; cka with the untrained model, of
          the vectors without BOS;
        - ``"languages"``: language, accuracy, answers (of each test item, in the task's order, 1
          if right, 0 if not), loss (nats a token); empty where the task lacks the language.
    """
    kept = set(data_dir("finetuned").iterdir())
    path = _trained(study, task, setting)
    with tempfile.TemporaryDirectory() as folder:
        layers = _by_layer(study, path, None if path in kept else folder)
    tables = {
        "runs": pd.DataFrame([setting | _training(path)]),
        "layers": layers,
        "languages": _by_language(study, path or study.model, task, setting),
    }
    if path is not None and path not in kept:
        shutil.rmtree(path)
    for table in tables.values():
        table.insert(0, "run", settings_digest(setting))
    return tables


def _trained(study, task, setting):
    """Folder of the fine-tuned model; None for the model as it is."""
    if not setting["epochs"]:
        return None
    return fine_tune(study.model, task, **{name: setting[name] for name in GRID})


def _training(path):
    """What is known of the training itself."""
    if path is None:
        return {"steps": 0, "trained_parameters": 0, "dev_loss": None}
    run = json.loads((path / "run.json").read_text(encoding="utf-8"))
    loss = pd.read_csv(path / "loss.csv")
    return {
        "steps": int(loss["step"].max()),
        "trained_parameters": run["trained_parameters"],
        "dev_loss": loss["eval_loss"].dropna().iloc[-1],
    }


def _by_layer(study, path, store):
    """One row a layer: how alike the languages are, and what training changed."""
    neighbors, vectors = study.neighbors, study.vectors
    if path is not None:
        poolings = sorted({study.pooling, study.bare})
        vectors = extract_activations(path, study.text, poolings, store=store)
        neighbors = nearest_neighbors(vectors[study.pooling], study.stored, keep=False)
    change = change_by_layer(study.neighbors, neighbors, study.k, study.tau)
    change = change.set_index(["score", "layer"])
    apart = ilo_scores(without_translations(neighbors, study.k), study.k, study.tau)
    acts = vectors[study.pooling]
    rivals = alignment_scores(acts, ["P@1", "MEXA"], study.home, keep=False)
    rivals = rivals.groupby(["metric", "layer"])["value"].mean()
    table = change["after"].unstack("score")[["bridge", "reach", "ilo"]]
    table = table.join(change.loc["ilo", ["change", "low", "high"]])
    return table.assign(
        ilo_without_translations=apart.groupby("layer")["ilo"].mean(),
        precision=rivals["P@1"],
        mexa=rivals["MEXA"],
        mean_cosine=[mean_cosine(at.values.reshape(-1, acts.sizes["hidden"])) for at in acts],
        cka=cka_by_layer(study.vectors[study.bare], vectors[study.bare]).set_index("layer")["cka"],
    ).reset_index()


def _by_language(study, model, task, setting):
    """Answers to the test items and the language-model loss, a row a language."""
    task = draw_items(task, setting["test_items"])
    answers = evaluate(model, task, label_words(task, setting["language"]))
    answers = answers.groupby("language")["correct"]
    loss = lm_loss(model, study.text.iloc[: setting["loss_sentences"]])
    table = pd.DataFrame({
        "accuracy": answers.mean(),
        "answers": answers.agg(lambda right: "".join(map(str, right.astype(int)))),
    })  # fmt: skip
    table = table.reindex(study.text.columns).rename_axis("language").reset_index()
    return table.merge(loss[["language", "loss"]], on="language")


def committed(caption: Caption) -> dict[str, pd.DataFrame]:
    """The tables of a sweep where this run writes its figures, or else the committed ones.

    Parameters
    ----------
    caption : Caption
        Of model and corpus.

    Returns
    -------
    dict of pandas.DataFrame
        As :func:`read_tables`.
    """
    folder = figures_folder(caption)
    there = (folder / "05_runs.csv").exists()
    return read_tables(folder if there else ROOT / "figures" / folder.name)


def by_language(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Every run in every language, the untrained model's numbers beside its own.

    Parameters
    ----------
    tables : dict of pandas.DataFrame
        Of :func:`read_tables`.

    Returns
    -------
    pandas.DataFrame
        run, task, trained_on, freeze, learning_rate, epochs, seed, dev_loss; language, accuracy,
        answers, loss; accuracy_before, answers_before, loss_before, gain (of accuracy) and
        forgotten (loss less loss_before, nats). Without a row where there are no runs.
    """
    settings = ["run", "corpus_fingerprint", "task", "language", "test_items", *GRID[1:]]
    if tables["runs"].empty:
        return pd.DataFrame(columns=[*settings, "trained_on"])
    settings.append("dev_loss")
    runs = tables["runs"][settings].rename(columns={"language": "trained_on"})
    table = runs.merge(tables["languages"], on="run")
    same = ["corpus_fingerprint", "task", "trained_on", "test_items", "language"]
    before = table[table["epochs"] == 0][[*same, "accuracy", "answers", "loss"]]
    table = table[table["epochs"] > 0].merge(before, on=same, suffixes=("", "_before"))
    table["gain"] = table["accuracy"] - table["accuracy_before"]
    table["forgotten"] = table["loss"] - table["loss_before"]
    return table.drop(columns=["corpus_fingerprint", "test_items"])


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m ilo_helpers.training.sweep",
        description="Fine-tune a model in every combination of the settings given, and measure "
        "alignment, accuracy and forgetting. What the tables have is skipped.",
        epilog="A run of Gemma 3 270M on 'cldr' takes about 5 minutes on two cores.",
    )
    add = parser.add_argument
    add("--model", default="gemma-3-270m")
    add("--corpus", default="udhr", help="what ILO and the language-model loss are measured on")
    add("--split", help="of the corpus, such as devtest")
    add("--sentences", type=int, help="of the corpus, the first so many (default: all)")
    add("--task", default="cldr", help="'cldr', 'sib200', or a path")
    add("--test-items", type=int, help="so many, drawn at random (default: all)")
    add("--loss-sentences", type=int, default=3)
    add("--language", nargs="+", default=["eng_Latn"], help="codes; swh_Latn+hin_Deva is a mixture")
    add("--freeze", nargs="+", default=["none", "table", "table+first-8"])
    add("--learning-rate", nargs="+", type=float, default=[5e-5])
    add("--epochs", nargs="+", type=int, default=[3])
    add("--seed", nargs="+", type=int, default=[0])
    add("--cluster", help="address of a Dask scheduler, or a number of processes to start here")
    return parser


if __name__ == "__main__":
    main()
