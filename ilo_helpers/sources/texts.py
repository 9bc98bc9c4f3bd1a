"""What a corpus is read into, and the table of corpora known by name."""

import codecs
import csv
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ..keep.registry import Registry
from ..languages import nearest_code

#: Corpora by name: functions of languages (list of FLORES codes, or None for the corpus' own
#: choice) and split (str or None) that return a :class:`Text`. Detail: ``everything``, a function
#: of the split that returns all codes there are, for ``languages="all"``.
CORPORA = Registry("corpus")


@dataclass
class Text:
    """A parallel text as its source has it.

    Parameters
    ----------
    columns : dict of str to list of str
        Sentences by FLORES code; line i is the same sentence in all.
    name, source, licence, note : str
        Which text, from where, under which licence, and what to know of it.
    languages : list of str
        Those of the whole: a choice among them gets another name.
    ids : list of str, optional
        Of the sentences; default line numbers from 1.
    scripts : dict of str to str
        Script by code, where it is not the one that the code names.
    documents : list of str, optional
        The document that each sentence is from; default: not known.
    """

    columns: dict[str, list[str]]
    name: str
    source: str
    licence: str
    languages: list[str]
    note: str = ""
    ids: list[str] | None = None
    scripts: dict[str, str] = field(default_factory=dict)
    documents: list[str] | None = None


def check_there(name: str, wanted: Sequence[str], there: Collection[str]) -> None:
    """Raise ValueError, naming the nearest one there is, for a language a source lacks."""
    for code in wanted:
        if code not in there:
            near = nearest_code(code, there)
            hint = f"; did you mean {near}?" if near in there else ""
            raise ValueError(
                f"corpus {name!r}: language {code} is missing{hint} "
                f"(there are {len(there)}: {', '.join(sorted(there)[:8])}"
                f"{', …' if len(there) > 8 else ''}; choose with languages=[…])"
            )


def read_lines(name: str, path: Path) -> list[str]:
    r"""Lines of a UTF-8 file; only ``\n`` ends a line, as in the corpora's own tools.

    Raises
    ------
    ValueError
        For a file that cannot be read or is no UTF-8, and for a carriage return within a line,
        which older systems and half-converted files have in place of the line's end.
    """
    lines = read_text(f"corpus {name!r}", path).split("\n")
    if lines[-1] == "":
        lines.pop()
    lines = [line.removesuffix("\r") for line in lines]
    for number, line in enumerate(lines, 1):
        if "\r" in line:
            raise ValueError(
                f"corpus {name!r}: {path.name}, line {number}: a carriage return within it; end "
                "lines with a line feed (tr '\\r' '\\n'), or take it out"
            )
    return lines


def read_table(what: str, path: Path, separator: str, quoting: Literal[0, 3]) -> pd.DataFrame:
    """A table of text, every cell as it stands in the file.

    Parameters
    ----------
    what : str
        What is read, for errors: ``"corpus 'mine'"``.
    path : pathlib.Path
    separator : str
    quoting : int
        ``csv.QUOTE_MINIMAL`` or ``csv.QUOTE_NONE``.

    Returns
    -------
    pandas.DataFrame
        str; a row that is too short ends in empty cells.

    Raises
    ------
    ValueError
        For a file that cannot be read, is no UTF-8, is empty or has a column twice, and for a row
        that is too long.
    """
    text = read_text(what, path)
    header = next(csv.reader(text.split("\n", 1)[:1], delimiter=separator, quoting=quoting), [])
    if twice := [column for column in header if header.count(column) > 1]:
        raise ValueError(f"{what}: {path.name} has the column {twice[0]} twice; take one away")
    options: Any = {"sep": separator, "quoting": quoting, "dtype": str, "keep_default_na": False}
    try:
        table = pd.read_csv(io.StringIO(text), **options)
    except pd.errors.EmptyDataError:
        raise ValueError(f"{what}: {path.name} is empty") from None
    except ValueError as error:
        raise ValueError(f"{what}: {path.name} cannot be read as a table: {error}") from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes the first cell for a label
        raise ValueError(
            f"{what}: {path.name} cannot be read as a table: rows have more cells than its header"
        )
    return table.fillna("")


def read_text(what: str, path: Path) -> str:
    """The text of a UTF-8 file, with or without a BOM.

    Raises
    ------
    ValueError
        If it cannot be read, is no UTF-8, or holds U+0000: the line, and how to mend it.
    """
    try:
        data = path.read_bytes()
    except IsADirectoryError:
        raise ValueError(
            f"{what}: {path.name} is a folder; put a file there, or rename it"
        ) from None
    except OSError as error:
        raise ValueError(f"{what}: {path.name} cannot be read: {error.strerror}") from None
    begins = {
        b"\xff\xfe\0\0": "convert it: iconv -f utf-32 -t utf-8",
        b"\xff\xfe": "convert it: iconv -f utf-16 -t utf-8",
        b"\xfe\xff": "convert it: iconv -f utf-16 -t utf-8",
        b"\x1f\x8b": "it is packed: gunzip it",
    }
    kind = next((remedy for magic, remedy in begins.items() if data.startswith(magic)), None)
    try:
        text = data.decode("utf-8-sig")
        place, wrong = data.find(b"\0"), "U+0000 is no text"
        remedy = kind or "take it out, or, if the file is UTF-16, convert it: iconv -f utf-16le"
    except UnicodeDecodeError as error:
        bom = 3 * data.startswith(codecs.BOM_UTF8)  # places are counted from behind it
        place = error.start + bom
        wrong = f"byte 0x{data[place]:02x} is not UTF-8"
        remedy = kind or "convert it, for example with iconv -f latin1 -t utf-8"
    if place >= 0:
        line = data[:place].count(b"\n") + 1
        raise ValueError(f"{what}: {path.name}, line {line}: {wrong}; {remedy}")
    return text
