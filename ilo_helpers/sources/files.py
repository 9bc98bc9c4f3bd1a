"""Parallel texts of your own: folders and tables."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..languages import ALL, paper_order
from . import sib200
from .flores import read_layout
from .texts import Text, check_there, read_lines, undecodable


def read_path(path: Path, languages: Sequence[str] | str | None, split: str | None) -> Text | None:
    """A folder in FLORES' or SIB-200's layout, a folder of ``<code>.txt``, or a wide table.

    Parameters
    ----------
    path : pathlib.Path
    languages : list of str, "all" or None
        Default: all there are; for FLORES' and SIB-200's layout the paper's 31.
    split : str or None
        For these two only.

    Returns
    -------
    Text or None
        None where there is neither folder nor file.
    """
    if any(file.suffix[1:] == file.parent.name for file in path.glob("*/*_*.*")):
        return read_layout(path, languages, split)
    if any(path.glob("*_*/test.tsv")):
        wanted = sib200.all_languages(path) if languages == ALL else languages
        return sib200.read_corpus(path, wanted, split)
    if not path.exists():
        return None
    if split is not None:
        raise ValueError(f"corpus {path.name!r} has no splits; leave split out ({split!r} given)")
    there, read, ids, documents = _folder(path) if path.is_dir() else _table(path)
    wanted = paper_order(there) if languages in (None, ALL) else languages
    check_there(path.name, wanted, there)
    columns = {code: read(code) for code in wanted}
    return Text(
        columns, path.stem, f"local {path.name}", "not stated", there, "", ids,
        documents=documents,
    )  # fmt: skip


def _folder(path):
    """Languages there are, how to read one, no ids, no documents."""
    files = {file.stem: file for file in sorted(path.glob("*.txt"))}
    if not files:
        raise ValueError(
            f"corpus {str(path)!r}: no files <code>.txt here, such as eng_Latn.txt, "
            "and no FLORES layout <split>/<code>.<split>"
        )
    return list(files), lambda code: read_lines(path.name, files[code]), None, None


def _table(path):
    """The same of one file, with ids and documents if it has columns of them."""
    readers = {
        ".parquet": pd.read_parquet,
        ".csv": lambda file: pd.read_csv(file, dtype=str, keep_default_na=False),
        ".tsv": lambda file: pd.read_csv(
            file, sep="\t", dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE
        ),
    }
    if path.suffix not in readers:
        raise ValueError(f"corpus {str(path)!r}: can read {', '.join(readers)}, not {path.suffix}")
    try:
        table = readers[path.suffix](path)
    except UnicodeDecodeError as error:
        raise undecodable(path.name, path, error) from None
    ids = next((table.pop(column) for column in ("sentence", "id") if column in table), None)
    ids = None if ids is None else ids.astype(str).tolist()
    documents = table.pop("document").astype(str).tolist() if "document" in table else None
    return list(table), lambda code: table[code].fillna("").astype(str).tolist(), ids, documents
