"""Classification tasks that are the same in every language."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from ..languages import check_code, language_table, paper_order
from ..sources.cldr import CLDR_LACKS, cldr_names

COLUMNS = ["language", "split", "id", "text", "label"]
SIB200 = "Davlan/sib200"

#: Items a label at most, so that no label rules (there are hundreds of languages).
CLDR_ITEMS = 100
CLDR_SHARES = {"train": 0.6, "dev": 0.1, "test": 0.3}

#: How the answer is asked for, and what the labels are called, in each training language.
#: Ours; another language needs its own words (``fine_tune(…, words=…)``).
WORDS = {
    "eng_Latn": {
        "cue": "Category",
        "territory": "territory", "language": "language", "currency": "currency",
        "script": "script", "unit": "unit",
        "science/technology": "science", "travel": "travel", "politics": "politics",
        "sports": "sports", "health": "health", "entertainment": "entertainment",
        "geography": "geography",
    },
    "swh_Latn": {
        "cue": "Aina",
        "territory": "eneo", "language": "lugha", "currency": "sarafu", "script": "mwandiko",
        "unit": "kipimo",
        "science/technology": "sayansi", "travel": "safari", "politics": "siasa",
        "sports": "michezo", "health": "afya", "entertainment": "burudani",
        "geography": "jiografia",
    },
    "hin_Deva": {
        "cue": "श्रेणी",
        "territory": "क्षेत्र", "language": "भाषा", "currency": "मुद्रा", "script": "लिपि",
        "unit": "इकाई",
        "science/technology": "विज्ञान", "travel": "यात्रा", "politics": "राजनीति",
        "sports": "खेल", "health": "स्वास्थ्य", "entertainment": "मनोरंजन",
        "geography": "भूगोल",
    },
}  # fmt: skip


def load_task(name_or_path="cldr", languages=None):
    """Load a classification task.

    Parameters
    ----------
    name_or_path : str or path
        ``"cldr"``: is this name a territory, a language, a currency, a script or a unit? From
        CLDR through PyPI's babel, in 27 of the paper's languages (our task).
        ``"sib200"``: 7 topics of FLORES sentences, from the hub (``Davlan/sib200``).
        A folder ``<root>/<code>/{train,dev,test}.tsv`` as SIB-200 publishes it (columns
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
    name, path = str(name_or_path), Path(str(name_or_path)).expanduser()
    for code in languages or []:
        check_code(code)
    if name == "cldr":
        task, attrs = _read_cldr(languages)
    elif name == "sib200":
        task, attrs = _read_sib200_hub(languages)
    elif path.is_dir():
        task, attrs = _read_sib200_folder(path, languages)
    elif path.is_file():
        task, attrs = _read_file(path, languages)
    else:
        raise ValueError(f"task {name!r} is neither 'cldr', 'sib200' nor a folder or file here")
    _check(attrs["name"], task)
    task = task[COLUMNS].reset_index(drop=True)
    digest = hashlib.sha256("\x00".join(task.to_numpy().ravel()).encode()).hexdigest()[:16]
    task.attrs = attrs | {"fingerprint": digest}
    return task


def same_as_english(task):
    """Whether an item's text is, letter for letter, its English one: copying is not transfer.

    Returns
    -------
    pandas.Series
        bool, by row of the task; False for English itself.
    """
    english = task[task["language"] == "eng_Latn"].set_index("id")["text"]
    same = task["text"].str.casefold() == task["id"].map(english).str.casefold()
    return same & (task["language"] != "eng_Latn")


# -- names from CLDR ---------------------------------------------------------------------


def _read_cldr(languages):
    """Items that all languages have, at most CLDR_ITEMS a label, split by item."""
    paper = [code for code in language_table().index if code not in CLDR_LACKS]
    lacking = [code for code in languages or [] if code not in paper]
    if lacking:
        raise ValueError(
            f"task 'cldr': no (or too few) names in {', '.join(lacking)}; "
            f"there are {', '.join(paper)}"
        )
    names = {code: cldr_names(code) for code in paper}
    items = set.intersection(*map(set, names.values()))
    for texts in names.values():
        items -= _ambiguous(texts, items)
    rng = np.random.default_rng(0)
    rows = []
    for label in sorted({label for label, _ in items}):
        keys = sorted(key for key in items if key[0] == label)
        keys = [keys[i] for i in rng.permutation(len(keys))[:CLDR_ITEMS]]
        ends = np.cumsum([round(share * len(keys)) for share in CLDR_SHARES.values()])[:-1]
        for split, part in zip(CLDR_SHARES, np.split(np.arange(len(keys)), ends), strict=True):
            rows += [
                (code, split, "/".join(keys[i]), names[code][keys[i]], label)
                for code in languages or paper
                for i in part
            ]
    attrs = {
        "name": "cldr",
        "source": "Unicode CLDR through PyPI's babel",
        "licence": "Unicode-3.0",
    }
    return pd.DataFrame(rows, columns=COLUMNS), attrs


def _ambiguous(texts, items):
    """Items whose name is also that of an item with another label ('Armenian' is two)."""
    by_text = {}
    for item in items:
        by_text.setdefault(texts[item].casefold(), set()).add(item)
    clashes = (group for group in by_text.values() if len({label for label, _ in group}) > 1)
    return set().union(*clashes)


# -- SIB-200 and your own ----------------------------------------------------------------


def _sib200_attrs(source):
    return {"name": "sib200", "source": f"SIB-200, {source}", "licence": "Apache-2.0; sentences of "
            "FLORES-200, CC BY-SA 4.0, not to be re-hosted as plain text"}  # fmt: skip


def _read_sib200_hub(languages):
    from datasets import load_dataset

    tables = []
    for code in languages or language_table().index:
        for split, part in {"train": "train", "dev": "validation", "test": "test"}.items():
            table = load_dataset(SIB200, code, split=part).to_pandas()
            tables.append(table.assign(language=code, split=split))
    return _sib200_rows(pd.concat(tables)), _sib200_attrs(f"hub {SIB200}")


def _read_sib200_folder(root, languages):
    there = paper_order(path.name for path in root.iterdir() if path.is_dir())
    paper = [code for code in language_table().index if code in there]
    tables = []
    for code in languages or paper or there:
        for split in CLDR_SHARES:
            file = root / code / f"{split}.tsv"
            if not file.exists():
                raise ValueError(f"task {str(root)!r}: no {file.relative_to(root)}")
            # no quoting: sentences hold lone quotation marks
            table = pd.read_csv(file, sep="\t", dtype=str, quoting=3, keep_default_na=False)
            tables.append(table.assign(language=code, split=split))
    return _sib200_rows(pd.concat(tables)), _sib200_attrs("local copy")


def _sib200_rows(table):
    missing = {"index_id", "category", "text"} - set(table.columns)
    if missing:
        raise ValueError(f"task 'sib200': no column {', '.join(sorted(missing))}")
    table = table.rename(columns={"index_id": "id", "category": "label"})
    return table.astype({column: str for column in COLUMNS})


def _read_file(path, languages):
    separator = {".csv": ",", ".tsv": "\t"}.get(path.suffix)
    if separator is None:
        raise ValueError(f"task {str(path)!r}: can read .csv and .tsv, not {path.suffix}")
    task = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
    missing = [column for column in COLUMNS if column not in task]
    if missing:
        raise ValueError(f"task {path.name!r}: no column {', '.join(missing)}; need {COLUMNS}")
    if languages is not None:
        lacking = set(languages) - set(task["language"])
        if lacking:
            raise ValueError(f"task {path.name!r}: no rows in {', '.join(sorted(lacking))}")
        task = task[task["language"].isin(languages)]
    return task, {"name": path.stem, "source": f"local {path.name}", "licence": "not stated"}


def _check(name, task):
    for code in task["language"].unique():
        check_code(code)
    for column in COLUMNS:
        empty = task.index[task[column].str.strip() == ""]
        if len(empty):
            raise ValueError(f"task {name!r}, row {empty[0] + 1}: column {column} is empty")
    odd = set(task["split"]) - set(CLDR_SHARES)
    if odd:
        raise ValueError(f"task {name!r}: split {', '.join(sorted(odd))}; use {list(CLDR_SHARES)}")
    for split in CLDR_SHARES:
        lacking = set(task["language"]) - set(task.loc[task["split"] == split, "language"])
        if lacking:
            raise ValueError(f"task {name!r}: split {split} is empty in {sorted(lacking)}")
    for column, what in {"split": "splits", "label": "labels"}.items():
        several = task.groupby("id")[column].nunique()
        if (several > 1).any():
            raise ValueError(f"task {name!r}: id {several.idxmax()!r} is in two {what}")
    untrained = set(task["label"]) - set(task.loc[task["split"] == "train", "label"])
    if untrained:
        raise ValueError(f"task {name!r}: label {sorted(untrained)} is not in the train split")
