"""SIB-200: 1,004 sentences of FLORES-200, each with its topic, as a corpus and as a task."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from ..languages import language_table, paper_order
from .texts import CORPORA, Text, check_there, read_table

HUB = "Davlan/sib200"
SPLITS = ["train", "dev", "test"]
COLUMNS = ["index_id", "category", "text"]
LICENCE = "Apache-2.0; sentences of FLORES-200, CC BY-SA 4.0, not to be re-hosted as plain text"


def reader(root: Path | None) -> Callable[[str, str], pd.DataFrame]:
    """How a language's split is read: from ``<root>/<code>/<split>.tsv``, or from the hub.

    Parameters
    ----------
    root : pathlib.Path or None
        None is the hub's ``Davlan/sib200``.

    Returns
    -------
    callable
        Of a code and a split (train, dev or test): a table of str, index_id, category, text.
        Raises ValueError where the folder lacks the file.
    """
    if root is None:
        return _read_hub

    def read(code, split):
        file, what = root / code / f"{split}.tsv", f"SIB-200, {str(root)!r}"
        if not file.exists():
            raise ValueError(
                f"{what}: no {file.relative_to(root)}; name languages that are there with "
                "languages=[…], or fetch it again"
            )
        # no quoting: sentences hold lone quotation marks
        table = read_table(what, file, "\t", csv.QUOTE_NONE)
        if lacking := [column for column in COLUMNS if column not in table]:
            raise ValueError(
                f"{what}: {file.relative_to(root)} has no column {', '.join(lacking)}; need "
                f"{', '.join(COLUMNS)}"
            )
        return table

    return read


def all_languages(root: Path | None) -> list[str]:
    """Codes that a folder, or the hub, has, the paper's first."""
    if root is not None:
        return paper_order(path.name for path in root.iterdir() if path.is_dir())
    from datasets import get_dataset_config_names

    return paper_order(get_dataset_config_names(HUB))


def languages_in(root: Path | None) -> list[str]:
    """Codes a folder has, the paper's alone where it has any of them; of the hub, the paper's."""
    paper = list(language_table().index)
    if root is None:
        return paper
    there = all_languages(root)
    return [code for code in paper if code in there] or there


@CORPORA.add("sib200", everything=lambda _: all_languages(None))
def read_from_hub(languages: Sequence[str] | None, split: str | None) -> Text:
    """The hub's ``Davlan/sib200``."""
    return read_corpus(None, languages, split)


def read_corpus(root: Path | None, languages: Sequence[str] | None, split: str | None) -> Text:
    """The sentences as a corpus, their ids those of the task's items.

    Parameters
    ----------
    root : pathlib.Path or None
        As for :func:`reader`.
    languages : list of str or None
        Default: :func:`languages_in`.
    split : str or None
        train, dev or test; default all, in this order.

    Returns
    -------
    Text

    Raises
    ------
    ValueError
        For another split, a language that is not there, or one with other sentences.
    """
    if split not in (None, *SPLITS):
        raise ValueError(f"corpus 'sib200': split {split!r}; choose one of {SPLITS}, or leave out")
    wanted = languages_in(root) if languages is None else languages
    if root is not None:
        check_there("sib200", wanted, all_languages(root))
    read = reader(root)
    tables = {
        code: pd.concat([read(code, part) for part in ([split] if split else SPLITS)])
        for code in wanted
    }
    ids = tables[wanted[0]]["index_id"].astype(str).tolist()
    for code, table in tables.items():
        _check_ids(code, table["index_id"].astype(str).tolist(), wanted[0], ids)
    name = f"sib200-{split}" if split else "sib200"
    columns = {code: table["text"].tolist() for code, table in tables.items()}
    note = "its makers ask that it not be re-hosted as plain text"
    source = f"hub {HUB}" if root is None else "local copy"
    return Text(columns, name, f"SIB-200, {source}", LICENCE, languages_in(root), note, ids)


def _check_ids(code, there, first, ids):
    """Raise ValueError, naming a sentence, unless a language has those of the first one."""
    if there == ids:
        return
    lacking = [i for i in ids if i not in set(there)]
    more = [i for i in there if i not in set(ids)]
    told = (
        f"it lacks sentence {lacking[0]} and {len(lacking) - 1} more" if lacking
        else f"it has sentence {more[0]} and {len(more) - 1} more besides" if more
        else "they are in another order"
    )  # fmt: skip
    raise ValueError(
        f"corpus 'sib200': {code} has other ids than {first}: {told}; "
        f"fetch the files of {code} again, or leave it out, languages=[…]"
    )


def _read_hub(code, split):
    from datasets import load_dataset

    part = "validation" if split == "dev" else split  # the hub's name of it
    return load_dataset(HUB, code, split=part).to_pandas()
