"""Seconds and memory of exact neighbours, and of a grid of k and tau.

    python benchmarks/neighbors.py [--rows N ...] [--hidden 640] [--memory 4GB] [--limit SECONDS]

Ours, faiss and scikit-learn on the same vectors, each in a process of its own, one after another.
``--rows 31372 205820``: FLORES devtest in 31 languages, and SIB-200 in 205; ``--hidden 4096``: as
wide as the vectors of a model of 8B.
"""

import argparse
import multiprocessing
import queue as queues
import threading
import time

import numpy as np
import psutil

K = 10
#: Rows of the sample on which every list is checked by float64 brute force.
CHECKED = 200


def vectors(rows, hidden):
    """Crowded vectors with languages and meanings in them, float32 (rows, hidden)."""
    rng = np.random.default_rng(0)
    languages = 31 if rows < 100_000 else 205
    meaning = rng.normal(size=(-(-rows // languages), hidden)).astype(np.float32)
    offset = 20 + rng.normal(size=(languages, 1, hidden)).astype(np.float32)
    points = (meaning + offset).reshape(-1, hidden)[:rows]
    for part in np.array_split(points, 100):
        part += 0.7 * rng.normal(size=part.shape)
    return points


def ours(points, memory):
    from ilo_helpers._search.knn import knn

    return knn(points, K, memory=memory)[0]


def faiss(points, _memory):
    import faiss

    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    return faiss.knn(unit, unit, K + 1, metric=faiss.METRIC_INNER_PRODUCT)[1][:, 1:]


def sklearn(points, _memory):
    from sklearn.neighbors import NearestNeighbors

    return (
        NearestNeighbors(metric="cosine", algorithm="brute")
        .fit(points)
        .kneighbors(n_neighbors=K, return_distance=False)
    )


def brute_force(points, rows):
    """Neighbours of some rows by the differences of all pairs in float64, ties by index."""

    def unit(part):
        part = part.astype(np.float64)
        return part / np.sqrt(np.square(part).sum(1, keepdims=True))

    wanted, squared = unit(points[rows]), np.empty((len(rows), len(points)))
    for start in range(0, len(points), 256):  # few enough for the cache
        part = unit(points[start : start + 256])
        for place, row in enumerate(wanted):
            difference = part - row
            squared[place, start : start + 256] = np.einsum("ij,ij->i", difference, difference)
    squared[np.arange(len(rows)), rows] = np.inf
    return np.argsort(squared, axis=1, kind="stable")[:, :K]


def product_alone(points):
    """Seconds of half the products of all pairs, nothing else: what symmetry leaves to do."""
    from ilo_helpers._search.products import fast_product, fastest

    side, name = 2048, fastest()
    blocks = [points[i : i + side] for i in range(0, len(points) - side + 1, side)]
    out, count = np.empty((side, side), np.float32), min(len(blocks) ** 2 // 2, 150)
    with fast_product() as product:
        product(blocks[0], blocks[1], out)
        start = time.perf_counter()
        for i in range(count):
            product(blocks[i % len(blocks)], blocks[(7 * i + 1) % len(blocks)], out)
        seconds = time.perf_counter() - start
    return seconds / count * (len(points) / side) ** 2 / 2, name


class _Watch(threading.Thread):
    """Looks at the memory of this process a hundred times a second, and keeps the most."""

    def __init__(self):
        super().__init__(daemon=True)
        self.resident, self.done = psutil.Process().memory_info, threading.Event()
        self.before = self.most = self.resident().rss

    def run(self):
        while not self.done.wait(0.01):
            self.most = max(self.most, self.resident().rss)


def _timed(function, size, memory, queue):
    points = vectors(*size)
    function(points[:2500], "1GB")  # libraries loaded, loops compiled, threads started
    watch = _Watch()
    watch.start()
    start = time.perf_counter()
    index = function(points, memory)
    seconds = time.perf_counter() - start
    watch.done.set()
    watch.join()
    alone = product_alone(points) if function is ours else None
    queue.put((seconds, (watch.most - watch.before) / 2**30, index, alone))


def _run(function, size, memory, limit):
    """What :func:`_timed` finds, in a process of its own; None if that takes too long."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_timed, args=(function, size, memory, queue))
    process.start()
    start = time.perf_counter()
    while time.perf_counter() - start < limit:
        try:
            result = queue.get(timeout=1)
            process.join()
            return result
        except queues.Empty:
            if process.exitcode:
                raise SystemExit(f"{function.__name__} has failed: see above") from None
    process.kill()
    process.join()
    return None


def neighbors(rows, hidden, memory, limit, repeats):
    """Print the best of some runs of each, in turn, and the rows that are not float64's."""
    results, size = {}, (rows, hidden)
    for _ in range(repeats):
        for function in (ours, faiss, sklearn):
            name = function.__name__
            if name in results and results[name] is None:
                continue
            result = _run(function, size, memory, np.inf if function is ours else limit)
            told = f"{result[0]:.1f} s" if result else f"more than {limit:.0f} s"
            print(f"{rows} × {hidden}, {name}: {told}", flush=True)
            if name not in results or (result and result[0] < results[name][0]):
                results[name] = result
    checked = np.sort(np.random.default_rng(1).permutation(rows)[:CHECKED])
    expected = brute_force(vectors(*size), checked)
    print(f"\n{rows} × {hidden} float32, k = {K}, cosine, best of {repeats}\n")
    print(f"| | seconds | ratio to faiss | extra memory, GiB | unlike float64, of {len(checked)} "
          "rows | unlike ours, of all |")  # fmt: skip
    print("|---|---|---|---|---|---|")
    for name, result in results.items():
        if result is None:
            print(f"| {name} | more than {limit:.0f} | | | | |")
            continue
        seconds, extra, index, _ = result
        ratio = f"{seconds / results['faiss'][0]:.2f}" if results["faiss"] else ""
        wrong = (index[checked] != expected).any(1).mean()
        unlike = (index != results["ours"][2]).any(1).mean()
        print(f"| {name} | {seconds:.1f} | {ratio} | {extra:.2f} | {wrong:.2%} | {unlike:.2%} |")
    seconds, (alone, product) = results["ours"][0], results["ours"][3]
    print(f"\nHalf of the products alone ({product}): {alone:.2f} s, {alone / seconds:.0%} of ours")


def grid(rows, layers=19, languages=31):
    """Print the seconds of a 10 × 5 grid over all layers."""
    import xarray as xr

    from ilo_helpers import ilo_scores

    sentences = rows // languages
    shape = (layers, languages, sentences, K)
    index = np.random.default_rng(0).integers(0, languages * sentences, shape, dtype=np.int32)
    coords = {"layer": range(layers), "language": range(languages)}
    stored = xr.Dataset({"index": (("layer", "language", "sentence", "neighbor"), index)}, coords)
    start = time.perf_counter()
    ilo_scores(stored, range(1, 11), range(1, 6))
    print(f"\nk = 1 … 10 × τ = 1 … 5, {layers} layers × {languages * sentences} points: "
          f"{time.perf_counter() - start:.1f} s")  # fmt: skip


def main():
    """Neighbours of each size, then the grid of k and tau."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--rows", type=int, nargs="+", default=[31372], help="points (default: FLORES devtest)")
    add("--hidden", type=int, default=640, help="numbers in each (default: 640)")
    add("--memory", help="what our search may take, such as 4GB (default: half of what is free)")
    add("--limit", type=float, default=1800, help="seconds after which another is given up")
    add("--repeats", type=int, default=3, help="runs of each, in turn")
    options = parser.parse_args()
    for rows in options.rows:
        neighbors(rows, options.hidden, options.memory, options.limit, options.repeats)
    grid(options.rows[0])


if __name__ == "__main__":
    main()
