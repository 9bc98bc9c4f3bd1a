"""Classification tasks that are the same in every language."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ..keep import arguments
from ..keep.digest import digest
from ..keep.registry import Registry
from ..languages import check_code, language_table
from ..sources import sib200
from ..sources.cldr import CLDR_LACKS, cldr_names
from ..sources.sib200 import SPLITS
from ..sources.texts import read_table

#: Tasks by name: functions of languages (list of FLORES codes, or None for the task's own choice;
#: more may be given) that return a table with :data:`COLUMNS` and a dictionary: ``source``,
#: ``licence`` and, where :data:`WORDS` has none for its labels, ``words`` of that form.
TASKS = Registry("task")
COLUMNS = ["language", "split", "id", "text", "label"]
#: Items a label at most, so that no label rules (there are hundreds of languages).
CLDR_ITEMS = 100
#: Of train, dev and test.
CLDR_SHARES = [0.6, 0.1, 0.3]

#: How the answer is asked for, and what the labels are called, in each training language.
#: Ours; another language needs its own words (``fine_tune(…, words=…)``).
WORDS = pd.read_csv(Path(__file__).with_name("words.csv"), index_col="name").to_dict()


def load_task(
    name_or_path: str | os.PathLike = "cldr",
    languages: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Load a classification task.

    Parameters
    ----------
    name_or_path : str or path
        A name of :data:`TASKS`. ``"cldr"``: is this name a territory, a language, a currency, a
        script or a unit? From CLDR through PyPI's babel, in 27 of the paper's languages (our
        task). ``"sib200"``: 7 topics of FLORES sentences, from the hub (``Davlan/sib200``).
        Or a folder ``<root>/<code>/{train,dev,test}.tsv`` as SIB-200 publishes it (columns
        index_id, category, text); or one ``.csv`` or ``.tsv`` with the columns below.
    languages : list of str, optional
        FLORES codes; default: all the task has of the paper's 31, or all of your own file.

    Returns
    -------
    pandas.DataFrame
        Columns language, split (train, dev or test), id (the same item in every language), text
        and label, all str. ``attrs``: name, source, licence, fingerprint.

    Raises
    ------
    ValueError
        For an unknown language or one the task lacks, a missing column or split, an empty
        text, an id that is in two splits or has two labels: names row and column.
    """
    name = arguments.name_or_path("task", name_or_path, TASKS)
    path = Path(name).expanduser()
    if languages is not None:
        languages = arguments.several("languages", languages)
    for code in languages or []:
        check_code(code)
    if name in TASKS:
        task, attrs = TASKS[name](languages)
    elif path.is_dir():
        name, (task, attrs) = "sib200", _sib200(path, languages)
    elif path.is_file():
        name, (task, attrs) = path.stem, _read_file(path)
    else:
        there = ", ".join(map(repr, TASKS))
        hint = arguments.did_you_mean(name, TASKS)
        raise ValueError(f"task {name!r} is neither {there} nor a folder or file here{hint}")
    _check(name, task)
    if languages is not None:
        check_task_languages(name, task, languages)
        task = task[task["language"].isin(languages)]
    task = task[COLUMNS].reset_index(drop=True)
    task.attrs = {"name": name, **attrs, "fingerprint": digest(*task.to_numpy().ravel())}
    return task


def check_task_languages(name: str, task: pd.DataFrame, wanted: Sequence[str]) -> None:
    """Raise ValueError, with those there are, for languages a task has no rows in."""
    there = task["language"].unique()
    lacking = [code for code in wanted if code not in there]
    if lacking:
        raise ValueError(
            f"task {name!r} has no language {', '.join(lacking)}; there are {', '.join(there)}"
        )


def draw_items(task: pd.DataFrame, items: int | None, split: str = "test") -> pd.DataFrame:
    """A task with so many items of a split, drawn at random, the same in every language.

    Parameters
    ----------
    task : pandas.DataFrame
    items : int or None
        All where there are no more, or None is given.
    split : str
        The others stay as they are.

    Returns
    -------
    pandas.DataFrame
    """
    of_split = task["split"] == split
    ids = task.loc[of_split, "id"].drop_duplicates()
    drawn = ids if items is None else ids.sample(min(items, len(ids)), random_state=0)
    return task[~of_split | task["id"].isin(drawn)]


