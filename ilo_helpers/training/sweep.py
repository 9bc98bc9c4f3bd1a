"""Many fine-tuning runs, measured alike: ``python -m ilo_helpers.training.sweep --help``.

Three tables are kept in ``figures/<model>--<corpus>/``: ``05_runs.csv`` (a row a run: its settings
and what it came to), ``05_layers.csv`` (by layer and resource band) and ``05_languages.csv``. A run
that they have is skipped: a sweep that was stopped goes on, and a committed one can be extended.
"""

import argparse
import itertools
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..activations import extract_activations
from ..ilo import ilo_scores
from ..keep.digest import settings_digest, written_whole
from ..keep.figures import figures_folder
from ..keep.paths import data_dir
from ..neighbors import nearest_neighbors
from ..study import Study, open_study
from ..validity.cka import cka_by_layer
from ..validity.intervals import change_by_layer
from .evaluation import accuracy, evaluate, lm_loss
from .finetuning import fine_tune
from .objectives import label_words
from .tasks import draw_items, load_task, same_as_english

TABLES = ("runs", "layers", "languages")
#: The last layer that the first 8 blocks give, which the paper freezes; 0, embeddings, is apart.
EARLY = 8
#: What names a run; every combination of the lists of the command line is one.
GRID = ("language", "freeze", "learning_rate", "epochs", "seed")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for and the tables do not have yet."""
    options = _parser().parse_args(arguments)
    study = open_study(options.model, options.corpus, sentences=options.sentences)
    task = load_task(options.task)
    folder = figures_folder(study.caption)
    folder.mkdir(exist_ok=True)
    lm, corpus = study.model, study.text.attrs
    common = {
        "model": lm.name, "revision": lm.attrs["revision"], "dtype": lm.dtype,
        "corpus": corpus["name"], "corpus_fingerprint": corpus["fingerprint"],
        "sentences": len(study.text), "task": task.attrs["name"],
        "task_fingerprint": task.attrs["fingerprint"], "test_items": options.test_items,
        "loss_sentences": options.loss_sentences, "k": study.k, "tau": study.tau,
    }  # fmt: skip
    grid = itertools.product(*(vars(options)[name] for name in GRID))
    settings = [common | dict(zip(GRID, values, strict=True)) for values in grid]
    for place, setting in enumerate(settings, 1):
        told = " ".join(str(setting[name]) for name in ("task", *GRID))
        there = settings_digest(setting) in set(read_tables(folder)["runs"].get("run", ()))
        print(f"[{place}/{len(settings)}] {told}{': in the tables' * there}", flush=True)
        if not there:
            _append(folder, measure(study, task, setting))
    print(f"tables: {folder}/05_{{{','.join(TABLES)}}}.csv")


def measure(study: Study, task: pd.DataFrame, setting: dict) -> dict[str, pd.DataFrame]:
    """Train one run and measure it before and after.

    A checkpoint made for this (a gigabyte) is deleted afterwards; one that was there stays.

    Parameters
    ----------
    study : Study
        The text, and the model before training.
    task : pandas.DataFrame
    setting : dict
        The columns of ``runs`` that are settings; ``language`` may join several with ``+``.

    Returns
    -------
    dict of pandas.DataFrame
        ``"runs"``, ``"layers"`` and ``"languages"``, as they are written.
    """
    kept = set(data_dir("finetuned").iterdir())
    path = fine_tune(study.model, task, **{name: setting[name] for name in GRID})
    with tempfile.TemporaryDirectory() as folder:
        acts = extract_activations(path, study.text, store=None if path in kept else folder)
        neighbors = nearest_neighbors(acts, study.stored, keep=False)
        cka = cka_by_layer(study.acts, acts).set_index("layer")["cka"]
    bands = study.languages["resource_band"]
    layers = change_by_layer(study.neighbors, neighbors, study.k, study.tau, bands)
    after = ilo_scores(neighbors, study.k, study.tau)
    languages = _by_language(study, path, task, setting)
    languages["ilo_before"] = study.at_peak.set_index("language")["ilo"]
    languages["ilo_after"] = after[after["layer"] == study.peak].set_index("language")["ilo"]
    row = setting | _summary(path, layers, languages, cka) | {"peak_layer": study.peak}
    if path not in kept:
        shutil.rmtree(path)
    tables = {"runs": pd.DataFrame([row]), "layers": layers, "languages": languages.reset_index()}
    for table in tables.values():
        table.insert(0, "run", settings_digest(setting))
    return tables


def _by_language(study, path, task, setting):
    """Accuracy and language-model loss, before and after, a row a language."""
    task = draw_items(task, setting["test_items"])
    words = label_words(task, setting["language"])
    models = {"before": study.model, "after": path}
    answers = {when: evaluate(model, task, words) for when, model in models.items()}
    right = {when: accuracy(each).set_index("language") for when, each in answers.items()}
    own = task[~same_as_english(task)][["language", "id"]]
    own = accuracy(answers["after"].merge(own, on=["language", "id"])).set_index("language")
    columns = {
        "accuracy_before": right["before"]["accuracy"],
        **right["after"][["items", "low", "high"]],
        "accuracy_unlike_english": own["accuracy"],
        "accuracy_after": right["after"]["accuracy"],
    }
    passages = study.text.iloc[: setting["loss_sentences"]]
    for when, model in models.items():
        columns[f"loss_{when}"] = lm_loss(model, passages).set_index("language")["loss"]
    table = pd.DataFrame(columns)
    return table.reindex(study.text.columns).rename_axis("language")


def _summary(path, layers, languages, cka):
    """One line on a run: means over languages, over early and late layers."""
    run = json.loads((path / "run.json").read_text(encoding="utf-8"))
    loss = pd.read_csv(path / "loss.csv")
    ilo = layers[(layers["score"] == "ilo") & (layers["group"] == "all")]
    change = ilo.set_index("layer")["change"]
    row = {
        "steps": int(loss["step"].max()),
        "trained_parameters": run["trained_parameters"],
        "dev_loss": loss["eval_loss"].dropna().iloc[-1],
        "ilo_change_early": change.loc[1:EARLY].mean(),
        "ilo_change_late": change.loc[EARLY + 1 :].mean(),
        "cka_early": cka.loc[1:EARLY].min(),
        "cka_late": cka.loc[EARLY + 1 :].min(),
    }
    forgotten = languages["loss_after"] - languages["loss_before"]
    trained = languages.index.isin(run["language"].split("+"))
    for name in ("accuracy_before", "accuracy_after", "accuracy_unlike_english", "loss_change"):
        values = forgotten if name == "loss_change" else languages[name]
        row[f"{name}_trained"] = values[trained].mean()
        row[f"{name}_others"] = values[~trained].mean()
    return row


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables of a sweep.

    Parameters
    ----------
    folder : path

    Returns
    -------
    dict of pandas.DataFrame
        ``"runs"``, ``"layers"``, ``"languages"``; empty where there is none yet.
    """
    files = {name: folder / f"05_{name}.csv" for name in TABLES}
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
        with written_whole(folder / f"05_{name}.csv") as part:
            pd.concat([there, new[name]]).to_csv(part, index=False, float_format="%.6g")


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m ilo_helpers.training.sweep",
        description="Fine-tune a model in every combination of the settings given, and measure "
        "alignment, accuracy and forgetting before and after. What the tables have is skipped.",
        epilog="A run of Gemma 3 270M on 'cldr' takes about 5 minutes on two cores.",
    )
    add = parser.add_argument
    add("--model", default="gemma-3-270m")
    add("--corpus", default="udhr", help="what ILO and the language-model loss are measured on")
    add("--sentences", type=int, help="of the corpus, the first so many (default: all)")
    add("--task", default="cldr", help="'cldr', 'sib200', or a path")
    add("--test-items", type=int, help="so many, drawn at random (default: all)")
    add("--loss-sentences", type=int, default=3)
    add("--language", nargs="+", default=["eng_Latn"], help="codes; swh_Latn+hin_Deva is a mixture")
    add("--freeze", nargs="+", default=["none", "first-8"])
    add("--learning-rate", nargs="+", type=float, default=[5e-5])
    add("--epochs", nargs="+", type=int, default=[3])
    add("--seed", nargs="+", type=int, default=[0])
    return parser


if __name__ == "__main__":
    main()
