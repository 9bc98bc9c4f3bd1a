"""The fastest float32 matrix product of this machine, found by trying."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator

import numpy as np

from ..arithmetic import FLOAT32_ERROR, fast_matmul

#: Rows of the two matrices that are multiplied to see which product is fastest, and their width.
TRIED = 1024, 640


def _by_numpy(a, b, out):
    np.matmul(a, b.T, out=out)


def _by_torch(a, b, out):
    import torch

    torch.mm(torch.from_numpy(a), torch.from_numpy(b).T, out=torch.from_numpy(out))


#: Name of a product: the function, and the precision that :func:`fast_matmul` is told.
PRODUCTS = {
    "NumPy": (_by_numpy, "float32"),
    "torch, oneDNN": (_by_torch, "float32, oneDNN"),
    "torch": (_by_torch, "float32"),
}


@contextlib.contextmanager
def fast_product(name: str | None = None) -> Iterator[Callable]:
    """The fastest product: a function of a (m, h), b (n, h) and out (m, n), for out = a bᵀ.

    Parameters
    ----------
    name : str, optional
        One of :data:`PRODUCTS`; default the fastest here.
    """
    from torch import get_num_threads

    function, precision = PRODUCTS[name or fastest()]
    # of a worker that may use only some of the cores torch knows, NumPy does not
    with fast_matmul(precision), _libraries().limit(limits=get_num_threads(), user_api="blas"):
        yield function


@functools.cache
def _libraries():
    """NumPy's BLAS among them: to find them takes longer than a small product."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@functools.cache
def fastest() -> str:
    """Name of the fastest product here whose error is float32's; measured once.

    torch's MKL is slow on some machines, its oneDNN may round to bfloat16 on others, NumPy's
    OpenBLAS may be built for an older processor.
    """
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, *TRIED), np.float32)
    exact = a.astype(np.float64) @ b.astype(np.float64).T
    out = np.empty(exact.shape, np.float32)
    seconds = {}
    for name in PRODUCTS:
        with fast_product(name) as product:
            product(a, b, out)  # threads started, buffers taken
            if np.linalg.norm(out - exact) <= FLOAT32_ERROR * np.linalg.norm(exact):
                seconds[name] = min(_seconds(product, a, b, out) for _ in range(3))
    return min(seconds, key=seconds.__getitem__)


def _seconds(product, a, b, out):
    start = time.perf_counter()
    product(a, b, out)
    return time.perf_counter() - start
