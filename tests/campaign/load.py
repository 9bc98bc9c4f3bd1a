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
from .scenes import LANGUAGES, SCENES, text
from .trial import Fault, fresh

#: Corpora that one process goes through, and those before the first look.
MANY, FIRST = 120, 60
#: MB that the process may grow by, a text. For each new shape of a product oneDNN keeps what it
#: compiles (at most 1024 of them), which is memory that is taken once, and no leak.
ONE, MORE = "of one length", "of 60 lengths"
MOST = {ONE: 0.1, MORE: 0.5}


def faults(place: Path, inputs: Path, seed: int) -> list[Fault]:
    """All of them."""
    found = [
        Fault("load", f"{name} with both cores and the disk busy", "completes, byte for byte", 1,
              functools.partial(under_stress, place, inputs, scene))
        for name, scene in SCENES.items()
    ]  # fmt: skip
    for lengths, most in MOST.items():
        promise = f"memory grows by less than {most} MB a text, threads and open files not at all"
        what = f"{MANY} texts {lengths}, one after another, in one process"
        found.append(
            Fault("load", what, promise, 1, functools.partial(many, place, inputs, lengths))
        )
    return found


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


def many(place: Path, inputs: Path, lengths: str, number: int) -> str:
    """Vectors, neighbours and scores of one text after another, in an interpreter of its own.

    (In one that was forked off, pages of the parent count as soon as they are touched.)
    """
    code = (
        "import sys, pathlib; from campaign.load import go_through\n"
        "go_through(pathlib.Path(sys.argv[1]), sys.argv[2])"
    )
    here = Path(__file__).parents[1]
    environment = os.environ | {
        "ILO_DATA": str(fresh(place / "many")), "PYTHONPATH": f"{here}{os.pathsep}{here.parent}",
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code, inputs, lengths], env=environment, text=True,
                          capture_output=True, timeout=600)  # fmt: skip
    assert done.returncode == 0, done.stderr.strip().splitlines()[-1]
    first, last = (list(map(int, line.split()[1:])) for line in done.stdout.splitlines()
                   if line.startswith("counts "))  # fmt: skip
    grown = (last[0] - first[0]) / (MANY - FIRST) / 1e6
    assert grown < MOST[lengths], f"memory grew by {grown:.2f} MB a text"
    assert last[1] <= first[1], f"threads grew from {first[1]} to {last[1]}"
    assert last[2] <= first[2] + 1, f"open files grew from {first[2]} to {last[2]}"
    return f"memory grew by {max(0, grown):.2f} MB a text; {last[1]} threads, {last[2]} files"


def go_through(inputs: Path, lengths: str) -> None:
    """The texts; prints bytes, threads and open files after some and at the end."""
    import gc

    import psutil

    from ilo_helpers import extract_activations, ilo_scores, load_model, nearest_neighbors

    model, whole, process = load_model(inputs / "tiny"), text(), psutil.Process()
    for i in range(MANY):
        more = " x" * (i % 60 if lengths == MORE else 0)
        few = whole.iloc[i % 6 : i % 6 + 6].map(lambda each, i=i, more=more: f"{each} {i:03}{more}")
        few = few[LANGUAGES[:3]]
        few.attrs = {"name": f"text-{i}"}
        acts = extract_activations(model, few)
        ilo_scores(nearest_neighbors(acts, 4), k=3, tau=2)
        if i in (FIRST - 1, MANY - 1):
            gc.collect()
            print("counts", own_memory(), process.num_threads(), process.num_fds())


def own_memory() -> int:
    """Bytes that this process has written, without pages of files, which come and go (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
