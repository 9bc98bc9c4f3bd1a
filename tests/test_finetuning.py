import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest
import torch
from made import table
from transformers import AutoModelForCausalLM

from ilo_helpers import extract_activations, load_model
from ilo_helpers.training import evaluation, finetuning, objectives
from ilo_helpers.training.evaluation import accuracy, by_run, evaluate, lm_loss
from ilo_helpers.training.finetuning import fine_tune
from ilo_helpers.training.freezing import freeze_parameters
from ilo_helpers.training.tasks import load_task

WORDS = {"cue": "Kind", "animal": "cat", "plant": "tree"}


def make_task(folder):
    """A task any model can learn: the answer is the last word of the text."""
    rng = np.random.default_rng(0)
    rows = []
    for split, items in {"train": 48, "dev": 8, "test": 16}.items():
        for i in range(items):
            label = ("animal", "plant")[i % 2]
            for code in ("eng_Latn", "deu_Latn"):
                noise = "".join(rng.choice(list("abcdef"), 4))
                rows.append((code, split, f"{split}{i}", f"{noise} {WORDS[label]}", label))
    path = folder / "toy.csv"
    pd.DataFrame(rows, columns=["language", "split", "id", "text", "label"]).to_csv(
        path, index=False
    )
    return path


@pytest.fixture
def task(tmp_path):
    return load_task(make_task(tmp_path))


def weights(path):
    return {
        name: p.detach().clone()
        for name, p in objectives.causal_model(load_model(path)).named_parameters()
    }


def block(name):
    parts = name.split(".")
    return int(parts[parts.index("layers") + 1]) if "layers" in parts else None


@pytest.mark.parametrize(
    ("freeze", "moves"),
    [
        ("none", lambda name: True),
        ("table", lambda name: block(name) is not None),
        ("first-2", lambda name: block(name) not in (0, 1)),
        ("table+first-2", lambda name: block(name) == 2),
        ("table+last-2", lambda name: block(name) == 0),
        ("first-3", lambda name: block(name) is None),
        ("lora", lambda name: block(name) is not None and "norm" not in name),
    ],
)
def test_what_is_frozen_stays_bit_for_bit_and_the_rest_moves(freeze, moves, tiny, task):
    before = weights(tiny("llama"))
    path = fine_tune(tiny("llama"), task, freeze=freeze, words=WORDS, epochs=2, learning_rate=1e-2)
    after = weights(path)
    assert before.keys() == after.keys()
    for name in before:
        assert torch.equal(before[name], after[name]) != moves(name), name


def trained(network):
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


@pytest.mark.parametrize("kind", ["llama", "gemma3", "bloom", "xlm-roberta", "bert", "gpt2"])
def test_gradients_of_frozen_blocks_are_none_in_every_layout(kind, tiny):
    lm = load_model(tiny(kind))
    freeze_parameters(lm.model, 3, "table+first-2")
    assert 0 < trained(lm.model) < sum(p.numel() for p in lm.model.parameters()) / 2
    out = lm.model(input_ids=torch.tensor([[5, 6, 7, 8]], device=lm.device))
    out.last_hidden_state.square().sum().backward()
    last = {id(p) for p in lm.blocks[2].parameters()}
    with_gradient = {id(p) for p in lm.model.parameters() if p.grad is not None}
    assert with_gradient == last


def test_first_and_last_train_as_many_blocks(tiny):
    models = [load_model(tiny("llama")).model for _ in range(2)]
    counts = [
        trained(freeze_parameters(m, 3, f"table+{end}-1"))
        for m, end in zip(models, ("first", "last"), strict=True)
    ]
    assert counts[0] == counts[1] > 0


def test_blocks_at_random_are_drawn_by_the_seed(tiny):
    def frozen(seed):
        lm = load_model(tiny("llama"))
        freeze_parameters(lm.model, 3, "random-1", seed)
        return [i for i, block in enumerate(lm.blocks) if not trained(block)]

    assert [len(frozen(seed)) for seed in range(3)] == [1, 1, 1] and frozen(0) == frozen(0)
    assert {tuple(frozen(seed)) for seed in range(12)} == {(0,), (1,), (2,)}


def test_training_learns_and_transfers_where_the_texts_are_alike(tiny, task):
    path = fine_tune(tiny("llama"), task, words=WORDS, epochs=12, learning_rate=1e-2)
    result = accuracy(evaluate(path, task)).set_index("language")
    assert (result["accuracy"] >= 0.9).all() and result.loc["deu_Latn", "items"] == 16
    assert (result["low"] < result["accuracy"]).all() and (result["high"] <= 1).all()
    loss = pd.read_csv(path / "loss.csv")
    assert loss["eval_loss"].dropna().iloc[-1] < loss["eval_loss"].dropna().iloc[0]
    acts = extract_activations(path, table({"eng_Latn": ["ab", "cd"], "deu_Latn": ["ef", "gh"]}))
    assert acts.attrs["revision"] != load_model(tiny("llama")).attrs["revision"]


