import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from conftest import ARCHITECTURES, CORPUS
from made import table

from ilo_helpers import activations, extract_activations, load_corpus, load_model
from ilo_helpers.keep import digest
from ilo_helpers.keep.stores import Store, check_disk
from ilo_helpers.pooling import (
    POOLINGS,
    mean_of_all,
    pool_sentences,
    pooling_without_first,
    tokenize,
)


def alone(lm, text, bos=True):
    """Transformers' own hidden states of one sentence, and which of its tokens are special."""
    ids = lm.tokenizer(text, add_special_tokens=bos, return_special_tokens_mask=True)
    special = np.array(ids["special_tokens_mask"])
    with torch.inference_mode():
        ids = torch.tensor([ids["input_ids"]], device=lm.device)
        out = lm.model(input_ids=ids, output_hidden_states=True)
    return np.stack([state[0].double().cpu().numpy() for state in out.hidden_states]), special


def pooled(states, special, pooling):
    """What a pooling should make of them, in numpy."""
    if pooling == "last":
        return states[:, -1]
    if pooling == "mean_no_first":
        return states[:, 1:].mean(1)
    if pooling == "mean_by_position":
        return np.average(states, axis=1, weights=np.arange(1, states.shape[1] + 1))
    return states[:, special == 0].mean(1) if pooling == "mean_no_special" else states.mean(1)


def reference(lm, text, pooling):
    return pooled(*alone(lm, text), pooling)


@pytest.mark.parametrize("kind", ARCHITECTURES)
@pytest.mark.parametrize("bos", [True, False])
def test_pooled_batches_equal_hidden_states_one_at_a_time(kind, bos, tiny, small):
    lm = load_model(tiny(kind))
    sentences = small["tel_Telu"].str[:90]
    vectors = pool_sentences(lm, tokenize(lm, sentences, bos), list(POOLINGS), 200)
    assert vectors.shape == (5, 4, 8, 32) and vectors.dtype == np.float32
    for s, text in enumerate(sentences):
        states, special = alone(lm, text, bos)
        for p, pooling in enumerate(POOLINGS):
            expected = pooled(states, special, pooling)
            np.testing.assert_allclose(vectors[p, :, s], expected, rtol=2e-4, atol=2e-5)


def test_bos_is_in_the_mean_and_out_of_the_other(tiny, small):
    lm = load_model(tiny("llama"))
    text = small["eng_Latn"].iloc[1][:60]
    pairs = tokenize(lm, small["eng_Latn"].iloc[1:2].str[:60])
    n = len(pairs[0][0])
    mean, without = pool_sentences(lm, pairs, ["mean", "mean_no_special"], 200)[:, :, 0]
    with torch.inference_mode():
        ids = lm.tokenizer(text, return_tensors="pt").to(lm.device)
        out = lm.model(**ids, output_hidden_states=True)
    bos = np.stack([state[0, 0].cpu().numpy() for state in out.hidden_states])
    np.testing.assert_allclose(n * mean, (n - 1) * without + bos, rtol=1e-4, atol=1e-4)


@pytest.mark.real
def test_real_model_batched_equals_alone(udhr, packaged):
    lm = packaged("gemma-3-270m")
    languages = ["eng_Latn", "tha_Thai", "sin_Sinh", "yue_Hant"]
    for code in languages:
        sentences = udhr[code].iloc[:6]
        batched = pool_sentences(lm, tokenize(lm, sentences), ["mean"], 512)[0]
        for s, text in enumerate(sentences):
            expected = reference(lm, text, "mean")
            error = np.linalg.norm(batched[:, s] - expected, axis=1)
            assert (error <= 1e-4 * np.linalg.norm(expected, axis=1)).all()


def test_labels_attributes_and_laziness(tiny, small, data):
    lm = load_model(tiny("llama"))
    acts = extract_activations(lm, small)
    assert acts.dims == ("layer", "language", "sentence", "hidden")
    assert acts.shape == (4, 6, 8, 32) and acts.dtype == np.float32
    assert acts.language.values.tolist() == list(small.columns)
    assert acts.sentence.values.tolist() == list(small.index)
    wanted = {"model", "revision", "architecture", "dtype", "matmul", "pooling", "bos", "tokenizer",
              "corpus", "corpus_fingerprint", "batch_tokens", "torch", "transformers"}  # fmt: skip
    assert wanted <= set(acts.attrs) and acts.attrs["bos"] == "added: <s>"
    assert not acts.variable._in_memory
    expected = reference(lm, small.loc["3", "rus_Cyrl"], "mean")
    ours = acts.sel(language="rus_Cyrl", sentence="3").values
    np.testing.assert_allclose(ours, expected, rtol=2e-4, atol=2e-5)


