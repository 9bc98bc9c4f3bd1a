"""What a corpus is read into, and the table of corpora known by name."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

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
    r"""Lines of a UTF-8 file; only ``\n`` ends a line, as in the corpora's own tools."""
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise undecodable(name, path, error) from None
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def undecodable(name: str, path: Path, error: UnicodeDecodeError) -> ValueError:
    """The ValueError that says which line of a file is not UTF-8, and how to mend it."""
    # pandas counts from its own buffer: find the place in the file itself
    data = path.read_bytes()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as exact:
        error = exact
    line = data[: error.start].count(b"\n") + 1
    return ValueError(
        f"corpus {name!r}: {path.name}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8; "
        "convert the file, for example with iconv -f latin1 -t utf-8"
    )
