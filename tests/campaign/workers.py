"""Kills where the work is handed to Dask's workers, and of ``make reproduce`` itself."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from .kills import PROMISE, Undisturbed, finished, undisturbed_files
from .scenes import SCENES, Scene, in_folder
from .trial import (
    LIMIT,
    Fault,
    difference,
    drawn,
    files,
    fork,
    fresh,
    run_whole,
    stamps,
    unchanged,
)

#: Starts two workers of one thread and says where, until its input ends.
CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""
HANDED_OUT = ("extraction", "neighbours", "scoring")
#: A notebook as small as one can be that reads a model, and writes a figure.
NOTEBOOK = {
    "parameters": "model = 'tiny'  # folder of a model\ncorpus = 'here'  # folder of texts\nk = 3",
    "": "from ilo_helpers import open_study, plots, save_figure\n"
    "study = open_study(model, corpus, sentences=8, k=k, tau=2)\n"
    "fig = plots.ilo_by_layer(study.scores, study.caption.title('A figure'))\n"
    "save_figure(fig, '01_x', study.scores, study.caption)",
}


def faults(place: Path, inputs: Path, seed: int) -> list[Fault]:
    """Steps on a cluster, and notebooks."""
    found = []
    for name in HANDED_OUT:
        for what in ("the client", "a worker"):
            run = functools.partial(on_cluster, place, inputs, seed, SCENES[name], what)
            found.append(Fault("workers", f"SIGKILL of {what} during {name} on two workers",
                               PROMISE, 4, run))  # fmt: skip
    for what, tries, given in (
        ("SIGKILL of the command behind make reproduce", 1, (signal.SIGKILL, "", False)),
        ("SIGKILL of it and of its kernel", 1, (signal.SIGKILL, "", True)),
        ("SIGKILL of make reproduce CLUSTER=2, its kernel and its workers", 1,
         (signal.SIGKILL, " CLUSTER=2", True)),
        ("SIGINT of the command behind make reproduce", 2, (signal.SIGINT, "", False)),
        ("SIGINT of make reproduce CLUSTER=2", 1, (signal.SIGINT, " CLUSTER=2", False)),
    ):  # fmt: skip
        run = functools.partial(reproduce, place, inputs, seed, *given)
        found.append(Fault("workers", what, PROMISE, tries, run))
    return found


@functools.cache
def cluster() -> tuple:
    """Two workers that stay for all tries: process and address."""
    process = subprocess.Popen([sys.executable, "-c", CLUSTER], text=True, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # fmt: skip
    return process, process.stdout.readline().strip()


def handed_out(do, address, pids=None):
    """Do something as a client of the cluster; note which processes its workers are."""
    from distributed import Client

    with Client(address) as client:
        client.wait_for_workers(2, timeout=120)
        if pids:
            pids.write_text(" ".join(map(str, client.run(os.getpid).values())))
        do()


def on_cluster(place: Path, inputs: Path, seed: int, scene: Scene, what: str, number: int) -> str:
    """Kill the client, or a worker, at a random moment at which parts are missing."""
    right, seconds, before = Undisturbed.of(scene, place, inputs)
    _, address = cluster()
    pids = place / "pids"

    def do(given):
        handed_out(lambda: scene.run(given), address, pids)

    def once(rng):
        folder, seen = fresh(place / "handed", before), {}
        pids.unlink(missing_ok=True)
        child = fork(lambda: in_folder(do, inputs, folder), place / "log")
        while not pids.exists() and child.running():
            time.sleep(0.01)
        _look(child, folder, seen, rng.uniform(0, seconds))
        lacks = len(finished(scene, folder, right)) < len(_all_parts(scene, place))
        victim = child.pid if what == "the client" else int(rng.choice(pids.read_text().split()))
        if child.running() and lacks:
            os.kill(victim, signal.SIGKILL)
        _look(child, folder, seen)
        if not lacks or (what == "the client" and child.status == 0):
            return None
        assert what == "the client" or child.status == 0, f"the client failed: {child.said()}"
        there = stamps(folder, finished(scene, folder, right))
        run_whole(lambda: in_folder(do, inputs, folder), place / "log")
        told = difference(files(folder), right)
        assert not told, f"after the next run the folder {told}"
        unchanged(folder, there)
        return "went on" if child.status else "completed"

    return drawn(once, f"{seed} {scene.name} {what} {number}")


def _all_parts(scene, place):
    folder = undisturbed_files(place, scene)
    return [path for pattern in scene.finished for path in folder.glob(pattern)]


def _look(child, folder, seen, seconds=LIMIT):
    """Wait for a process; a part that is written twice meanwhile, by whatever worker, is seen."""
    end = time.monotonic() + seconds
    while child.running() and time.monotonic() < end:
        for pattern in ("data/*/*/la*-*.json", "data/*/*/[0-9]*.parquet"):
            for path in folder.glob(pattern):
                with contextlib.suppress(FileNotFoundError):  # blocks go when their table is kept
                    inode = path.stat().st_ino
                    assert seen.setdefault(path, inode) == inode, f"made again: {path.name}"
        time.sleep(0.005)


def reproduce(
    place: Path, inputs: Path, seed: int, how: int, workers: str, all_of_it: bool, number: int
) -> str:
    """Kill the command; its kernel, which is in a session of its own, and workers with it or not.

    A terminal's Ctrl-C reaches the command alone, too.
    """
    import nbformat

    notebooks = fresh(place / "notebooks")
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": [tag]} if tag else {})
             for tag, source in NOTEBOOK.items()]  # fmt: skip
    kernel = {"kernelspec": {"name": "python3", "display_name": "", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), notebooks / "01_x.ipynb")
    right, seconds = _reproduced(place, inputs, notebooks, workers)

    def once(rng):
        folder = fresh(place / "made")
        process = _command(place, inputs, notebooks, folder, workers)
        _wait_for_a_part(process, folder)
        time.sleep(rng.uniform(0, 0.7 * seconds))
        children = psutil.Process(process.pid).children(recursive=True) if (
            process.poll() is None) else []  # fmt: skip
        for each in [process, *(children if all_of_it else [])]:
            with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
                each.send_signal(how)
        process.wait(120)
        there = stamps(folder, _markers(folder))
        if process.returncode == 0 or not there:
            return None
        assert _command(place, inputs, notebooks, folder, workers).wait(300) == 0, _said(place)
        _, alive = psutil.wait_procs(children, 30)  # a kernel ends when its parent is gone
        for each in alive:
            each.kill()
        told = difference(_results(folder), right)
        assert not told, f"after the next run the folder {told}"
        unchanged(folder, there)
        return f"went on ~ {len(there)} parts were there"

    return drawn(once, f"{seed} {how} {workers} {all_of_it} {number}", 4)


def _markers(folder):
    return [str(path.relative_to(folder)) for path in folder.glob("data/*/*/la*-*.json")]


@functools.cache
def _reproduced(place, inputs, notebooks, workers):
    """What an undisturbed run leaves, and its seconds from the first part to the end."""
    folder = fresh(place / "right")
    process = _command(place, inputs, notebooks, folder, workers)
    _wait_for_a_part(process, folder)
    start = time.monotonic()
    assert process.wait(300) == 0, _said(place)
    return _results(folder), time.monotonic() - start


def _wait_for_a_part(process, folder):
    while process.poll() is None and not _markers(folder):
        time.sleep(0.005)


def _results(folder):
    """Without the executed copies, which hold times."""
    return {name: each for name, each in files(folder).items() if ".ipynb" not in name
            and not name.startswith("data/results")}  # fmt: skip


def _command(place, inputs, notebooks, folder, workers):
    from .scenes import CORPUS

    code = (
        "import signal, sys, pathlib\n"
        # a shell's background jobs, and what they start, do not hear it
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from ilo_helpers import reproduce\n"
        f"if __name__ == '__main__':\n"
        f"    reproduce.NOTEBOOKS = pathlib.Path({str(notebooks)!r})\n"
        "    sys.exit(reproduce.main())"
    )
    words = [f"MODEL={inputs / 'tiny'}", f"CORPUS={CORPUS}", *workers.split()]
    environment = os.environ | {"ILO_DATA": str(folder / "data"), "ILO_FIGURES": str(folder / "f"),
                                "PYTHONPATH": str(Path(__file__).parents[2])}  # fmt: skip
    with (place / "log").open("w") as log:
        return subprocess.Popen([sys.executable, "-c", code, *words], env=environment, stdout=log,
                                stderr=log, start_new_session=True)  # fmt: skip


def _said(place):
    return (place / "log").read_text()[-300:]
