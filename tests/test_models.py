import os
import shutil
import subprocess
import sys

import pytest
import torch

from ilo_helpers import load_model, models
from ilo_helpers.models import fast_matmul, matmul_precision


def test_import_is_cheap():
    code = (
        "import sys, ilo_helpers; assert not {'torch', 'transformers', 'zarr'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_weights_decide_the_revision(tiny, tmp_path):
    copy = shutil.copytree(tiny("llama"), tmp_path / "copy")
    before = load_model(copy).attrs["revision"]
    assert before == load_model(tiny("llama")).attrs["revision"]
    weights = copy / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert load_model(copy).attrs["revision"] != before


def test_hub_name_from_a_local_hub_cache(tiny, tmp_path):
    commit = "0123456789abcdef0123456789abcdef01234567"
    home = tmp_path / "hub" / "models--someone--tiny"
    shutil.copytree(tiny("gemma3"), home / "snapshots" / commit)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(commit)
    code = (
        "from ilo_helpers import load_model; lm = load_model('someone/tiny'); "
        "print(lm.attrs['revision'], lm.attrs['model'], len(lm.blocks), len(lm.tokenizer('a')))"
    )
    env = os.environ | {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout.split()[:3] == [commit, "someone/tiny", "3"], done.stderr


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


def test_clear_errors(tiny, tmp_path):
    with pytest.raises(ValueError, match="dtype 'int8': choose"):
        load_model(tiny("llama"), dtype="int8")
    with pytest.raises(ValueError, match="no known name"):
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
    monkeypatch.setattr(models, "FLOAT32_ERROR", 1e-9)  # as on a CPU that rounds to bfloat16
    models._onednn_is_float32.cache_clear()
    try:
        assert matmul_precision("cpu") == "float32"
    finally:
        models._onednn_is_float32.cache_clear()
    assert matmul_precision("cuda") == "float32"
