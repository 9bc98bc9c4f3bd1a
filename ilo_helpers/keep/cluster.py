"""The Dask cluster that work is handed to, where there is one; without it Dask is not imported.

A client of ``distributed`` that is current in this process, or a scheduler's address in
``$ILO_CLUSTER``, makes a cluster. What is sent to a worker is the name of a function and what
decides its part, never weights or a store's vectors; what comes back is "done", or an error.
"""

import contextlib
import io
import os
import pickle
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .paths import data_dir

#: The variable with a scheduler's address.
VARIABLE = "ILO_CLUSTER"
#: How long to wait for a scheduler.
_TIMEOUT = "15s"
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
#: What Dask is told before it starts processes here. It gives a worker up for good if, so long
#: after a process of it died, none stands in its place: after 15 s by default, when a second one
#: may just have died and be starting anew. And it sets the variables of threads to 1 in *this*
#: process, from which a worker has them, and a notebook too: what is not handed out would be done
#: by one thread. So a worker is given them by itself. It also has memory handed back at once,
#: which makes a model a third slower.
LOCAL = {
    "distributed.deploy.lost-worker-timeout": "365 days",
    **{
        f"distributed.nanny.pre-spawn-environ.{name}": None
        for name in (*_THREADS, "MALLOC_TRIM_THRESHOLD_")
    },
    "distributed.nanny.environ": dict.fromkeys(_THREADS, 1),
}
_TOPIC = "ilo-progress"
#: Seconds between two messages of a worker on how far it is.
_SECONDS = 1.0
_LOCK = threading.Lock()
_introduced: set[str] = set()


def current_client() -> Any:
    """The Dask client that work is handed to, or None: then it is done in this process.

    The current one of this process; else one connected to the address in ``$ILO_CLUSTER``. None
    within a task: a worker does its part itself.

    Raises
    ------
    ConnectionError
        If no scheduler answers at that address.
    """
    address = os.environ.get(VARIABLE)
    if not address and "distributed" not in sys.modules:
        return None
    import distributed

    with contextlib.suppress(ValueError):
        distributed.get_worker()
        return None
    with contextlib.suppress(ValueError):
        return distributed.Client.current()
    return _connect(address) if address else None


