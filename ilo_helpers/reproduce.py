"""Run the notebooks in order: ``python -m ilo_helpers.reproduce``, or ``make reproduce``."""

import argparse
import ast
import contextlib
import functools
import json
import math
import os
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from unittest import mock

import pandas as pd

from .corpora import CORPORA, check_languages
from .keep import arguments
from .keep.checks import compare_folders
from .keep.cluster import cluster
from .keep.digest import settings_digest
from .keep.messages import say
from .keep.paths import ROOT, data_dir, figures_dir, slug
from .languages import ALL
from .models import DTYPES
from .neighbors import DISTANCES
from .pooling import POOLINGS
from .sources.checkpoints import check_hub_name
from .sources.packaged import PACKAGED

NOTEBOOKS = ROOT / "notebooks"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the notebooks as the command line says; the exit status is 1 if one failed."""
    # make hands on what it was given: K=7 is --k 7
    words = sys.argv[1:] if arguments is None else arguments
    given = [re.sub(r"^(\w+)=", _as_option, word) for word in words]
    parser = _parser()
    parameters = vars(parser.parse_args(given))
    paths = _chosen(parameters.pop("notebooks"))
    only_check, word = parameters.pop("check"), parameters.pop("cluster")
    there = sorted(set().union(*map(notebook_parameters, paths)))
    if lacking := sorted(set(parameters) - set(there)):
        parser.error(f"{', '.join(lacking)}: the notebooks chosen have only {', '.join(there)}")
    with contextlib.ExitStack() as stack:
        try:
            _check_values(parameters)
            stack.enter_context(cluster(word))
        except (ValueError, ConnectionError, ModuleNotFoundError) as error:
            parser.error(str(error))
        return check(paths, parameters) if only_check else _run(paths, parameters)


def _check_values(parameters):
    """Raise ValueError for what no notebook could use, before the first of them starts."""
    defaults: dict[str, str] = {}
    for path in _notebooks():
        defaults |= {name: each["default"] for name, each in notebook_parameters(path).items()}
    for name, value in parameters.items():
        default = ast.literal_eval(defaults[name])
        if value is None and default is not None:
            raise ValueError(f"{name} = None: give a value, such as {default!r}")
        if isinstance(default, bool):
            arguments.flag(name, value)
        elif isinstance(value, int):
            arguments.whole(name, value, least=0 if name in ("seed", "directions") else 1)
        elif isinstance(value, float):
            arguments.positive(name, value)
    given = {name: value for name, value in parameters.items() if value is not None}
    choices = {"metric": DISTANCES, "pooling": POOLINGS, "dtype": DTYPES}
    for name in set(choices) & set(given):
        arguments.one_of(name, given[name], choices[name])
    if given.get("tau", 0) > given.get("k", math.inf):
        raise ValueError(f"tau = {given['tau']} > k = {given['k']}: no list has as many languages")
    if given.get("languages", ALL) != ALL:
        check_languages("of all notebooks", arguments.several("languages", given["languages"], ALL))
    if "corpus" in given and not Path(given["corpus"]).expanduser().exists():
        arguments.one_of("corpus", given["corpus"], CORPORA)
    model = given.get("model")
    if model and model not in PACKAGED and not Path(model).expanduser().is_dir():
        check_hub_name(model, PACKAGED)


def _run(paths, parameters):
    folder = _results_folder(parameters)
    say(f"executed copies go to {_shown(folder)}")
    rows, error = [], None
    for place, path in enumerate(paths, 1):
        say(f"[{place}/{len(paths)}] {path.stem} …")
        start, before = time.time(), _figures()
        error = run_notebook(path, folder / path.name, parameters)
        written = sorted(name for name, stamp in _figures().items() if before.get(name) != stamp)
        rows.append((path.stem, round(time.time() - start), len(written)))
        say(f"    {rows[-1][1]} s, {len(written)} figures written")
        if error:
            say(f"\n{error}\n\nThe copy up to there: {_shown(folder / path.name)}. What was "
                  "computed is kept; the same command goes on from it.")  # fmt: skip
            break
    table = pd.DataFrame(rows, columns=["notebook", "seconds", "figures"])
    say(f"\n{table.to_string(index=False)}")
    return int(error is not None)


def check(paths: Sequence[Path], parameters: Mapping[str, object]) -> int:
    """Run notebooks, and compare their tables with those in ``figures/``.

    Parameters
    ----------
    paths : list of pathlib.Path
        Notebooks.
    parameters : dict
        As for :func:`run_notebook`. What ``data/`` has is not computed again.

    Returns
    -------
    int
        1 if a notebook failed or a number moved by more than its table's tolerance, else 0.
    """
    kept = figures_dir()
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        with mock.patch.dict(os.environ, ILO_FIGURES=str(made / "figures")):
            for path in paths:
                say(f"{path.stem} …")
                error = run_notebook(path, made / path.name, parameters)
                if error:
                    say(error)
                    return 1
        found = [compare_folders(kept / each.name, each) for each in (made / "figures").iterdir()]
    tables, moved = map(pd.concat, zip(*found, strict=True))
    say(tables.to_string(index=False))
    say(f"{tables['numbers'].sum()} numbers compared, {len(moved)} moved too far")
    if len(moved):
        say(moved.head(50).to_string(index=False))
    return int(len(moved) > 0)


def run_notebook(path: Path, copy: Path, parameters: Mapping[str, object]) -> str | None:
    """Execute one notebook.

    Parameters
    ----------
    path, copy : pathlib.Path
        The notebook, and where its executed copy goes.
    parameters : dict
        Put below the cell tagged ``parameters``; those that only other notebooks have are left
        out.

    Returns
    -------
    str or None
        What failed: notebook, cell, error.

    Raises
    ------
    ValueError
        For a parameter that no notebook has; says which there are.
    """
    import nbformat
    import papermill

    known = {name for each in {path, *_notebooks()} for name in notebook_parameters(each)}
    if lacking := set(parameters) - known:
        raise ValueError(
            f"no notebook has {', '.join(lacking)}; there are {', '.join(sorted(known))}"
        )
    given = {name: value for name, value in parameters.items() if name in notebook_parameters(path)}
    copy.parent.mkdir(parents=True, exist_ok=True)
    bar = {"file": sys.stdout, "mininterval": 5, "bar_format": "    cell {n} of {total}, {elapsed}"}
    error = None
    # what is executed to be read needs no widgets
    with warnings.catch_warnings(), mock.patch.dict(os.environ, ILO_STATIC="1"):
        warnings.simplefilter("ignore", nbformat.warnings.MissingIDFieldWarning)
        try:
            papermill.execute_notebook(
                path, copy, given, progress_bar=bar,
                # the kernel's warning that it talks over TCP, to this machine alone
                extra_arguments=["--IPKernelApp.log_level=ERROR"],
            )  # fmt: skip
        except papermill.PapermillExecutionError as failure:
            error = (
                f"notebook {path.name}, cell [{failure.exec_count}] failed: "
                f"{failure.ename}: {failure.evalue}\n\n{failure.source.strip()}"
            )
    executed = nbformat.read(copy, as_version=4)
    executed.metadata.pop("widgets", None)  # saved widget state breaks other viewers
    nbformat.write(executed, copy)
    return error


@functools.cache
def notebook_parameters(path: Path) -> dict[str, dict]:
    """Parameters of a notebook, from its cell tagged ``parameters``.

    Returns
    -------
    dict of dict
        By name: papermill's description, with ``default``, ``inferred_type_name`` and ``help``.
    """
    import papermill

    return papermill.inspect_notebook(path)


def _parser():
    """An option for every parameter of every notebook, from the notebooks themselves."""
    parser = argparse.ArgumentParser(
        prog="python -m ilo_helpers.reproduce",
        description="Run the notebooks in order and write their figures. An option goes into the "
        "cell tagged 'parameters' of the notebooks that have it; left out, the notebook's own "
        "default holds.",
        epilog="A run that was stopped goes on where it was: results are kept in data/.",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("notebooks", nargs="*", default=[],
        help="beginnings of names, such as 01 03 (default: all)")  # fmt: skip
    parser.add_argument("--check", action="store_true", default=False,
        help="write no figures; compare their tables with those in figures/, and fail if a number "
        "moved by more than its tolerance")  # fmt: skip
    parser.add_argument("--cluster", default=None,
        help="hand the work to a Dask cluster: the address of its scheduler, or a number of "
        "processes to start here (default: none)")  # fmt: skip
    found: dict[str, list] = {}
    for path in _notebooks():
        for name, each in notebook_parameters(path).items():
            found.setdefault(name, []).append(each | {"in": path.name[:2]})
    for name, several in found.items():
        read = _reader(several[0])
        defaults = " or ".join(dict.fromkeys(each["default"] for each in several))
        places = " ".join(each["in"] for each in several)
        told = f"{several[0]['help']} (notebooks {places}; default {defaults})"
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=read, metavar=read.__name__.upper(),
            help=told.strip().replace("%", "%%"),
        )  # fmt: skip
    return parser


def _reader(parameter):
    """How a word of the command line becomes a value, by the parameter's type or default."""
    default = ast.literal_eval(parameter["default"])
    kind = parameter["inferred_type_name"] if default is None else type(default).__name__
    readers: dict[str, Callable] = {
        "int": int, "float": float, "bool": ast.literal_eval,
        "list": lambda word: word if word == ALL else word.replace(",", " ").split(),
    }  # fmt: skip

    def read(word):
        return None if word == "None" else readers.get(kind, str)(word)

    read.__name__ = kind
    return read


def _as_option(match):
    return "" if match[1] == "NOTEBOOKS" else f"--{match[1].lower().replace('_', '-')}="


def _notebooks():
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def _chosen(beginnings):
    beginnings = tuple(" ".join(beginnings).split())
    for beginning in beginnings:
        if not any(path.name.startswith(beginning) for path in _notebooks()):
            names = ", ".join(path.stem for path in _notebooks())
            sys.exit(f"no notebook begins with {beginning!r}; there are {names}")
    return [path for path in _notebooks() if path.name.startswith(beginnings or "")]


def _results_folder(parameters):
    """A folder for each setting, so that one run's copies never replace another's."""
    given = [parameters[key] for key in ("model", "corpus") if key in parameters]
    named = [slug(value.split("/")[-1]) for value in given]
    name = [*named, settings_digest(parameters, 8)] if parameters else ["defaults"]
    folder = data_dir("results", "--".join(name))
    text = json.dumps(parameters, indent=1) + "\n"
    (folder / "parameters.json").write_text(text, encoding="utf-8")
    return folder / "notebooks"


def _figures():
    return {path: path.stat().st_mtime_ns for path in figures_dir().glob("*/*.png")}


def _shown(path):
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


if __name__ == "__main__":
    sys.exit(main())
