"""A busy machine, and a process that goes on for long."""

import contextlib
import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .disk import goes_on
from .kills import Undisturbed
from .scenes import LANGUAGES, SCENES, in_folder, text
from .trial import Fault, fresh, run_whole

#: Corpora that one process goes through, and those before the first look.
MANY, FIRST = 120, 20


def faults(place: Path, inputs: Path, seed: int) -> list[Fault]:
    """All of them."""
    found = [
        Fault("load", f"{name} with both cores and the disk busy", "completes, byte for byte", 1,
              functools.partial(under_stress, place, inputs, scene))
        for name, scene in SCENES.items()
    ]  # fmt: skip
    promise = "memory grows by less than 0.3 MB a text, threads and open files not at all"
    return [*found, Fault("load", f"{MANY} texts, one after another, in one process", promise, 1,
                          functools.partial(many, place, inputs))]  # fmt: skip


@contextlib.contextmanager
def busy():
    """Both cores, memory and disk at work."""
    if shutil.which("stress-ng"):
        command = ["stress-ng", "-q", "--cpu", "4", "--hdd", "1", "--hdd-bytes", "64M",
                   "--vm", "1", "--vm-bytes", "128M", "--timeout", "300"]  # fmt: skip
        commands = [command]
    else:
        commands = [[sys.executable, "-c", "while True: pass"]] * 4
    burners = [subprocess.Popen(each, cwd="/tmp", start_new_session=True) for each in commands]
    try:
        yield
    finally:
        for burner in burners:
            burner.terminate()
            burner.wait()


def under_stress(place: Path, inputs: Path, scene, number: int) -> str:
    """The step, while others want the machine."""
    right, _, before = Undisturbed.of(scene, place, inputs)
    folder = fresh(place / "busy", before)
    with busy():
        goes_on(scene, inputs, folder, place, right)
    return "completed"


def many(place: Path, inputs: Path, number: int) -> str:
    """Vectors, neighbours and scores of one text after another."""
    counts = place / "counts"
    run_whole(lambda: in_folder(functools.partial(_many, counts), inputs, fresh(place / "many")),
              place / "log", limit=600)  # fmt: skip
    (memory, threads, handles), after = (
        map(int, line.split()) for line in counts.read_text().splitlines()
    )
    last = list(after)
    grown = (last[0] - memory) / (MANY - FIRST) / 1e6
    assert grown < 0.3, f"memory grew by {grown:.2f} MB a text"
    assert last[1] <= threads, f"threads grew from {threads} to {last[1]}"
    assert last[2] <= handles + 1, f"open files grew from {handles} to {last[2]}"
    return (
        f"memory grew by {max(0, grown) * 1000:.0f} kB a text, {last[1]} threads, {last[2]} files"
    )


def _many(counts, inputs):
    import gc

    import psutil

    from ilo_helpers import extract_activations, ilo_scores, load_model, nearest_neighbors

    model, whole, process = load_model(inputs / "tiny"), text(), psutil.Process(os.getpid())
    counts.unlink(missing_ok=True)
    for i in range(MANY):
        few = whole.iloc[i % 6 : i % 6 + 6].map(lambda each, i=i: f"{each} {i}")
        few = few[LANGUAGES[:3]]
        few.attrs = {"name": f"text-{i}"}
        acts = extract_activations(model, few)
        ilo_scores(nearest_neighbors(acts, 4), k=3, tau=2)
        if i in (FIRST - 1, MANY - 1):
            gc.collect()
            with counts.open("a") as file:
                file.write(f"{process.memory_info().rss} {process.num_threads()} "
                           f"{process.num_fds()}\n")  # fmt: skip
