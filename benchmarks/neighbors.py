"""Seconds and memory of exact neighbours, and of a grid of k and tau.

    python benchmarks/neighbors.py [--rows N]

Ours, faiss and scikit-learn on the same vectors, each in a process of its own, one after another.
"""

import argparse
import multiprocessing
import resource
import time

import numpy as np

HIDDEN, K = 640, 10


def vectors(rows):
    """Crowded vectors with languages and meanings in them, float32 (rows, 640)."""
    rng = np.random.default_rng(0)
    languages = 31
    meaning = rng.normal(size=(-(-rows // languages), HIDDEN))
    offset = rng.normal(size=(languages, 1, HIDDEN))
    points = 20 + (meaning + offset).reshape(-1, HIDDEN)[:rows]
    return (points + 0.7 * rng.normal(size=points.shape)).astype(np.float32)


def ours(points):
    from ilo_helpers._knn import knn

    return knn(points, K)[0]


def faiss(points):
    import faiss

    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    return faiss.knn(unit, unit, K + 1, metric=faiss.METRIC_INNER_PRODUCT)[1][:, 1:]


def sklearn(points):
    from sklearn.neighbors import NearestNeighbors

    return (
        NearestNeighbors(metric="cosine", algorithm="brute")
        .fit(points)
        .kneighbors(n_neighbors=K, return_distance=False)
    )


def _timed(function, rows, queue):
    points = vectors(rows)
    function(points[:2000])  # libraries loaded, threads started
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    index = function(points)
    seconds = time.perf_counter() - start
    extra = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    queue.put((seconds, extra / 2**20, index))


def neighbors(rows, repeats=3):
    """Print the best of some runs of each, in turn, and the rows that differ from ours."""
    context = multiprocessing.get_context("spawn")
    results = {}
    for _ in range(repeats):
        for function in (ours, faiss, sklearn):
            queue = context.Queue()
            process = context.Process(target=_timed, args=(function, rows, queue))
            process.start()
            result = queue.get()
            process.join()
            best = results.get(function.__name__)
            if best is None or result[0] < best[0]:
                results[function.__name__] = result
    print(f"\n{rows} × {HIDDEN} float32, k = {K}, cosine, best of {repeats}\n")
    print("| | seconds | ratio to faiss | extra memory, GiB | rows unlike ours |")
    print("|---|---|---|---|---|")
    for name, (seconds, memory, index) in results.items():
        wrong = (index != results["ours"][2]).any(1).mean()
        ratio = seconds / results["faiss"][0]
        print(f"| {name} | {seconds:.1f} | {ratio:.2f} | {memory:.2f} | {wrong:.2%} |")


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
    """Neighbours, then the grid of k and tau."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=31372, help="points (default: FLORES devtest)")
    rows = parser.parse_args().rows
    neighbors(rows)
    grid(rows)


if __name__ == "__main__":
    main()
