"""Notebooks: their parameters, and how they are executed, one or several at a time."""

import concurrent.futures
import functools
import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from unittest import mock

from .messages import say
from .paths import ROOT, figures_dir

NOTEBOOKS = ROOT / "notebooks"
#: Started first where several run at a time: 03 and those after it read vectors that 02 keeps, 06
#: needs none. The last of all reads what the others wrote, and waits for them.
FIRST = ("01", "06", "02", "03")


def all_notebooks() -> list[Path]:
    """The numbered notebooks, in order."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def execute(
    paths: Sequence[Path], folder: Path, parameters: Mapping[str, object], jobs: int = 1
) -> Iterator[tuple[tuple[str, int, int], str | None]]:
    """Execute notebooks, one after the other or several at a time.

    The last one of all draws what the others wrote, and so waits for them.

    Parameters
    ----------
    paths : list of pathlib.Path
    folder : pathlib.Path
        For the executed copies.
    parameters : dict
        As for :func:`run_notebook`.
    jobs : int
        Notebooks at a time; each gets its share of the cores.

    Yields
    ------
    row : tuple
        Name, seconds, and how many pictures were written, as a notebook ends.
    error : str or None
        As of :func:`run_notebook`. Whoever stops here keeps the others from starting.
    """
    one = functools.partial(_execute, folder=folder, parameters=parameters, bar=jobs == 1)
    if jobs == 1:
        yield from map(one, paths)
        return
    say(f"{jobs} notebooks at a time")
    context, cores = multiprocessing.get_context("spawn"), os.cpu_count() or 1
    threads = {"OMP_NUM_THREADS": str(max(1, cores // jobs))}
    with (
        mock.patch.dict(os.environ, threads),
        concurrent.futures.ProcessPoolExecutor(jobs, context) as pool,
    ):
        try:
            apart = [path for path in paths if path == all_notebooks()[-1]]
            early = [path for start in FIRST for path in paths if path.name.startswith(start)]
            order = dict.fromkeys([*early, *paths])
            for part in ([path for path in order if path not in apart], apart):
                waiting = [pool.submit(one, path) for path in part]
                for future in concurrent.futures.as_completed(waiting):
                    yield future.result()
        finally:  # after an error, those that run end, and no other begins
            pool.shutdown(cancel_futures=True)


def _execute(path, folder, parameters, bar):
    say(f"{path.stem} …")
    start, before = time.time(), _figures(path)
    error = run_notebook(path, folder / path.name, parameters, bar)
    written = sum(before.get(name) != stamp for name, stamp in _figures(path).items())
    return (path.stem, round(time.time() - start), written), error


def run_notebook(
    path: Path, copy: Path, parameters: Mapping[str, object], bar: bool = True
) -> str | None:
    """Execute one notebook.

    Parameters
    ----------
    path, copy : pathlib.Path
        The notebook, and where its executed copy goes.
    parameters : dict
        Put below the cell tagged ``parameters``; those that only other notebooks have are left
        out.
    bar : bool
        Whether cells are counted on the screen.

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

    known = {name for each in {path, *all_notebooks()} for name in notebook_parameters(each)}
    if lacking := set(parameters) - known:
        raise ValueError(
            f"no notebook has {', '.join(lacking)}; there are {', '.join(sorted(known))}"
        )
    given = {name: value for name, value in parameters.items() if name in notebook_parameters(path)}
    copy.parent.mkdir(parents=True, exist_ok=True)
    cells = "    cell {n} of {total}, {elapsed}"
    told = {"file": sys.stdout, "mininterval": 5, "bar_format": cells} if bar else False
    error = None
    # what is executed to be read needs no widgets
    with warnings.catch_warnings(), mock.patch.dict(os.environ, ILO_STATIC="1"):
        warnings.simplefilter("ignore", nbformat.warnings.MissingIDFieldWarning)
        try:
            papermill.execute_notebook(
                path, copy, given, progress_bar=told,
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


def _figures(path):
    """When each picture of a notebook was written."""
    pictures = figures_dir().glob(f"*/{path.name[:2]}_*.png")
    return {picture: picture.stat().st_mtime_ns for picture in pictures}
