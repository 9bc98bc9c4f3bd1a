"""Kill what a cluster consists of, in mid-run, and see whether the right bytes are there.

    python benchmarks/faults.py [--rounds N] [--seed N]

A scheduler, two workers and their clients are processes of their own, as on a real cluster.
Every case fills a store of 12 parts, kills at a random moment, lets a client go on where the
case wants one, and compares all chunk files with those of one process.
"""

import argparse
import collections
import contextlib
import functools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from distributed import Client

from ilo_helpers.keep.cluster import one_task
from ilo_helpers.keep.fill import fill
from ilo_helpers.keep.stores import Store

PARTS, SECONDS = 12, 0.5
HERE = Path(__file__).parent


def store_in(folder):
    """A store of 12 parts of 4 layers."""
    coords = {"layer": range(4), "language": range(PARTS), "sentence": range(500)}
    return Store("neighbors", "faults", coords, {"x": "float32"}, "language", {}, folder)


def make(log, seconds, part, progress):
    """Note that a part is made, take time, make it."""
    with (Path(log) / str(part)).open("a") as file:
        file.write("x")
    time.sleep(seconds)
    progress(1)
    return [{"x": np.random.default_rng(part).normal(size=(4, 500)).astype(np.float32)}]


def run(folder, log, seconds=SECONDS):
    """Fill what is missing."""
    store = store_in(folder)
    jobs = {part: part for part in store.missing()}
    fill([store], jobs, functools.partial(make, log, seconds), "part")


def client(address, folder, log):
    """A process that fills the store on a cluster; it prints no bar."""
    code = (
        "import faults; from distributed import Client\n"
        f"with Client({address!r}): faults.run({str(folder)!r}, {str(log)!r})"
    )
    options = quiet() | {"stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code], env=environment(), **options)


def environment():
    """With this folder among those that modules come from."""
    paths = [str(HERE), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def quiet():
    """Where the lines of the processes go."""
    return {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class Cluster:
    """A scheduler and two workers, each with the nanny that starts it anew."""

    def __init__(self, stack):
        self.file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "scheduler.json"
        options = ["--scheduler-file", self.file, "--no-dashboard"]
        self.scheduler = self.start(stack, "scheduler", "--port", "0", *options)
        worker = ["--nthreads", "1", "--memory-limit", "0", *options]
        self.nannies = [self.start(stack, "worker", *worker) for _ in range(2)]
        wait_for(self.file.exists)
        with Client(scheduler_file=str(self.file)) as each:
            each.wait_for_workers(2, timeout=900)
            self.address = each.scheduler.address

    def start(self, stack, *words):
        """One of ``dask``'s commands, ended with the stack."""
        command = [sys.executable, "-m", "dask", *map(str, words)]
        process = subprocess.Popen(command, env=environment(), **quiet())
        stack.callback(kill, process.pid)
        return process

    def workers(self):
        """Process ids of the workers that run now."""
        with Client(self.address) as each:
            return list(each.run(os.getpid).values())


def kill(pid):
    """Kill a process and all below it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for each in [*process.children(recursive=True), process]:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(signal.SIGKILL)


def wait_for(condition, seconds=900):
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("waited in vain")
        time.sleep(0.05)


def killed(cluster, case, first):
    """Kill what the case says."""
    if case == "a worker":
        os.kill(random.choice(cluster.workers()), signal.SIGKILL)
    elif case == "all workers":
        for pid in cluster.workers():
            os.kill(pid, signal.SIGKILL)
    elif case == "a worker and its nanny":
        kill(cluster.nannies[0].pid)
    elif case == "the scheduler":
        kill(cluster.scheduler.pid)
    elif case == "the client":
        kill(first.pid)


CASES = ["nothing", "a worker", "all workers", "a worker and its nanny", "the scheduler",
         "the client", "nothing, of two clients"]  # fmt: skip


def campaign(case, right):
    """One run of a case: what came of the client, parts made twice, and whether all is right."""
    with contextlib.ExitStack() as stack:
        folder, log = (Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2))
        cluster = Cluster(stack)
        begin = time.monotonic()
        first = client(cluster.address, folder, log)
        second = client(cluster.address, folder, log) if "two" in case else None
        wait_for(lambda: any(log.iterdir()))
        time.sleep(random.uniform(0, PARTS * SECONDS / 2))
        killed(cluster, case, first)
        lines, said = first.communicate(timeout=900)[1].splitlines(), first.returncode
        told = "done" if said == 0 else "killed" if said < 0 else lines[-1].split(":")[0]
        if second:
            second.communicate(timeout=900)
            told += ", done" if second.returncode == 0 else ", an error"
        if said:
            again = cluster if case == "the client" else Cluster(stack)
            there = PARTS - len(store_in(folder).missing())
            other = client(again.address, folder, log)
            other.communicate(timeout=900)
            assert other.returncode == 0
            told += f"; another goes on from {there} parts"
        twice = sum(file.stat().st_size - 1 for file in log.iterdir())
        whole = not store_in(folder).missing() and chunks(folder) == right
        return told, twice, whole, time.monotonic() - begin


def chunks(folder):
    """Bytes of every chunk file and of what says that it is complete."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def main():
    """The table of benchmarks/README.md."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=1, help="of every case")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as log:
        with one_task(1):  # a part says how many threads made it: as many as a worker's here
            run(folder, log, 0)
        right = chunks(Path(folder))
    rows = collections.defaultdict(list)
    print("| killed | runs | right | the client | parts made again | seconds |", flush=True)
    print("|---|---|---|---|---|---|")
    for case in CASES:
        for _ in range(options.rounds):
            rows[case].append(campaign(case, right))
        table = pd.DataFrame(rows[case], columns=["told", "twice", "right", "seconds"])
        told, seconds = " / ".join(table["told"].unique()), f"{table['seconds'].mean():.0f}"
        print(f"| {case} | {len(table)} | {table['right'].sum()} | {told} | "
              f"{table['twice'].max()} | {seconds} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
