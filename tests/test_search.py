"""The search in float32 and its proof in float64: hard points, little memory, every product."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import xarray as xr
from made import world

from ilo_helpers import nearest_neighbors
from ilo_helpers._search import knn as search
from ilo_helpers._search import memory as budget
from ilo_helpers._search import parts, products
from ilo_helpers._search.knn import RowError, knn
from ilo_helpers._search.memory import Budget, memory_bytes

METRICS = ["cosine", "euclidean"]


def brute_force(points, k, metric):
    """float64 differences of all pairs, ties by index."""
    points = np.asarray(points, np.float64)
    if metric == "cosine":
        points = points / np.sqrt(np.square(points).sum(1, keepdims=True))
    index, distance = [], []
    for row, point in enumerate(points):
        squared = np.square(points - point).sum(1)
        squared[row] = np.inf
        index.append(np.argsort(squared, kind="stable")[:k])
        near = squared[index[-1]]
        distance.append(near / 2 if metric == "cosine" else np.sqrt(near))
    return np.array(index), np.array(distance)


def crowded(rng, n=700, hidden=32):
    """Around one direction, of few dimensions and noise, some of them outliers."""
    points = 300 * rng.normal(size=hidden) + rng.normal(size=(n, 6)) @ rng.normal(size=(6, hidden))
    points += 0.01 * rng.normal(size=(n, hidden))
    points[::100] *= 50
    return points


def duplicates(rng):
    points = rng.normal(size=(900, 10))
    points[rng.integers(0, 900, 400)] = points[:3].repeat([300, 80, 20], axis=0)
    return points


def grid(rng):
    """Whole numbers: many distances are exactly equal; with a zero where that is allowed."""
    return rng.integers(0, 3, size=(700, 4)).astype(float)


POINTS = {
    "crowded": crowded,
    "duplicates": duplicates,
    "constant dimensions": lambda rng: np.c_[np.full((800, 5), 1e6), rng.normal(size=(800, 3))],
    "denormal": lambda rng: 1e-40 * rng.normal(size=(600, 12)),
    "huge": lambda rng: 1e37 * rng.normal(size=(600, 12)),
    "both": lambda rng: np.r_[1e30 * rng.normal(size=(300, 9)), 1e-30 * rng.normal(size=(300, 9))],
    "one place": lambda rng: np.ones((400, 7)),
    "along a line": lambda rng: np.c_[np.linspace(1, 2, 600), np.linspace(3, 1, 600)],
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", POINTS)
def test_hard_points(kind, dtype, metric, monkeypatch):
    monkeypatch.setattr(budget, "SIDES", (128, 64))  # many tiles
    points = POINTS[kind](np.random.default_rng(0)).astype(dtype)
    index, distance = knn(points, 9, metric)
    expected, distances = brute_force(points, 9, metric)
    np.testing.assert_array_equal(index, expected)
    np.testing.assert_allclose(distance, distances.astype(np.float32), rtol=1.2e-7)


def test_exact_ties_and_zeros():
    points = grid(np.random.default_rng(0))
    assert (points == 0).all(1).any()
    index, distance = knn(points, 40, "euclidean")
    expected, distances = brute_force(points, 40, "euclidean")
    np.testing.assert_array_equal(index, expected)
    np.testing.assert_array_equal(distance, distances.astype(np.float32))
    with pytest.raises(RowError, match="the vector is zero") as error:
        knn(points, 3)
    assert error.value.row == np.flatnonzero((points == 0).all(1))[0]


@pytest.mark.parametrize("dtype", ["float16", "int64", ">f4"])
def test_any_number_will_do(dtype):
    points = (50 * np.random.default_rng(0).normal(size=(300, 8))).astype(dtype)
    np.testing.assert_array_equal(knn(points, 4)[0], brute_force(points, 4, "cosine")[0])


def test_points_mapped_from_a_file(tmp_path):
    points = np.random.default_rng(0).normal(size=(500, 8)).astype(np.float32)
    np.save(tmp_path / "points.npy", points)
    mapped = np.load(tmp_path / "points.npy", mmap_mode="r")
    for ours, expected in zip(knn(mapped, 4), knn(points, 4), strict=True):
        np.testing.assert_array_equal(ours, expected)


def least_memory(points, k, rows=None):
    with pytest.raises(ValueError, match=r"takes at least [\d.]+ MB") as error:
        knn(points, k, rows=rows, memory=1)
    return str(error.value).split("least ")[1]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("some", [None, np.arange(5, 1500, 7)])
def test_the_least_memory_gives_the_same(metric, some, monkeypatch):
    points = crowded(np.random.default_rng(1), 1500, 256)
    whole = knn(points, 20, metric, rows=some)
    monkeypatch.setattr(budget, "PORTION", 2**14)
    monkeypatch.setattr(search, "PORTION", 2**14)
    least, plans = least_memory(points, 20, some), []
    blocks = Budget.blocks
    monkeypatch.setattr(
        Budget, "blocks", lambda *args: plans.append((args[0], blocks(*args))) or plans[-1][1]
    )
    part = knn(points, 20, metric, rows=some, memory=least)
    plan, (side, batch) = plans[0]
    assert not plan.copied and side == 64 and batch < 1500
    for ours, expected in zip(part, whole, strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_sizes():
    assert memory_bytes("4GB") == memory_bytes(" 4 gb ") == memory_bytes(4_000_000_000) == 4 * 10**9
    assert memory_bytes("500 MB") == memory_bytes("0.5G") == 500 * 10**6
    assert memory_bytes("2GiB") == 2**31 and memory_bytes("7") == memory_bytes("7 B") == 7
    assert 0 < memory_bytes(None) < 2**50
    for nonsense in ("much", "4 XB", "-1GB", "", "1e9", "GB"):
        with pytest.raises(ValueError, match="give bytes, or a size such as '4GB'"):
            memory_bytes(nonsense)
    acts = world(np.random.default_rng(0).normal(size=(1, 2, 20, 8)))
    with pytest.raises(ValueError, match="memory = '4 apples': give bytes"):
        nearest_neighbors(acts, 3, memory="4 apples")
    with pytest.raises(ValueError, match=r"1.0 MB: to search 40 vectors of 8 numbers for 3 nei"):
        nearest_neighbors(acts, 3, memory="1 MB")
    found, given = (nearest_neighbors(acts, 3, keep=False, memory=m) for m in (None, "50 MB"))
    assert found.identical(given)


def test_what_the_larger_pools_take():
    """Of 205 languages × 1004 sentences: all is kept, within what was asked for."""
    for hidden, memory in ((640, "1GB"), (4096, "4GB")):
        plan = Budget(memory, 205_820, hidden, 205_820, 60, 68, 2)
        side, batch = plan.blocks(68)
        assert plan.copied and side == 2048 and batch > 205_820


MEASURE = """
import sys, threading, time
import numpy as np, psutil
from ilo_helpers._search.knn import knn