def test_settings_never_share_a_store(tiny, small, data):
    lm, corpus = load_model(tiny("llama")), small.iloc[:2, :2]
    both = extract_activations(lm, corpus, pooling=["mean", "last"])
    assert not np.allclose(both["mean"], both["last"])
    extract_activations(lm, corpus, bos=False)
    extract_activations(lm, corpus, batch_tokens=100)
    extract_activations(load_model(tiny("llama"), dtype="bfloat16"), corpus)
    extract_activations(load_model(tiny("gemma3")), corpus)
    extract_activations(lm, corpus.iloc[:, ::-1].pipe(lambda c: table(c.to_dict("list"))))
    assert len(list((data / "activations").iterdir())) == 7


def test_edited_text_never_gets_the_old_vectors(tiny, small, data):
    first = extract_activations(tiny("llama"), small)
    edited = small.copy()
    edited.loc["3", "eng_Latn"] = "another text"
    assert edited.attrs == small.attrs
    again = extract_activations(tiny("llama"), edited)
    assert not np.array_equal(first.sel(language="eng_Latn"), again.sel(language="eng_Latn"))


def test_complete_store_needs_no_model(tiny, small, data, monkeypatch):
    first = extract_activations(tiny("llama"), small)
    monkeypatch.setattr(activations, "pool_sentences", None)
    np.testing.assert_array_equal(extract_activations(tiny("llama"), small), first)


def test_errors_name_language_and_sentence(tiny, small, data, monkeypatch):
    with pytest.raises(ValueError, match="pooling 'max': choose from 'mean'"):
        extract_activations(tiny("llama"), small, pooling="max")
    long = table({"eng_Latn": ["a", "b" * 400], "deu_Latn": ["a", "b"]})
    with pytest.raises(ValueError, match=r"eng_Latn, sentence 2: \d+ tokens, the model takes 298"):
        extract_activations(tiny("xlm-roberta"), long)
    empty = table({"eng_Latn": ["a", "b"], "deu_Latn": ["", "b"]})
    with pytest.raises(ValueError, match="deu_Latn, sentence 1: empty; fill it"):
        extract_activations(tiny("llama"), empty)
    with pytest.raises(ValueError, match="deu_Latn, sentence 1: no token"):
        tokenize(load_model(tiny("llama")), empty["deu_Latn"])
    one = table({"eng_Latn": ["ab", "b"], "deu_Latn": ["ab", "cd"]})
    with pytest.raises(ValueError, match=r"eng_Latn, sentence 2: of 1 token\(s\) 'mean_no_first'"):
        extract_activations(tiny("llama"), one, pooling="mean_no_first", bos=False)
    lm = load_model(tiny("llama"))
    whole = pool_sentences

    def broken(*args):
        vectors = whole(*args)
        vectors[0, 2, 5] = np.inf
        return vectors

    monkeypatch.setattr(activations, "pool_sentences", broken)
    with pytest.raises(ValueError, match=r"eng_Latn, sentence 6: hidden state of layer 2 is not"):
        extract_activations(lm, small)
    monkeypatch.setattr("shutil.disk_usage", lambda path: Free)
    with pytest.raises(OSError, match=r"needs .* GB, .* free: make room"):
        extract_activations(lm, small)


def test_the_disk_is_asked_for_what_is_written_beside_a_store(tmp_path, monkeypatch):
    store = Store("neighbors", "x", {"layer": [0], "sentence": [0]}, {"index": "int32"}, "layer",
                  {}, tmp_path)  # fmt: skip
    monkeypatch.setattr("shutil.disk_usage", lambda path: Free)
    check_disk([(store, [0])], 5)  # 9 bytes, and a twentieth more
    with pytest.raises(OSError, match=r"needs .* GB, .* free: make room"):
        check_disk([(store, [0])], 6)


class Free:
    free = 10  # bytes


def test_a_call_looks_at_a_layout_once(tiny, small, monkeypatch):
    made, layout = [], Store._layout
    monkeypatch.setattr(Store, "_layout", lambda store: made.append(store) or layout(store))
    for calls in (1, 2):  # the first makes the store, the second finds it
        extract_activations(tiny("llama"), small)
        assert len(made) == calls


def test_warm_call_reads_each_chunk_file_once(tiny, small, data, monkeypatch):
    extract_activations(tiny("llama"), small, pooling=["mean", "last"])
    read, file_digest = [], digest.file_digest
    monkeypatch.setattr(digest, "file_digest", lambda path: read.append(path) or file_digest(path))
    extract_activations(tiny("llama"), small, pooling=["mean", "last"])
    chunks = set((data / "activations").glob("*/array.zarr/activations/[0-9]*"))
    read = [path for path in read if path.is_relative_to(data)]  # beside those of the model
    assert len(read) == len(chunks) == 2 * 4 * 6 and set(read) == chunks