@contextlib.contextmanager
def cluster(word: str | None) -> Iterator[None]:
    """Context in which this process, and those that it starts, hand their work to a cluster.

    Parameters
    ----------
    word : str or None
        An address, such as ``tcp://host:8786``; or a number: so many processes are started here,
        share the cores, and end with the context. None: no cluster.

    Raises
    ------
    ValueError
        If it is neither.
    ConnectionError
        If no scheduler answers at the address.
    ModuleNotFoundError
        If Dask is not installed.
    """
    if word is None:
        yield
        return
    number = int(word) if word.isdecimal() else 0
    if not number and "://" not in word:
        raise ValueError(
            f"CLUSTER={word}: give the address of a Dask scheduler, such as tcp://host:8786, or "
            "a number of processes to start here, such as 4"
        )
    try:
        import dask
        import distributed
    except ModuleNotFoundError:
        raise ModuleNotFoundError("a cluster needs Dask: pip install -e '.[cluster]'") from None
    with contextlib.ExitStack() as stack:
        if number:
            stack.enter_context(dask.config.set(LOCAL))
            share = max(1, (os.cpu_count() or 1) // number)
            started = distributed.LocalCluster(n_workers=number, threads_per_worker=share)
            word = stack.enter_context(started).scheduler_address
        stack.enter_context(_connect(word))
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = word
        try:
            yield
        finally:
            del os.environ[VARIABLE]
            if before is not None:
                os.environ[VARIABLE] = before


def worker_count(client: Any) -> int:
    """Workers that tasks go to: those that declare a GPU, where any does."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    return sum("GPU" in worker["resources"] for worker in workers) or len(workers)


def hand_out(
    client: Any,
    do: Callable[[Any, Any, Callable[[int], object]], object],
    jobs: Mapping[Any, Any],
    title: str,
    reach: Callable[[Any, int | None], object],
    say: Callable[[str], object],
) -> None:
    """Have the workers of a client do some parts, and wait for all of them.

    Parameters
    ----------
    client : distributed.Client
    do : callable
        Called on a worker with a part, its job and a function that takes how much was done
        since it was last called.
    jobs : dict
        By part, what it needs.
    title : str
        Of the tasks, on the dashboard.
    reach : callable
        Called here with a part and how much of it has been done; None: all.
    say : callable
        Takes a line for the user.

    Raises
    ------
    Exception
        The first that a part raised, in the order of the parts, when all others are done.
    RuntimeError
        If the workers died that a part was given to.
    ConnectionError
        If the scheduler is gone.
    """
    import cloudpickle
    import distributed

    workers = _introduce(client, say)
    run, parts = uuid.uuid4().hex, list(jobs)

    def hear(event):
        of, place, count = event[1]
        if of == run:
            reach(parts[place], count)

    # as bytes: what is sent otherwise is unpickled by the scheduler, too
    common = cloudpickle.dumps((str(data_dir()), do))
    options: dict[str, Any] = {"pure": False}
    if any("GPU" in worker["resources"] for worker in workers):
        options["resources"] = {"GPU": 1}  # no more tasks at once than a worker declares GPUs
    client.subscribe_topic(_TOPIC, hear)
    futures, errors = {}, {}
    try:
        for place, part in enumerate(parts):
            own, key = cloudpickle.dumps((part, jobs[part])), f"{title} {part}-{run}"
            future = client.submit(_on_worker, common, own, run, place, key=key, **options)
            futures[future] = part
        for future in distributed.as_completed(futures):
            part = futures[future]
            if future.status == "finished":
                reach(part, None)
                continue
            errors[part] = _our_error(future, title, part)
            if isinstance(errors[part], ConnectionError):
                raise errors[part]
            say(f"{title} {part} failed; the others go on")
    finally:
        if client.status == "running":
            client.cancel(list(futures))
            client.unsubscribe_topic(_TOPIC)
    failed = [part for part in parts if part in errors]
    if failed[1:]:
        errors[failed[0]].add_note(f"So did {', '.join(map(str, failed[1:]))}.")
    if failed:
        raise errors[failed[0]]


def _connect(address):
    import distributed

    try:
        return distributed.Client(address, timeout=_TIMEOUT)
    except (OSError, ValueError) as error:
        raise ConnectionError(f"no Dask scheduler answers at {address}: {error}") from None


def _introduce(client, say):
    """What the scheduler knows of its workers; the user is told once where they are."""
    info = client.scheduler_info(n_workers=-1)
    workers = list(info["workers"].values())
    if info["id"] not in _introduced:
        _introduced.add(info["id"])
        threads = sorted({worker["nthreads"] for worker in workers})
        say(
            f"{len(workers)} workers of {' or '.join(map(str, threads)) or '?'} threads at "
            f"{info['address']}, dashboard: {client.dashboard_link}"
        )
    return workers


def _our_error(future, title, part):
    """What a user should read, without the frames of the worker."""
    from distributed.scheduler import KilledWorker

    if future.status != "error":
        return ConnectionError(
            f"{title} {part}: the Dask scheduler is gone. What was done is kept: start a cluster, "
            "and the same call goes on"
        )
    error = future.exception()
    if isinstance(error, KilledWorker):
        return RuntimeError(
            f"{title} {part}: {error.allowed_failures + 1} workers died of it, most often for "
            f"want of memory; the log of {error.last_worker.address} says more. What was done is "
            "kept"
        )
    return error.with_traceback(None)


def _on_worker(common, own, run, place):
    """One task: with the client's data folder, alone in this process."""
    import distributed

    worker = distributed.get_worker()
    done, told = 0, time.monotonic()

    def progress(count):
        nonlocal done, told
        done += count
        if time.monotonic() > told + _SECONDS:
            told = time.monotonic()
            worker.log_event(_TOPIC, (run, place, done))

    with one_task(worker.state.nthreads):
        folder, do = pickle.loads(common)
        os.environ["ILO_DATA"] = folder
        do(*pickle.loads(own), progress)


@contextlib.contextmanager
def one_task(threads: int) -> Iterator[None]:
    """Context of a task: alone in its process, with so many threads, and silent.

    How products are rounded is set for a whole process, and the order of sums hangs on the
    number of threads. Dask starts a worker with ``OMP_NUM_THREADS=1``. What a task prints would
    stand in the middle of the client's progress bar.
    """
    import torch
    from threadpoolctl import threadpool_limits

    with _LOCK, threadpool_limits(threads), contextlib.redirect_stdout(io.StringIO()):
        torch.set_num_threads(threads)
        yield
