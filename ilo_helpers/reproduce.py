"""Run the notebooks in order: ``python -m ilo_helpers.reproduce``, or ``make reproduce``."""

import argparse
import contextlib
import hashlib
import json
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

import pandas as pd

from .checks import compare_folders
from .packaged import NOTICES
from .paths import ROOT, data_dir, figures_dir, slug

NOTEBOOKS = ROOT / "notebooks"


def main(arguments=None):
    """Run the notebooks as the command line says; the exit status is 1 if one failed."""
    options = _parser().parse_args(arguments)
    parameters = {
        name: value
        for name, value in vars(options).items()
        if name not in ("notebooks", "check") and value is not None
    }
    paths = _chosen(options.notebooks)
    if options.check:
        return check(paths, parameters)
    folder = _results_folder(parameters)
    print(f"executed copies go to {_shown(folder)}", flush=True)
    rows, failed = [], False
    for place, path in enumerate(paths, 1):
        print(f"[{place}/{len(paths)}] {path.stem} …", flush=True)
        start, before = time.time(), _figures()
        error = run_notebook(path, folder / path.name, parameters)
        written = sorted(name for name, stamp in _figures().items() if before.get(name) != stamp)
        rows.append((path.stem, round(time.time() - start), len(written)))
        print(f"    {rows[-1][1]} s, {len(written)} figures", flush=True)
        if error:
            print(f"\n{error}\n\nThe copy up to there: {_shown(folder / path.name)}. What was "
                  "computed is kept; the same command goes on from it.", flush=True)  # fmt: skip
            failed = True
            break
    print(
        "\n" + pd.DataFrame(rows, columns=["notebook", "seconds", "figures"]).to_string(index=False)
    )
    return int(failed)


def check(paths, parameters):
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
    with tempfile.TemporaryDirectory() as made:
        made = Path(made)
        with _figures_in(made / "figures"):
            for path in paths:
                print(f"{path.stem} …", flush=True)
                error = run_notebook(path, made / path.name, parameters)
                if error:
                    print(error, flush=True)
                    return 1
        tables, moved = [], []
        for folder in sorted((made / "figures").iterdir()):
            found = compare_folders(kept / folder.name, folder)
            tables.append(found[0].assign(folder=folder.name))
            moved.append(found[1].assign(folder=folder.name))
    tables, moved = pd.concat(tables), pd.concat(moved)
    print(tables.to_string(index=False))
    print(f"{tables['numbers'].sum()} numbers compared, {len(moved)} moved too far", flush=True)
    if len(moved):
        print(moved.head(50).to_string(index=False), flush=True)
    return int(len(moved) > 0)


@contextlib.contextmanager
def _figures_in(folder):
    before = os.environ.get("ILO_FIGURES")
    os.environ["ILO_FIGURES"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("ILO_FIGURES")
        if before is not None:
            os.environ["ILO_FIGURES"] = before


def run_notebook(path, copy, parameters):
    """Execute one notebook.

    Parameters
    ----------
    path, copy : pathlib.Path
        The notebook, and where its executed copy goes.
    parameters : dict
        Put below the cell tagged ``parameters``; names the notebook does not have are left out.

    Returns
    -------
    str or None
        What failed: notebook, cell, error.
    """
    import nbformat
    import papermill

    own = papermill.inspect_notebook(path)
    given = {name: value for name, value in parameters.items() if name in own}
    copy.parent.mkdir(parents=True, exist_ok=True)
    error = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nbformat.warnings.MissingIDFieldWarning)
        try:
            papermill.execute_notebook(
                path, copy, given, progress_bar={"file": sys.stdout, "mininterval": 5}
            )
        except papermill.PapermillExecutionError as failure:
            error = (
                f"notebook {path.name}, cell [{failure.exec_count}] failed: "
                f"{failure.ename}: {failure.evalue}\n\n{failure.source.strip()}"
            )
    executed = nbformat.read(copy, as_version=4)
    executed.metadata.pop("widgets", None)  # saved widget state breaks other viewers
    nbformat.write(executed, copy)
    return error


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m ilo_helpers.reproduce",
        description="Run the notebooks in order and write their figures. Every option goes into "
        "the cell tagged 'parameters' of the notebooks that have it; left out, the notebook's "
        "own default holds.",
        epilog="A run that was stopped goes on where it was: results are kept in data/.",
    )
    add = parser.add_argument
    add("notebooks", nargs="*", help="beginnings of names, such as 01 03 (default: all)")
    add("--check", action="store_true",
        help="write no figures; compare their tables with those in figures/, and fail if a number "
        "moved by more than its tolerance")  # fmt: skip
    add("--model", help=f"{', '.join(map(repr, NOTICES))}, a hub id, or a local directory")
    add("--corpus", help="'udhr', 'flores200', or a path")
    add("--split", help="of FLORES: dev (the paper's) or devtest")
    add("--sentences", type=int, help="the first so many (default: all)")
    add("--languages", type=_listed, metavar="CODES",
        help="FLORES codes, separated by commas (default: the paper's 31)")  # fmt: skip
    add("--k", type=int, help="neighbours looked at, at most 10 (default: 5, the paper's)")
    add("--tau", type=int, help="distinct other languages that make a bridge (default: 3)")
    add("--metric", choices=["cosine", "euclidean"])
    add("--pooling", choices=["mean", "mean_no_special", "mean_no_first", "last"])
    add("--others", type=_listed, metavar="MODELS",
        help="models set beside the first, separated by commas")  # fmt: skip
    add("--tasks", type=_listed,
        help="of notebook 07: 'cldr', 'sib200', a SIB-200 folder; commas between")  # fmt: skip
    return parser


def _listed(text):
    return text.replace(",", " ").split()


def _chosen(beginnings):
    paths = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    if not beginnings:
        return paths
    for beginning in beginnings:
        if not any(path.name.startswith(beginning) for path in paths):
            names = ", ".join(path.stem for path in paths)
            sys.exit(f"no notebook begins with {beginning!r}; there are {names}")
    return [path for path in paths if path.name.startswith(tuple(beginnings))]


def _results_folder(parameters):
    """A folder for each setting, so that one run's copies never replace another's."""
    values = {"model": "gemma-3-270m", "corpus": "udhr"} | parameters
    name = "--".join(slug(values[key].split("/")[-1]) for key in ("model", "corpus"))
    if parameters:
        text = json.dumps(parameters, sort_keys=True)
        name += f"--{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    folder = data_dir("results", name)
    (folder / "parameters.json").write_text(json.dumps(parameters, indent=1) + "\n")
    return folder / "notebooks"


def _figures():
    return {path: path.stat().st_mtime_ns for path in figures_dir().glob("*/*.png")}


def _shown(path):
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


if __name__ == "__main__":
    sys.exit(main())
