import numpy as np
import pandas as pd
import pytest
import torch
from made import table
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerFast

from ilo_helpers import load_model
from ilo_helpers.vocabulary.compare import vocabulary_overlap
from ilo_helpers.vocabulary.tokens import (
    find_pieces,
    load_token_embeddings,
    load_vocabulary,
    token_categories,
    token_frequencies,
    token_languages,
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
    found = token_categories(tokenizer_of(["<unk>", "Ġab", "Ð¿", "Ð"], True), parity=False)
    assert found["piece"].tolist() == ["<unk>", "▁ab", "п", ""]
    assert found["category"].tolist() == ["SPECIAL", "LATIN", "CYRILLIC", "UNDECODABLE"]


def test_overlap_compares_texts_not_spellings():
    sentencepiece = token_categories(tokenizer_of(["<unk>", "▁ab", "п", "x"]))
    byte_level = token_categories(tokenizer_of(["<unk>", "Ġab", "Ð¿", "Ð", "Ñ", "z"], True))
    found = vocabulary_overlap({"s": sentencepiece, "b": byte_level}).set_index(["a", "b"])
    # <unk>, ▁ab and п of 4, and of 4 that are text
    assert found.loc[("s", "b"), ["shared", "share"]].tolist() == [3, 0.75]
    assert found.loc[("b", "s"), ["shared", "share"]].tolist() == [3, 0.75]
    assert found.loc[("s", "b"), "non_latin"] == pytest.approx(1 / 3)
    assert found.loc[("b", "b"), "share"] == 1
    none = vocabulary_overlap({"a": sentencepiece[1:2], "b": sentencepiece[2:]})
    assert none.loc[1, ["shared", "share", "non_latin"]].tolist() == [0, 0, 0]


def test_a_vocabulary_published_as_a_list_of_texts(tmp_path):
    path = tmp_path / "gpt2.json"
    path.write_text('["!", "▁ab", "bad: \\u00a1", "\\ufffd\\ufffd", "п", "x y", "z"]', "utf-8")
    found = token_categories(load_vocabulary(path))
    assert found["piece"].tolist() == ["!", "▁ab", "", "", "п", "x▁y", "z"]
    assert found["category"].tolist()[1:5] == ["LATIN", "UNDECODABLE", "UNDECODABLE", "CYRILLIC"]
    byte_level = token_categories(tokenizer_of(["<unk>", "Ġab", "Ð¿", "Ð", "q"], True))
    overlap = vocabulary_overlap({"list": found, "b": byte_level}).set_index(["a", "b"])
    assert overlap.loc[("list", "b"), ["shared", "share"]].tolist() == [2, 0.4]  # ▁ab, п of 5
    path.write_text('{"a": 0}')
    with pytest.raises(ValueError, match="gpt2.json: a vocabulary's file is a JSON list"):
        load_vocabulary(path)


def test_a_vocabulary_by_the_name_of_its_model(tiny):
    folder = tiny("llama")
    expected = token_categories(AutoTokenizer.from_pretrained(folder))
    pd.testing.assert_frame_equal(token_categories(load_vocabulary(folder)), expected)


@pytest.mark.parametrize("kind", ["llama", "gemma3", "xlm-roberta", "bloom", "mt5", "gpt2", "bert"])
def test_embeddings_of_every_layout_are_the_model_s_own(kind, tiny, monkeypatch):
    lm = load_model(tiny(kind))
    expected = lm.model.get_input_embeddings().weight.detach().cpu().numpy()
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
    np.testing.assert_array_equal(load_token_embeddings(tmp_path / "shards"), expected)
    with pytest.raises(ValueError, match="pytorch_model.bin may hold code and is never read"):
        load_token_embeddings(tmp_path / "bin")


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


def test_embeddings_that_are_no_tokens(tiny, monkeypatch):
    lm = load_model(tiny("llama"))
    monkeypatch.setattr("ilo_helpers.vocabulary.tokens._find_tensor", lambda lm: None)

    def none():
        raise NotImplementedError

    monkeypatch.setattr(lm.model, "get_input_embeddings", none)
    with pytest.raises(ValueError, match="tiny-llama.*has no token-embedding matrix"):
        load_token_embeddings(lm)


def test_counts_and_languages_of_tokens():
    tokenizer = tokenizer_of(["<unk>", "das", "the", "in", "once"])
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    corpus = table({"deu_Latn": ["das in", "das das"], "eng_Latn": ["the in", "the once"]})
    counts = token_frequencies(tokenizer, corpus)
    assert counts.loc[[1, 2, 3, 4]].to_numpy().tolist() == [[3, 0], [0, 2], [1, 1], [0, 1]]
    found = token_languages(counts)
    assert found.to_dict() == {1: "deu_Latn", 2: "eng_Latn"}  # 'in' is of both, 'once' too rare
    made = pd.DataFrame({"deu_Latn": [9, 8, 1, 18], "eng_Latn": [1, 1, 0, 3]}, index=[5, 6, 7, 8])
    assert token_languages(made).to_dict() == {5: "deu_Latn"}  # nine in ten, and at least twice


@pytest.mark.real
def test_pieces_of_words_as_in_running_text(packaged):
    e5 = packaged("multilingual-e5-small").tokenizer
    gemma = packaged("gemma-3-270m").tokenizer
    words = ["när", "アメリカ", "miliki", ""]
    cut = [e5.convert_ids_to_tokens(ids) for ids in find_pieces(e5, words)]
    assert cut == [["▁när"], ["アメリカ"], ["▁miliki"], []]  # the lone mark is dropped
    cut = [gemma.convert_ids_to_tokens(ids) for ids in find_pieces(gemma, words)]
    assert cut == [["▁när"], ["▁アメリカ"], ["▁mil", "iki"], []]
    assert find_pieces(e5, []) == []
