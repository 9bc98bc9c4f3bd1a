import gc
import shutil
import subprocess
import sys

import pytest
import torch

from ilo_helpers import arithmetic, load_model
from ilo_helpers.arithmetic import fast_matmul, matmul_precision

CHEAP = """
import importlib, pathlib, sys
import ilo_helpers
assert not {'torch', 'transformers', 'xarray', 'zarr'} & set(sys.modules)
home = pathlib.Path(ilo_helpers.__file__).parent
rooms = ['.'.join(p.relative_to(home.parent).with_suffix('').parts) for p in home.rglob('*.py')]
rooms = [room.removesuffix('.__init__') for room in rooms]
def draws(room):
    return '.plots' in room or '.explorer' in room
for room in sorted(rooms, key=draws):
    importlib.import_module(room)
    heavy = {'torch', 'transformers', 'datasets', 'sklearn', 'umap', 'zarr'}
    assert not heavy & set(sys.modules), room
    assert draws(room) or 'matplotlib' not in sys.modules, room
assert len(rooms) > 30
"""


@pytest.mark.slow
def test_import_is_cheap():
    subprocess.run([sys.executable, "-c", CHEAP], check=True)


def test_weights_decide_the_revision(tiny, tmp_path):
    copy = shutil.copytree(tiny("llama"), tmp_path / "copy")
    before = load_model(copy).attrs["revision"]
    assert before == load_model(tiny("llama")).attrs["revision"]
    weights = copy / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert load_model(copy).attrs["revision"] != before


def test_hub_name_from_a_local_hub_cache(tiny, tmp_path, monkeypatch):
    commit = "0123456789abcdef0123456789abcdef01234567"
    home = tmp_path / "hub" / "models--someone--tiny"
    shutil.copytree(tiny("gemma3"), home / "snapshots" / commit)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    lm = load_model("someone/tiny")
    assert (lm.attrs["revision"], lm.attrs["model"]) == (commit, "someone/tiny")
    assert len(lm.blocks) == 3 and lm.tokenizer("a")["input_ids"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_dtype_is_the_one_asked_for(dtype, tiny):
    assert load_model(tiny("llama"), dtype=dtype).model.dtype == getattr(torch, dtype)


def test_another_dtype_than_asked_for_is_an_error(tiny, monkeypatch):
    import transformers

    load = transformers.AutoModel.from_pretrained
    monkeypatch.setattr(
        transformers.AutoModel, "from_pretrained",
        lambda **options: load(**{**options, "dtype": torch.bfloat16}),
    )  # fmt: skip
    with pytest.raises(RuntimeError, match=r"asked for torch.float32, loaded \['torch.bfloat16'\]"):
        _ = load_model(tiny("llama")).model


def test_a_loaded_model_is_handed_through(tiny):
    lm = load_model(tiny("llama"))
    assert load_model(lm) is lm and load_model(lm, dtype="float32", device=lm.device) is lm
    with pytest.raises(ValueError, match="is loaded already; load it by name for bfloat16"):
        load_model(lm, dtype="bfloat16")


def test_clear_errors(tiny, tmp_path):
    with pytest.raises(ValueError, match="dtype 'int8': choose"):
        load_model(tiny("llama"), dtype="int8")
    with pytest.raises(ValueError, match="no such folder here, and no name of a model"):
        load_model(str(tmp_path / "nothing"))
    lm = load_model(tiny("llama"))
    lm.layers = 7
    with pytest.raises(
        ValueError, match=r"has no list of 7 blocks; module lists found: layers \(3\)"
    ):
        _ = lm.blocks


def test_fast_matmul_is_float32_and_restores_the_setting():
    setting = torch.backends.mkldnn.matmul
    before = setting.fp32_precision
    generator = torch.Generator().manual_seed(1)
    a, b = torch.randn(300, 640, generator=generator), torch.randn(640, 500, generator=generator)
    with fast_matmul(matmul_precision("cpu")):
        product = a @ b
    assert setting.fp32_precision == before
    exact = a.double() @ b.double()
    assert (product - exact).norm() <= 1e-6 * exact.norm()
    with pytest.raises(ZeroDivisionError), fast_matmul("float32, oneDNN"):
        _ = 1 / 0
    assert setting.fp32_precision == before


def test_inexact_onednn_is_left_off(monkeypatch):
    monkeypatch.setattr(arithmetic, "FLOAT32_ERROR", 1e-9)  # as on a CPU that rounds to bfloat16
    arithmetic._onednn_is_float32.cache_clear()
    try:
        assert matmul_precision("cpu") == "float32"
    finally:
        arithmetic._onednn_is_float32.cache_clear()
    assert matmul_precision("cuda") == "float32"


def test_garbage_is_looked_for_again_after_a_tokenizer(tiny, tmp_path):
    folder = shutil.copytree(tiny("llama"), tmp_path / "cut")
    assert load_model(folder).tokenizer and gc.isenabled()
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(ValueError, match="its tokenizer cannot be read"):
        load_model(folder).tokenizer  # noqa: B018
    assert gc.isenabled()