points = np.random.default_rng(0).standard_normal((6000, 1000), np.float32)
knn(points[:2200], 10)  # libraries loaded, loops compiled, threads started
resident, peak, done = psutil.Process().memory_info, 0, threading.Event()

def watch():
    global peak
    while not done.wait(0.001):
        peak = max(peak, resident().rss)

before = resident().rss
thread = threading.Thread(target=watch)
thread.start()
knn(points, 10, memory=sys.argv[1])
done.set()
thread.join()
print((peak - before) / 1e6)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("memory", "at_least"), [("20MB", 0), ("80MB", 20)])
def test_no_more_memory_than_given(memory, at_least):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, memory], capture_output=True, text=True, check=True
    )
    assert at_least <= float(done.stdout) <= float(memory[:-2])


OF_A_STORE = """
import sys, threading, time
from pathlib import Path
import numpy as np, xarray as xr
from ilo_helpers import nearest_neighbors

def anonymous():  # what no file holds
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) / 1e3

acts = xr.open_zarr(sys.argv[1], chunks=None)["acts"]
ask = dict(k=10, keep=False, device="cpu")
nearest_neighbors(acts.isel(sentence=slice(200)), **ask)
peak, done = 0, threading.Event()

def watch():
    global peak
    while not done.wait(0.001):
        peak = max(peak, anonymous())

before = anonymous()
thread = threading.Thread(target=watch)
thread.start()
found = nearest_neighbors(acts, **ask, memory=sys.argv[2])
done.set()
thread.join()
np.savez(sys.argv[3], index=found["index"], distance=found["distance"])
print(peak - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("memory", "most"), [("20MB", 20), ("110MB", 110)])
def test_vectors_of_a_store_count_and_are_mapped(memory, most, tmp_path):
    """24 MB of vectors: more than a quarter of 20, and less of 110."""
    values = np.random.default_rng(0).standard_normal((1, 6, 1000, 1000), np.float32)
    acts = world(values)
    stored = acts.to_dataset(name="acts").chunk(language=1)
    stored.to_zarr(tmp_path / "acts.zarr", zarr_format=2, consolidated=False)
    found = tmp_path / "found.npz"
    command = [sys.executable, "-c", OF_A_STORE, tmp_path / "acts.zarr", memory, found]
    one = os.environ | {"MALLOC_ARENA_MAX": "1"}  # the budget knows arrays, not malloc's pools
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=True, env=one)
    assert float(done.stdout.split()[-1]) <= most
    expected = nearest_neighbors(acts, 10, keep=False)
    for name, array in np.load(found).items():
        np.testing.assert_array_equal(array, expected[name])


def test_what_is_mapped_gives_the_same_and_leaves_no_file(tmp_path, data, monkeypatch):
    acts = world(np.random.default_rng(0).normal(size=(2, 3, 40, 16)).astype(np.float16))
    expected = nearest_neighbors(acts, 5, keep=False)
    acts.to_dataset(name="acts").to_zarr(tmp_path / "a.zarr", zarr_format=2)
    stored = xr.open_zarr(tmp_path / "a.zarr", chunks=None)["acts"]
    seen = []

    def watched(points, *args, memory, **options):
        seen.append((isinstance(points.base, np.memmap) or isinstance(points, np.memmap), memory))
        return knn(points, *args, **options)

    monkeypatch.setattr(parts, "knn", watched)
    monkeypatch.setattr(parts, "memory_bytes", lambda memory: memory)
    size = acts.nbytes // 2
    whole = [nearest_neighbors(stored, 5, keep=False, memory=4 * size + more) for more in (0, -1)]
    assert whole[0].equals(expected) and whole[1].equals(expected)
    assert seen == 2 * [(False, 3 * size)] + 2 * [(True, 4 * size - 1)]
    assert list((data / "neighbors").iterdir()) == []


@pytest.mark.parametrize("name", products.PRODUCTS)
def test_every_product_gives_the_same(name, monkeypatch):
    points = crowded(np.random.default_rng(2), 2100)
    monkeypatch.setattr(products, "fastest", lambda: "NumPy")
    expected = knn(points, 12)
    monkeypatch.setattr(products, "fastest", lambda: name)
    for ours, theirs in zip(knn(points, 12), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_product_in_lower_precision_is_not_chosen(monkeypatch):
    def rounded(a, b, out):
        out[:] = (torch.from_numpy(a).bfloat16() @ torch.from_numpy(b).bfloat16().T).float()

    monkeypatch.setattr(products, "PRODUCTS", products.PRODUCTS | {"bf16": (rounded, "float32")})
    monkeypatch.setattr(products, "_seconds", lambda product, *args: product is not rounded)
    assert products.fastest.__wrapped__() != "bf16"


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("some", [None, np.arange(5, 400, 7)])
@pytest.mark.parametrize("kind", POINTS)
def test_the_search_of_a_device(kind, some, metric, monkeypatch):
    """The code for a GPU, run by torch on the CPU; with little room, so that blocks are many."""
    points = POINTS[kind](np.random.default_rng(3)).astype(np.float32)
    expected = knn(points, 12, metric, rows=some)
    monkeypatch.setattr(budget, "SIDES", (128, 64))
    room = 2 * 150 * (8 * points.shape[1] + 24 * 128)  # for 150 points and 128 rows
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (room, room))
    on, used = search.propose_on, []
    monkeypatch.setattr(
        search, "propose_on", lambda device, *args: used.append(device) or on("cpu", *args)
    )
    found = knn(points, 12, metric, device="cuda", rows=some)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert set(used) == {"cuda"}


def test_the_bound_on_float32_holds_and_is_needed():
    """Scores in float32 are off by less than the bound, and by more than a thousandth of it."""
    rng = np.random.default_rng(4)
    points = rng.normal(size=(400, 500)).astype(np.float32)
    exact = points.astype(np.float64)
    half = np.square(exact).sum(1) / 2
    score = points @ points.T - half.astype(np.float32)
    error = np.abs(score - (exact @ exact.T - half)).max(1)
    single, norm = 2.0**-24, np.sqrt(2 * half)
    bound = 504 * single * norm * norm.max() + 2 * single * norm.max() ** 2
    assert (error < bound).all() and (error > bound / 1000).all()
