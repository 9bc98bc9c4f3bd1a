import numpy as np
import pandas as pd
import pytest
import torch
from tokenizers import Tokenizer, decoders, models
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerFast

from ilo_helpers import load_model
from ilo_helpers.neighbors import knn
from ilo_helpers.tokens import (
    canonical_correlations,
    load_token_embeddings,
    token_categories,
    vocabulary_overlap,
)


def tokenizer_of(tokens, byte_level=False):
    tokenizer = Tokenizer(models.WordLevel({token: i for i, token in enumerate(tokens)}, "<unk>"))
    if byte_level:
        tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


def test_categories_of_hand_made_tokens():
    expected = {  # token: (as published, cleaned)
        "<unk>": ("LATIN", "SPECIAL"),
        "▁a": ("S", "LATIN"),  # a tie that the mark, met first, wins
        "▁ab": ("LATIN", "LATIN"),
        "a1": ("LATIN", "LATIN"),
        "12": ("N", "N"),
        "▁": ("S", "S"),
        "--": ("P", "P"),
        "привет": ("CYRILLIC", "CYRILLIC"),
        "漢字かな": ("CJK", "CJK"),
        "かな漢": ("HIRAGANA", "HIRAGANA"),
        "नमस्ते": ("DEVANAGARI", "DEVANAGARI"),  # 4 letters, 2 marks
        "<0x0A>": ("S", "BYTE"),
    }
    tokenizer = tokenizer_of(expected)
    for parity in (True, False):
        found = token_categories(tokenizer, parity).set_index("token")["category"].to_dict()
        assert found == {token: pair[not parity] for token, pair in expected.items()}


def test_byte_level_tokens_are_decoded_and_halves_of_a_character_set_apart():
    # 'Ġ' is a space and 'Ð¿' the two bytes of 'п' in the byte-level alphabet
    table = token_categories(tokenizer_of(["<unk>", "Ġab", "Ð¿", "Ð"], True), parity=False)
    assert table["piece"].tolist() == ["<unk>", "▁ab", "п", ""]
    assert table["category"].tolist() == ["SPECIAL", "LATIN", "CYRILLIC", "UNDECODABLE"]


def test_overlap_compares_texts_not_spellings():
    sentencepiece = token_categories(tokenizer_of(["<unk>", "▁ab", "п", "x"]))
    byte_level = token_categories(tokenizer_of(["<unk>", "Ġab", "Ð¿", "Ð", "Ñ", "z"], True))
    table = vocabulary_overlap({"s": sentencepiece, "b": byte_level}).set_index(["a", "b"])
    # <unk>, ▁ab and п of 4, and of 4 that are text
    assert table.loc[("s", "b"), ["shared", "share"]].tolist() == [3, 0.75]
    assert table.loc[("b", "s"), ["shared", "share"]].tolist() == [3, 0.75]
    assert table.loc[("s", "b"), "non_latin"] == pytest.approx(1 / 3)
    assert table.loc[("b", "b"), "share"] == 1
    none = vocabulary_overlap({"a": sentencepiece[1:2], "b": sentencepiece[2:]})
    assert none.loc[1, ["shared", "share", "non_latin"]].tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", ["llama", "gemma3", "xlm-roberta", "bloom", "mt5", "gpt2", "bert"])
def test_embeddings_of_every_layout_are_the_model_s_own(kind, tiny, monkeypatch):
    lm = load_model(tiny(kind))
    expected = lm.model.get_input_embeddings().weight.detach().numpy()
    again = load_model(tiny(kind))
    monkeypatch.setattr(type(again), "model", None)  # the whole model must not be loaded
    found = load_token_embeddings(again)
    np.testing.assert_array_equal(found.values, expected[found["id"].values])
    tokens = again.tokenizer.convert_ids_to_tokens(found["id"].values.tolist())
    assert found["token"].values.tolist() == tokens
    assert found.attrs["padded_rows"] == len(expected) - len(again.tokenizer)


def test_sharded_weights_and_weights_that_are_not_safetensors(tiny, tmp_path):
    expected = load_token_embeddings(tiny("llama"))
    model = AutoModel.from_pretrained(tiny("llama"))
    tokenizer = AutoTokenizer.from_pretrained(tiny("llama"))
    model.save_pretrained(tmp_path / "shards", max_shard_size="60KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 1
    (tmp_path / "bin").mkdir()
    model.config.save_pretrained(tmp_path / "bin")
    torch.save(model.state_dict(), tmp_path / "bin" / "pytorch_model.bin")
    for name in ("shards", "bin"):
        tokenizer.save_pretrained(tmp_path / name)
        np.testing.assert_array_equal(load_token_embeddings(tmp_path / name), expected)


def test_vocabulary_and_matrix_that_do_not_match(tiny, tmp_path):
    model = AutoModel.from_pretrained(tiny("llama"))
    tokenizer = AutoTokenizer.from_pretrained(tiny("llama"))
    rows = len(tokenizer)
    for name, size in {"padded": rows + 28, "short": rows - 3}.items():
        model.resize_token_embeddings(size)
        model.save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
    padded = load_token_embeddings(tmp_path / "padded")
    assert padded.shape == (rows, 32) and padded.attrs["padded_rows"] == 28
    with pytest.raises(ValueError, match=f"ids up to {rows - 1}, its token-embedding matrix"):
        load_token_embeddings(tmp_path / "short")


def test_canonical_correlations_in_closed_form():
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.normal(size=(50, 6)))
    a, rest = q[:, :3], q[:, 3:]
    mixed = rng.normal(size=(3, 3))
    np.testing.assert_allclose(canonical_correlations(a, a @ mixed), 1, atol=1e-12)
    np.testing.assert_allclose(canonical_correlations(a, rest), 0, atol=1e-12)
    angles = np.array([0.2, 0.7, 1.1])
    turned = a * np.cos(angles) + rest * np.sin(angles)
    np.testing.assert_allclose(canonical_correlations(a, turned), np.cos(angles), atol=1e-12)
    assert len(canonical_correlations(a, turned[:, :2])) == 2
    with pytest.raises(ValueError, match="need the same rows"):
        canonical_correlations(a, rest[:40])


def test_neighbours_of_some_rows_are_those_of_all():
    points = np.random.default_rng(0).normal(size=(400, 16)).astype(np.float32)
    points[7] = points[300]  # ties
    rows = np.array([399, 0, 7, 300, 150])
    everything, some = knn(points, 12), knn(points, 12, rows=rows)
    for whole, part in zip(everything, some, strict=True):
        np.testing.assert_array_equal(whole[rows], part)
    unit = points.astype(np.float64) / np.linalg.norm(points.astype(np.float64), axis=1)[:, None]
    distance = 1 - unit[rows] @ unit.T
    distance[np.arange(5), rows] = np.inf
    brute = pd.DataFrame(np.sort(distance, axis=1)[:, :12])
    np.testing.assert_allclose(some[1], brute, atol=1e-6)
