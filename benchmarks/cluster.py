"""What handing out work costs: two workers on one text, and up to 64 that only sleep.

    python benchmarks/cluster.py [--real]

Extraction is measured on a tiny model made on the spot, or with ``--real`` on Gemma 3 270M, each
part as long as one language takes. Then parts that sleep, as long as extraction of a language by
an 8B model would take but for the scale, are handed to 1 to 64 workers: all that is lost against
the ideal time is the engine's, and the file system's.
"""

import argparse
import contextlib
import functools
import logging
import os
import tempfile
import time
from pathlib import Path
from unittest import mock

import dask
import numpy as np
from distributed import Client, LocalCluster

from ilo_helpers import extract_activations, load_corpus, load_model
from ilo_helpers.keep import cluster
from ilo_helpers.keep.fill import fill
from ilo_helpers.keep.stores import Store

LANGUAGES = ["eng_Latn", "rus_Cyrl", "ind_Latn", "tha_Thai", "tel_Telu", "zho_Hans",
             "deu_Latn", "fra_Latn"]  # fmt: skip


def sleeping(seconds, part, progress):
    """A part that takes its time, and says how far it is as often as extraction does."""
    for _ in range(10):
        time.sleep(seconds / 10)
        progress(1)
    return [{"x": np.full((4, 8, 16), part + 1, np.float32)}]  # none is of zeros


def letters(folder, parts):
    """A store of so many parts of four layers."""
    coords = {
        "layer": range(4),
        "language": range(parts),
        "sentence": range(8),
        "hidden": range(16),
    }
    return Store("activations", "asleep", coords, {"x": "float32"}, "language", {}, folder)


def asleep(workers, parts, seconds):
    """Seconds, and seconds of processor time, that so many sleeping parts take.

    On so many workers, each of which has had a part before; without any, in this process.
    """
    options = {"processes": False, "threads_per_worker": 1, "dashboard_address": None,
               "silence_logs": logging.CRITICAL}  # fmt: skip
    with contextlib.ExitStack() as stack:
        if workers:
            local = LocalCluster(n_workers=workers, **options)
            stack.enter_context(Client(stack.enter_context(local)))
        for count, wait in ((workers or 1, 0.01), (parts, seconds)):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            store, make = letters(folder, count), functools.partial(sleeping, wait)
            sizes = dict.fromkeys(store.parts, 10)
            start = time.perf_counter(), time.process_time()
            with open(os.devnull, "w") as null, contextlib.redirect_stdout(null):
                fill([store], {p: p for p in store.parts}, make, "asleep", "tok", sizes)
            took = time.perf_counter() - start[0], time.process_time() - start[1]
            assert not letters(folder, count).missing()
    return took


def extraction(model, corpus, workers):
    """Seconds that extraction takes: in this process (0 workers), or on so many of one thread.

    All have the model loaded before the clock starts.
    """
    with contextlib.ExitStack() as stack:
        if workers:
            stack.enter_context(dask.config.set(cluster.LOCAL))
            local = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
            stack.enter_context(Client(stack.enter_context(local)))
        took = []
        for part in (corpus.iloc[:1], corpus):  # the first has every worker load the model
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            start = time.perf_counter()
            extract_activations(model, part, store=folder)
            took.append(time.perf_counter() - start)
    return took[1]


def main():
    """Both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--real", action="store_true", help="extract with Gemma 3 270M as well")
    parser.add_argument("--seconds", type=float, default=2.0, help="that a part sleeps")
    parser.add_argument("--paragraphs", type=int, default=12, help="extracted, of 49")
    options = parser.parse_args()
    print("| workers | parts | seconds | ideal | lost | processor time, ms a part |")
    print("|---|---|---|---|---|---|")
    # 64 workers share this process: the lock that has one part at a time in each is not for them
    with mock.patch.object(cluster, "one_task", lambda _: contextlib.nullcontext()):
        for workers in (0, 1, 2, 4, 8, 16, 32, 64):
            parts, ideal = 4 * max(1, workers), 4 * options.seconds
            took, cpu = asleep(workers, parts, options.seconds)
            print(f"| {workers or 'none'} | {parts} | {took:.2f} | {ideal:.2f} | "
                  f"{took / ideal - 1:.1%} | {cpu / parts * 1000:.0f} |", flush=True)  # fmt: skip
    if options.real:
        import torch

        torch.set_num_threads(1)
        lm = load_model("gemma-3-270m")  # by its name each call would read it anew
        corpus = load_corpus("udhr", languages=LANGUAGES, sentences=options.paragraphs)
        print("\n| extraction | seconds | ratio |\n|---|---|---|")
        alone = None
        for workers in (0, 1, 2):
            took = extraction(lm, corpus, workers)
            alone = alone or took
            name = f"{workers} workers" if workers else "in this process, 1 thread"
            print(f"| {name} | {took:.1f} | {took / alone:.3f} |", flush=True)


if __name__ == "__main__":
    main()