def test_a_pooling_of_one_s_own_is_told_apart_by_its_code(tiny, small, data, monkeypatch):
    monkeypatch.setitem(POOLINGS, "mine", None)  # gone again after the test

    @POOLINGS.add("mine")
    def first(mask, special):
        weights = torch.zeros_like(mask, dtype=torch.float)
        weights[:, 0] = 1
        return weights

    vectors = extract_activations(tiny("llama"), small, pooling="mine").load()
    lm = load_model(tiny("llama"))
    with torch.inference_mode():
        ids = torch.tensor([[0, 5, 7]], device=lm.device)  # <s>, at any text
        out = lm.model(ids, output_hidden_states=True)
    expected = [state[0, 0].cpu().numpy() for state in out.hidden_states]
    for vector in vectors.stack(cell=["language", "sentence"]).transpose("cell", ...).values:
        np.testing.assert_allclose(vector, expected, rtol=2e-4, atol=2e-5)

    @POOLINGS.add("mine")
    def second(mask, special):
        return mean_of_all(mask, special)

    again = extract_activations(tiny("llama"), small, pooling="mine")
    assert not np.allclose(vectors, again)
    np.testing.assert_array_equal(again, extract_activations(tiny("llama"), small))
    assert len(list((data / "activations").glob("*--mine--*"))) == 2


def test_pooling_without_first(tiny):
    lm = load_model(tiny("llama"))
    assert pooling_without_first(lm) == "mean_no_special"
    lm.tokenizer.backend_tokenizer.post_processor = None  # adds no BOS any more
    assert pooling_without_first(lm) == "mean_no_first"


#: Extracts two poolings, slowly; never gets beyond the second language of the second.
SCRIPT = """
import sys, time
from ilo_helpers import activations, extract_activations, load_corpus
pool, calls = activations.pool_sentences, []
def slow(*args):
    calls.append(1)
    time.sleep(0.3 if len(calls) < 9 else 600)
    return pool(*args)
activations.pool_sentences = slow
for pooling in ("mean", "last"):
    extract_activations(sys.argv[1], load_corpus(sys.argv[2], sentences=8), pooling)
"""


def wait_for(condition, seconds=90):
    end = time.time() + seconds
    while not condition():
        assert time.time() < end, "waited in vain"
        time.sleep(0.01)


@pytest.mark.slow
def test_two_processes_at_once_and_one_that_is_killed(
    tiny, data, monkeypatch, capsys, tmp_path, request
):
    folder, corpus = tiny("llama"), load_corpus(CORPUS, sentences=8)
    # one pooling a call, as in the other process: some machines round two at once otherwise
    alone = {name: extract_activations(folder, corpus, name, store=tmp_path / name)
             for name in ("mean", "last")}  # fmt: skip
    computed, pool = [], activations.pool_sentences
    monkeypatch.setattr(
        activations, "pool_sentences", lambda *args: computed.append(args) or pool(*args)
    )

    def done(pooling):
        return list((data / "activations").glob(f"*--{pooling}--*/language-*.json"))

    process = subprocess.Popen([sys.executable, "-c", SCRIPT, folder, CORPUS])
    request.addfinalizer(process.kill)
    wait_for(lambda: done("mean"))
    waited = extract_activations(folder, corpus)
    assert "another process is writing" in capsys.readouterr().out and computed == []
    np.testing.assert_array_equal(waited.values, alone["mean"].values)
    wait_for(lambda: len(done("last")) >= 2)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert len(done("last")) == 2
    resumed = extract_activations(folder, corpus, "last")
    assert len(computed) == 4  # only the language in flight, and those after it
    np.testing.assert_array_equal(resumed.values, alone["last"].values)


@pytest.mark.parametrize("damage", ["cut", "edited", "gone"])
def test_damaged_chunk_is_found_and_its_language_done_again(damage, tiny, small, data, monkeypatch):
    whole = extract_activations(tiny("llama"), small).load()
    chunk = next((data / "activations").glob("*/array.zarr/activations/1.3.0.0"))
    content = chunk.read_bytes()
    if damage == "cut":
        chunk.write_bytes(content[:-9])
    elif damage == "edited":
        chunk.write_bytes(content[:100] + b"?" + content[101:])
    else:
        chunk.unlink()
    computed = []
    pool = activations.pool_sentences
    monkeypatch.setattr(
        activations, "pool_sentences", lambda *args: computed.append(args) or pool(*args)
    )
    with pytest.warns(UserWarning, match=r"language tel_Telu: activations/1.3.0.0 (was|is)"):
        again = extract_activations(tiny("llama"), small)
    assert len(computed) == 1
    np.testing.assert_array_equal(again.values, whole.values)