def test_wilson_interval():
    answers = pd.DataFrame({"language": "eng_Latn", "correct": [True] * 8 + [False] * 2})
    row = accuracy(answers).iloc[0]
    # Wilson 1927 with z = 1.96: (0.4902, 0.9433)
    np.testing.assert_allclose([row["low"], row["high"]], [0.4902, 0.9433], atol=1e-4)


class Known(torch.nn.Module):
    """Gives every token after the cue a known probability, whatever the text."""

    def __init__(self, logits):
        super().__init__()
        self.head = torch.nn.Linear(*logits.shape, bias=False)
        self.head.weight.data = torch.tensor(logits.T).float()

    def get_output_embeddings(self):
        return self.head

    def set_output_embeddings(self, head):
        self.head = head

    def forward(self, input_ids, attention_mask, position_ids, logits_to_keep):
        asked = input_ids[:, -logits_to_keep:]
        hidden = torch.nn.functional.one_hot(asked, self.head.in_features).float()
        return type("Out", (), {"logits": self.head(hidden)})()


@pytest.mark.parametrize("shared_first_token", [False, True])
def test_label_scores_of_a_hand_made_model(shared_first_token, tiny, monkeypatch):
    lm = load_model(tiny("llama"))
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(len(lm.tokenizer), len(lm.tokenizer)))
    words = {"cue": "K", "x": "q", "y": "z"}
    answers = {"x": [10, 11], "y": [10, 12]} if shared_first_token else {"x": [10, 11], "y": [13]}
    monkeypatch.setattr(objectives, "encode_answers", lambda lm, words: answers)
    log = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    network = Known(logits).to(lm.device)
    head = network.head
    scores = objectives.label_scores(lm, network, words, ["ab", "other text", "c"])
    assert network.head is head and scores.dtype == np.float64
    for text, found in {"ab": scores[0], "c": scores[2]}.items():
        last = objectives.encode(lm, words, text)[-1]
        expected = [log[last, 10], log[last, 13]]
        if shared_first_token:
            expected = [log[last, 10] + log[10, 11], log[last, 10] + log[10, 12]]
        # up to a constant a text
        np.testing.assert_allclose(found[0] - found[1], expected[0] - expected[1], atol=1e-5)


@pytest.mark.parametrize("kind", ["llama", "gemma3", "gpt2", "bloom"])
def test_scores_are_those_of_each_text_alone_with_the_whole_head(kind, tiny):
    lm = load_model(tiny(kind))
    words = {"cue": "K", "x": "a", "y": "b", "z": "c"}
    network = objectives.causal_model(lm)
    texts = ["ab", "a much longer text, the batch is padded to it", "c"]
    scores = objectives.label_scores(lm, network, words, texts)
    first = [ids[0] for ids in objectives.encode_answers(lm, words).values()]
    assert len(set(first)) == 3
    for text, found in zip(texts, scores, strict=True):
        ids = torch.tensor([objectives.encode(lm, words, text)], device=lm.device)
        with torch.no_grad():
            alone = network(ids).logits[0, -1].double().log_softmax(0)[first].cpu().numpy()
        np.testing.assert_allclose(found - found.mean(), alone - alone.mean(), atol=1e-4)


def test_loss_is_that_of_the_answer_alone(tiny):
    lm = load_model(tiny("llama"))
    network, words = objectives.causal_model(lm), WORDS | {"plant": "a whole tree"}
    answers = objectives.encode_answers(lm, words)
    texts = {"animal": "abc", "plant": "a much longer text"}
    pairs = [(objectives.encode(lm, words, text), answers[label]) for label, text in texts.items()]
    assert len(answers["animal"]) != len(answers["plant"])
    losses = objectives.answer_losses(network, objectives.collate(lm, pairs))
    for row, (prompt, answer) in zip(losses, pairs, strict=True):
        with torch.no_grad():
            logits = network(torch.tensor([prompt + answer], device=lm.device)).logits[0].double()
        log = logits.log_softmax(1)
        alone = [-log[len(prompt) + i - 1, token].item() for i, token in enumerate(answer)]
        assert (row[: -len(answer)] == 0).all()
        np.testing.assert_allclose(row[-len(answer) :].tolist(), alone, rtol=1e-4)


