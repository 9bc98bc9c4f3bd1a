"""Kills where the work is handed to Dask's workers, and of ``make reproduce`` itself."""

import contextlib
import functools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from .kills import PROMISE, Undisturbed
from .scenes import SCENES, Scene, in_folder
from .trial import Fault, difference, files, fork, fresh, run_whole

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
    for how in (signal.SIGKILL, signal.SIGINT):
        for workers in ("", " CLUSTER=2"):
            run = functools.partial(reproduce, place, inputs, seed, how, workers)
            what, tries = f"{how.name} of make reproduce{workers}", 1 if workers else 2
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
    """Kill the client, or a worker, at a random moment."""
    rng = random.Random(f"{seed} {scene.name} {what} {number}")
    right, seconds, before = Undisturbed.of(scene, place, inputs)
    _, address = cluster()
    folder, pids = fresh(place / "handed", before), place / "pids"
    pids.unlink(missing_ok=True)

    def do(given):
        handed_out(lambda: scene.run(given), address, pids)

    child = fork(lambda: in_folder(do, inputs, folder), place / "log")
    while not pids.exists() and child.running():
        time.sleep(0.01)
    time.sleep(rng.uniform(0, seconds))
    victim = child.pid if what == "the client" else int(rng.choice(pids.read_text().split()))
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    status = child.wait()
    assert what == "the client" or status == 0, f"the client failed: {child.said()}"
    there = {
        path: path.stat().st_ino for pattern in scene.finished for path in folder.glob(pattern)
    }
    run_whole(lambda: in_folder(do, inputs, folder), place / "log")
    told = difference(files(folder), right)
    assert not told, f"after the next run the folder {told}"
    again = [path.name for path, inode in there.items() if path.stat().st_ino != inode]
    assert not again, f"made again: {again[0]} ({len(again)})"
    if status:
        return "went on"
    return "had ended by then" if what == "the client" else "completed"


def reproduce(place: Path, inputs: Path, seed: int, how: int, workers: str, number: int) -> str:
    """Kill the command with its kernel: both are one group, as at a terminal."""
    import nbformat

    rng = random.Random(f"{seed} {how} {workers} {number}")
    notebooks = fresh(place / "notebooks")
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": [tag]} if tag else {})
             for tag, source in NOTEBOOK.items()]  # fmt: skip
    kernel = {"kernelspec": {"name": "python3", "display_name": "", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), notebooks / "01_x.ipynb")
    right, seconds = _reproduced(place, inputs, notebooks, workers)
    folder = fresh(place / "made")
    process = _command(place, inputs, notebooks, folder, workers)
    time.sleep(rng.uniform(0.3 * seconds, 0.9 * seconds))
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, how)
    process.wait(120)
    there = {path: path.stat().st_ino for path in folder.glob("data/*/*/la*-*.json")}
    assert _command(place, inputs, notebooks, folder, workers).wait(300) == 0, _said(place)
    told = difference(_results(folder), right)
    assert not told, f"after the next run the folder {told}"
    assert all(path.stat().st_ino == inode for path, inode in there.items()), "made again"
    return "went on"


@functools.cache
def _reproduced(place, inputs, notebooks, workers):
    start = time.monotonic()
    folder = fresh(place / "right")
    assert _command(place, inputs, notebooks, folder, workers).wait(300) == 0, _said(place)
    return _results(folder), time.monotonic() - start


def _results(folder):
    """Without the executed copies, which hold times."""
    return {name: each for name, each in files(folder).items() if ".ipynb" not in name
            and not name.startswith("data/results")}  # fmt: skip


def _command(place, inputs, notebooks, folder, workers):
    from .scenes import CORPUS

    code = (
        "import sys, pathlib; from ilo_helpers import reproduce\n"
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
