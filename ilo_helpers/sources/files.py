"""Parallel texts of your own: folders and tables."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..languages import ALL, paper_order
from . import sib200
from .flores import read_layout
from .texts import Text, check_there, read_lines, read_table

#: Endings of packed files.
PACKED = (".gz", ".bz2", ".xz", ".zip")


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
    if packed := [file for file in sorted(path.glob("*.txt.*")) if file.suffix in PACKED]:
        raise ValueError(
            f"corpus {path.name!r}: {packed[0].name} is packed; gunzip it, or take it away"
        )
    if not files:
        raise ValueError(
            f"corpus {str(path)!r}: no files <code>.txt here, such as eng_Latn.txt, "
            "and no FLORES layout <split>/<code>.<split>"
        )
    return list(files), lambda code: read_lines(path.name, files[code]), None, None


def _table(path):
    """The same of one file, with ids and documents if it has columns of them."""
    what = f"corpus {path.name!r}"
    readers = {
        ".parquet": lambda: _parquet(what, path),
        ".csv": lambda: read_table(what, path, ",", csv.QUOTE_MINIMAL),
        ".tsv": lambda: read_table(what, path, "\t", csv.QUOTE_NONE),
    }
    if path.suffix not in readers:
        kind = path.suffix or "a file without an ending"
        hint = "; gunzip it first" if path.suffix in PACKED else ""
        raise ValueError(f"corpus {str(path)!r}: can read {', '.join(readers)}, not {kind}{hint}")
    table = readers[path.suffix]()
    ids = next((table.pop(column) for column in ("sentence", "id") if column in table), None)
    ids = None if ids is None else ids.astype(str).tolist()
    documents = table.pop("document").astype(str).tolist() if "document" in table else None
    return list(table), lambda code: _cells(table[code]), ids, documents


def _parquet(what, path):
    try:
        return pd.read_parquet(path)
    except (ValueError, OSError) as error:
        raise ValueError(f"{what}: {path.name} cannot be read as a table: {error}") from None


def _cells(column):
    """A column as it is, what is missing as an empty text; load_corpus looks for what is none."""
    return column.astype(object).where(column.notna(), "").tolist()