@pytest.mark.parametrize("kind", ["llama", "gemma3"])
@pytest.mark.parametrize("freeze", ["none", "first-1", "table+first-1"])
def test_gradients_are_those_of_the_plain_network(freeze, kind, tiny):
    """The short cuts for a wide head, frozen or tied to the token table, change no gradient."""
    lm = load_model(tiny(kind))
    pairs = [([5, 6, 7], [8, 9]), ([5, 10], [11])]
    network = freeze_parameters(objectives.causal_model(lm), 3, freeze)
    objectives.answer_losses(network, objectives.collate(lm, pairs)).sum().backward()
    plain = freeze_parameters(AutoModelForCausalLM.from_pretrained(tiny(kind)), 3, freeze)
    for prompt, answer in pairs:
        ids = torch.tensor([prompt + answer])
        labels = torch.tensor([[-100] * len(prompt) + answer])
        (plain(ids, labels=labels).loss * len(answer)).backward()
    expected = dict(plain.named_parameters())
    assert kind == "llama" or network.lm_head.weight is network.model.embed_tokens.weight
    for name, parameter in network.named_parameters():
        assert (parameter.grad is None) == (expected[name].grad is None)
        if parameter.grad is not None:
            assert not parameter.grad.is_sparse
            np.testing.assert_allclose(
                parameter.grad.cpu(), expected[name].grad, rtol=1e-3, atol=1e-4
            )


@pytest.mark.parametrize("kind", ["llama", "gemma3", "gpt2", "bloom"])
def test_lm_loss_equals_transformers_own(kind, tiny):
    corpus = table({"deu_Latn": ["ein", "zwei"], "eng_Latn": ["one text", "another, longer text"]})
    found = lm_loss(tiny(kind), corpus).set_index("language")
    assert list(found.index) == ["deu_Latn", "eng_Latn"]
    found = found.loc["eng_Latn"]
    lm = load_model(tiny(kind))
    network = objectives.causal_model(lm)
    total = 0
    for text in corpus["eng_Latn"]:
        ids = torch.tensor([lm.tokenizer(text)["input_ids"]], device=lm.device)
        with torch.no_grad():
            total += network(ids, labels=ids).loss.item() * (ids.shape[1] - 1)
    np.testing.assert_allclose(found["loss"] * found["tokens"], total, rtol=1e-5)


def test_mixture_takes_each_item_once(task):
    items = finetuning._items(task, "eng_Latn+deu_Latn", "train", seed=3)
    assert len(items) == 48
    texts = dict(zip(task["text"], task["language"], strict=True))
    assert {texts[text] for text, _ in items} == {"eng_Latn", "deu_Latn"}
    assert items == finetuning._items(task, "eng_Latn+deu_Latn", "train", seed=3)


SCRIPT = """
import sys
from ilo_helpers.training import finetuning
from ilo_helpers.training.tasks import load_task
words = {"cue": "Kind", "animal": "cat", "plant": "tree"}
finetuning.CHECKPOINT_SECONDS = 0.2  # in the middle of an epoch, too
finetuning.fine_tune(sys.argv[1], load_task(sys.argv[2]), words=words, epochs=40)
"""


def test_killed_training_goes_on_to_the_same_end(tiny, task, tmp_path, data, monkeypatch):
    steps = []
    losses = finetuning.answer_losses
    monkeypatch.setattr(
        finetuning, "answer_losses", lambda *args: steps.append(args[0].training) or losses(*args)
    )
    whole = fine_tune(tiny("llama"), task, words=WORDS, epochs=40)
    assert sum(steps) == 120
    first = weights(whole)
    shutil.rmtree(whole)

    command = [sys.executable, "-c", SCRIPT, tiny("llama"), str(tmp_path / "toy.csv")]
    with subprocess.Popen(command, env=os.environ) as process:
        end = time.time() + 90
        while not list(data.glob("finetuned/*.part/whole-*")):
            assert time.time() < end
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL and not whole.exists()
    steps.clear()
    assert fine_tune(tiny("llama"), task, words=WORDS, epochs=40) == whole
    assert 0 < sum(steps) < 120  # not from the beginning
    second = weights(whole)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert pd.read_csv(whole / "loss.csv")["loss"].count() == 120


def test_finished_run_is_not_trained_again_and_every_setting_makes_another(tiny, task, monkeypatch):
    path = fine_tune(tiny("llama"), task, words=WORDS, epochs=1)
    monkeypatch.setattr(finetuning, "_train", None)  # would fail if it were called
    assert fine_tune(load_model(tiny("llama")), task, words=WORDS, epochs=1) == path
    run = evaluation.run_settings(load_model(path))
    assert (
        run["recipe"] == finetuning.RECIPES["finetuned"]
        and run["words"] == WORDS
        and run["torch"] == version("torch")
    )
    fewer = task.drop(task.index[(task["split"] == "train") & (task["language"] == "eng_Latn")][0])
    for items, options in [(fewer, {}), (task, {"seed": 1}), (task, {"freeze": "first-1"})]:
        with pytest.raises(TypeError, match="'NoneType' object is not callable"):
            fine_tune(tiny("llama"), items, words=WORDS, epochs=1, **options)
    monkeypatch.setitem(finetuning.RECIPES, "finetuned", 99)
    with pytest.raises(TypeError, match="'NoneType' object is not callable"):
        fine_tune(tiny("llama"), task, words=WORDS, epochs=1)