def same_as_english(task: pd.DataFrame) -> pd.Series:
    """Whether an item's text is, letter for letter, its English one: copying is not transfer.

    Parameters
    ----------
    task : pandas.DataFrame

    Returns
    -------
    pandas.Series
        bool, by row of the task; False for English itself.
    """
    english = task[task["language"] == "eng_Latn"].set_index("id")["text"]
    same = task["text"].str.casefold() == task["id"].map(english).str.casefold()
    return same & (task["language"] != "eng_Latn")


# -- names from CLDR ---------------------------------------------------------------------


@TASKS.add("cldr")
def read_cldr(_languages: Sequence[str] | None) -> tuple[pd.DataFrame, dict[str, str]]:
    """Items that all languages have, whichever are asked for, split by item."""
    names = {code: cldr_names(code) for code in language_table().index if code not in CLDR_LACKS}
    items = set.intersection(*map(set, names.values()))
    for texts in names.values():
        items -= _ambiguous(texts, items)
    rng = np.random.default_rng(0)
    rows = []
    for label in sorted({label for label, _ in items}):
        keys = sorted(key for key in items if key[0] == label)
        keys = [keys[i] for i in rng.permutation(len(keys))[:CLDR_ITEMS]]
        ends = np.cumsum([round(share * len(keys)) for share in CLDR_SHARES])[:-1]
        for split, part in zip(SPLITS, np.split(np.arange(len(keys)), ends), strict=True):
            rows += [
                (code, split, "/".join(keys[i]), names[code][keys[i]], label)
                for code in names
                for i in part
            ]
    attrs = {"source": "Unicode CLDR through PyPI's babel", "licence": "Unicode-3.0"}
    return pd.DataFrame(rows, columns=COLUMNS), attrs


def _ambiguous(texts, items):
    """Items whose name is also that of an item with another label ('Armenian' is two)."""
    labels: dict[str, set[str]] = {}
    for label, key in items:
        labels.setdefault(texts[label, key].casefold(), set()).add(label)
    return {item for item in items if len(labels[texts[item].casefold()]) > 1}


# -- SIB-200 and your own ----------------------------------------------------------------


@TASKS.add("sib200")
def read_sib200(languages: Sequence[str] | None) -> tuple[pd.DataFrame, dict[str, str]]:
    """From the hub."""
    return _sib200(None, languages)


def _sib200(root, languages):
    read = sib200.reader(root)
    rows = pd.concat(
        [read(code, split).assign(language=code, split=split)
         for code in languages or sib200.languages_in(root) for split in SPLITS]
    )  # fmt: skip
    rows = rows.rename(columns={"index_id": "id", "category": "label"}).astype(str)
    source = f"hub {sib200.HUB}" if root is None else "local copy"
    return rows, {"source": f"SIB-200, {source}", "licence": sib200.LICENCE}


def _read_file(path):
    separator = {".csv": ",", ".tsv": "\t"}.get(path.suffix)
    if separator is None:
        raise ValueError(f"task {str(path)!r}: can read .csv and .tsv, not {path.suffix}")
    attrs = {"source": f"local {path.name}", "licence": "not stated"}
    return read_table(f"task {path.stem!r}", path, separator, csv.QUOTE_MINIMAL), attrs


def _check(name, task):
    missing = [column for column in COLUMNS if column not in task]
    if missing:
        raise ValueError(f"task {name!r}: no column {', '.join(missing)}; need {COLUMNS}")
    if task.empty:
        raise ValueError(f"task {name!r} has no rows")
    for code in task["language"].unique():
        check_code(code)
    for column in COLUMNS:
        empty = task.index[task[column].str.strip() == ""]
        if len(empty):
            raise ValueError(f"task {name!r}, row {empty[0] + 1}: column {column} is empty")
    odd = set(task["split"]) - set(SPLITS)
    if odd:
        raise ValueError(f"task {name!r}: split {', '.join(sorted(odd))}; use {SPLITS}")
    for split in SPLITS:
        lacking = set(task["language"]) - set(task.loc[task["split"] == split, "language"])
        if lacking:
            raise ValueError(f"task {name!r}: split {split} is empty in {sorted(lacking)}")
    for column, what in {"split": "splits", "label": "labels"}.items():
        several = task.groupby("id")[column].nunique()
        if (several > 1).any():
            raise ValueError(f"task {name!r}: id {several.idxmax()!r} is in two {what}")
    if (twice := task.duplicated(["language", "id"])).any():
        row = task[twice].iloc[0]
        raise ValueError(f"task {name!r}: id {row['id']!r} stands twice in {row['language']}")
    untrained = set(task["label"]) - set(task.loc[task["split"] == "train", "label"])
    if untrained:
        raise ValueError(f"task {name!r}: label {sorted(untrained)} is not in the train split")
