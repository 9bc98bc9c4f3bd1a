"""Inputs that go wrong, and some that only look so: a table, and one function to try a row of it.

``CASES`` is the table, in tables of their own by where the input comes from. ``try_case`` gives one
input to the package, in an empty folder, and says whether the promise was kept and what happened.
"""

import contextlib
import io
import os
import traceback
import warnings
from pathlib import Path
from unittest import mock

import bad_corpora
import bad_models
import bad_parameters
from cases import Case

from ilo_helpers.keep.paths import PACKAGE

CASES: list[Case] = [*bad_corpora.CASES, *bad_models.CASES, *bad_parameters.CASES]


def results(folder: Path) -> list[str]:
    """Names of the files of data and figures that a case left: neither locks nor bare layouts."""
    there = (path for name in ("data", "figures") for path in (folder / name).rglob("*"))
    return sorted(path.name for path in there if path.is_file() and path.suffix != ".lock"
                  and "array.zarr" not in path.parts)  # fmt: skip


def try_case(case: Case, folder: Path) -> tuple[bool, str]:
    """Give one input to the package.

    Parameters
    ----------
    case : Case
    folder : pathlib.Path
        Empty: data, figures and the input's own files go there.

    Returns
    -------
    kept : bool
        Whether what was promised is what happened. An error keeps it if it is a ValueError (on
        the command line, an end with a message and an exit status that is not 0), raised by a line
        of the package rather than of one it is built on, holds all words that it should, and
        leaves no result but those that were complete.
    happened : str
        The message, or what came out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    variables = {"ILO_DATA": str(folder / "data"), "ILO_FIGURES": str(folder / "figures")}
    said = io.StringIO()
    with (
        mock.patch.dict(os.environ, variables), warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said),
    ):  # fmt: skip
        warnings.simplefilter("ignore")
        try:
            outcome = case.run(folder)
        except SystemExit as end:
            message = said.getvalue() + (end.code if isinstance(end.code, str) else "")
            failed = end.code not in (None, 0) and results(folder) == list(case.kept)
            return failed and bool(case.told) and all(w in message for w in case.told), message
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            place = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
            ours = isinstance(error, ValueError) and place.is_relative_to(PACKAGE)
            if results(folder) != list(case.kept):
                return False, f"left {results(folder)} after {message}"
            return ours and bool(case.told) and all(w in str(error) for w in case.told), message
    if case.told:
        return False, "no error"
    found, wanted = outcome
    return found == wanted, f"{found!r}"[:200]