def test_a_score_that_is_no_number_and_a_text_too_long_are_errors(tiny, task, data, monkeypatch):
    corpus = table({"eng_Latn": ["one text", "another"], "deu_Latn": ["ein", "zwei"]}, ["A1", "A2"])
    lm = load_model(tiny("llama"))
    test = task[task["split"] == "test"].iloc[0]
    with monkeypatch.context() as patch:
        patch.setattr(lm, "max_tokens", 1)
        named = rf"language {test['language']}, item {test['id']}: \d+ tokens with the cue, the "
        with pytest.raises(ValueError, match=named + "model takes 1; leave it out"):
            evaluate(lm, task, WORDS)
        with pytest.raises(ValueError, match="language eng_Latn, sentence A1: .* takes 1; split"):
            lm_loss(lm, corpus)
    network = objectives.causal_model(lm)
    with torch.no_grad():
        next(network.parameters()).fill_(torch.nan)
    monkeypatch.setattr(evaluation, "causal_model", lambda _: network)
    with pytest.raises(ValueError, match="text '.+': a score that is not finite; the weights"):
        evaluate(lm, task, WORDS)
    with pytest.raises(ValueError, match="text '.*(one|another|ein|zwei).*': a score that is not"):
        lm_loss(lm, corpus)
    assert not list(data.glob("answers/*.parquet")) + list(data.glob("losses/*.parquet"))


def test_answers_and_losses_are_kept(tiny, task, data, monkeypatch):
    corpus = table({"eng_Latn": ["one text", "another"], "deu_Latn": ["ein", "zwei"]})
    lm = load_model(tiny("llama"))
    answers, losses = evaluate(lm, task, WORDS), lm_loss(lm, corpus)
    assert len(answers) == 2 * 16 and losses["language"].tolist() == ["eng_Latn", "deu_Latn"]
    monkeypatch.setattr(evaluation, "causal_model", None)  # would fail if it were called
    pd.testing.assert_frame_equal(evaluate(tiny("llama"), task, WORDS), answers)
    pd.testing.assert_frame_equal(lm_loss(tiny("llama"), corpus), losses)
    assert (
        len(list(data.glob("answers/*.parquet"))) == len(list(data.glob("losses/*.parquet"))) == 1
    )
    with pytest.raises(TypeError, match="'NoneType' object is not callable"):
        evaluate(lm, task, WORDS | {"cue": "Sort"})
    with pytest.raises(TypeError, match="'NoneType' object is not callable"):
        lm_loss(lm, corpus[:1])


def test_tables_of_several_runs():
    parts = {"b": pd.DataFrame({"x": [1, 2]}), "a": pd.DataFrame({"x": [3]})}
    assert by_run(parts).to_dict("list") == {"run": ["b", "b", "a"], "x": [1, 2, 3]}


def test_errors(tiny, task):
    folder = tiny("llama")
    with pytest.raises(ValueError, match="'toy' has no language fra_Latn; there are eng_Latn"):
        fine_tune(folder, task, language="fra_Latn", words=WORDS)
    with pytest.raises(ValueError, match="no words in eng_Latn for animal, plant: pass words="):
        fine_tune(folder, task)
    with pytest.raises(ValueError, match="freeze 'most': choose 'none'"):
        fine_tune(folder, task, words=WORDS, freeze="most")
    with pytest.raises(ValueError, match="freeze 'first-4': there are 3 blocks, freeze 1 to 3"):
        fine_tune(folder, task, words=WORDS, freeze="table+first-4")
    with pytest.raises(ValueError, match="'table\\+last-3': of 3 blocks nothing is left to train"):
        fine_tune(folder, task, words=WORDS, freeze="table+last-3")
    with pytest.raises(ValueError, match="'tiny-bert' has no language-modelling head"):
        fine_tune(tiny("bert"), task, words=WORDS)
    without = task[task["split"] != "dev"]
    with pytest.raises(ValueError, match="split 'dev' is empty in eng_Latn"):
        fine_tune(folder, without, words=WORDS)
    with pytest.raises(ValueError, match="'toy': no test items among the rows given"):
        evaluate(folder, task[task["split"] == "dev"], words=WORDS)
