"""How float32 matrices are multiplied, and by what."""

import contextlib
import functools
from collections.abc import Iterator

from .keep.arguments import one_of

#: At most this relative error may a product of two float32 matrices have to count as float32.
FLOAT32_ERROR = 1e-6


def matmul_precision(device: str) -> str:
    """How float32 matrices are multiplied: ``"float32"``, or ``"float32, oneDNN"`` on CPU.

    torch hands float32 products on CPU to MKL, which on some machines (AMD's) is about three
    times slower than oneDNN. Allowing oneDNN ``"bf16"`` sends the product there; on a CPU
    without bfloat16 units it is still computed in float32, on one with them it is not. So the
    error is measured, and oneDNN used only if it is that of float32 (1e-6 relative).
    """
    return "float32, oneDNN" if device == "cpu" and _onednn_is_float32() else "float32"


@contextlib.contextmanager
def fast_matmul(precision: str) -> Iterator[None]:
    """Multiply as ``precision`` (of :func:`matmul_precision`) says, and restore what was set."""
    import torch

    cpu, gpu = torch.backends.mkldnn.matmul, torch.backends.cuda.matmul
    before = cpu.fp32_precision, gpu.fp32_precision
    cpu.fp32_precision = "bf16" if precision.endswith("oneDNN") else "ieee"
    gpu.fp32_precision = "ieee"  # no TF32
    try:
        yield
    finally:
        cpu.fp32_precision, gpu.fp32_precision = before


@functools.cache
def _onednn_is_float32():
    """Whether oneDNN's product is, on this CPU, as near to float64's as float32 should be."""
    import torch

    if not torch.backends.mkldnn.is_available():
        return False
    generator = torch.Generator().manual_seed(0)
    # the shapes matter: small products take another path than large ones
    for rows, inner, columns in [(16, 256, 64), (256, 640, 512), (512, 2048, 640)]:
        a = torch.randn(rows, inner, generator=generator)
        b = torch.randn(columns, inner, generator=generator)
        with fast_matmul("oneDNN"):
            product = torch.nn.functional.linear(a, b)
        exact = a.double() @ b.double().T
        if (product - exact).norm() > FLOAT32_ERROR * exact.norm():
            return False
    return True


def usable_device(device: str | None) -> str:
    """A device there is; None is :func:`default_device`.

    Raises
    ------
    ValueError
        If it is not ``"cpu"``, nor a GPU that this machine has.
    """
    import torch

    if device is None:
        return default_device()
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    there = ["cpu", *(["cuda"] if gpus else []), *(f"cuda:{place}" for place in range(gpus))]
    return one_of("device", device, there)


def default_device() -> str:
    """``"cuda"`` where there is a GPU, else ``"cpu"``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
