import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import table

from ilo_helpers import extract_activations, finetuning, load_model, objectives
from ilo_helpers.evaluation import accuracy, evaluate, lm_loss
from ilo_helpers.finetuning import fine_tune, freeze_parameters
from ilo_helpers.tasks import load_task

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


@pytest.fixture
def own_data(tmp_path, monkeypatch):
    monkeypatch.setenv("ILO_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


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
        ("first-2", lambda name: block(name) == 2),
        ("last-2", lambda name: block(name) == 0),
        ("lora", lambda name: block(name) is not None and "norm" not in name),
    ],
)
def test_what_is_frozen_stays_bit_for_bit_and_the_rest_moves(freeze, moves, tiny, task, own_data):
    before = weights(tiny("llama"))
    path = fine_tune(tiny("llama"), task, freeze=freeze, words=WORDS, epochs=2, learning_rate=1e-2)
    after = weights(path)
    assert before.keys() == after.keys()
    for name in before:
        assert torch.equal(before[name], after[name]) != moves(name), name


@pytest.mark.parametrize("kind", ["llama", "gemma3", "bloom", "xlm-roberta", "bert", "gpt2"])
def test_gradients_of_frozen_blocks_are_none_in_every_layout(kind, tiny):
    lm = load_model(tiny(kind))
    trained, total = freeze_parameters(lm.model, 3, "first-2")
    assert 0 < trained < total / 2
    out = lm.model(input_ids=torch.tensor([[5, 6, 7, 8]]))
    out.last_hidden_state.square().sum().backward()
    last = {id(p) for p in lm.blocks[2].parameters()}
    with_gradient = {id(p) for p in lm.model.parameters() if p.grad is not None}
    assert with_gradient == last


def test_first_and_last_train_as_many_blocks(tiny):
    models = [load_model(tiny("llama")).model for _ in range(2)]
    counts = [
        freeze_parameters(m, 3, f"{end}-1")
        for m, end in zip(models, ("first", "last"), strict=True)
    ]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("objective", ["label-as-text", "head"])
def test_training_learns_and_transfers_where_the_texts_are_alike(objective, tiny, task, own_data):
    path = fine_tune(
        tiny("llama"), task, objective=objective, words=WORDS, epochs=12, learning_rate=1e-2
    )
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
        self.logits = torch.nn.Parameter(torch.tensor(logits))

    def forward(self, input_ids, attention_mask, position_ids, logits_to_keep):
        out = self.logits[input_ids[:, -logits_to_keep:]]
        return type("Out", (), {"logits": out})()


@pytest.mark.parametrize("shared_first_token", [False, True])
def test_label_scores_of_a_hand_made_model(shared_first_token, tiny, monkeypatch):
    lm = load_model(tiny("llama"))
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(len(lm.tokenizer), len(lm.tokenizer)))
    monkeypatch.setattr(objectives, "causal_model", lambda lm: Known(logits))
    learner = objectives.Learner(
        lm, "label-as-text", ["x", "y"], {"cue": "K", "x": "q", "y": "z"}, None
    )
    answers = {"x": [10, 11], "y": [10, 12]} if shared_first_token else {"x": [10, 11], "y": [13]}
    monkeypatch.setattr(learner, "_answer", lambda label: answers[label])
    log = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    for text in ("ab", "c"):
        last = learner.encode(text)[0][-1]
        expected = [log[last, 10], log[last, 13]]
        if shared_first_token:
            expected = [log[last, 10] + log[10, 11], log[last, 10] + log[10, 12]]
        np.testing.assert_allclose(learner.scores([text, "other text"])[0], expected, atol=1e-6)


def test_loss_is_that_of_the_answer_alone(tiny):
    lm = load_model(tiny("llama"))
    learner = objectives.Learner(lm, "label-as-text", ["animal", "plant"], WORDS, None)
    pairs = [learner.encode("abc", "animal"), learner.encode("a much longer text", "plant")]
    loss = learner.loss(learner.network, learner.collate(pairs)).item()
    losses = []
    for prompt, answer in pairs:
        with torch.no_grad():
            logits = learner.network(torch.tensor([prompt + answer])).logits[0].double()
        log = logits.log_softmax(1)
        losses += [-log[len(prompt) + i - 1, token].item() for i, token in enumerate(answer)]
    np.testing.assert_allclose(loss, np.mean(losses), rtol=1e-4)


def test_lm_loss_equals_transformers_own(tiny):
    corpus = table({"eng_Latn": ["one text", "another, longer text"], "deu_Latn": ["ein", "zwei"]})
    found = lm_loss(tiny("llama"), corpus).set_index("language").loc["eng_Latn"]
    lm = load_model(tiny("llama"))
    network = objectives.causal_model(lm).eval()
    total = 0
    for text in corpus["eng_Latn"]:
        ids = torch.tensor([lm.tokenizer(text)["input_ids"]])
        with torch.no_grad():
            total += network(ids, labels=ids).loss.item() * (ids.shape[1] - 1)
    np.testing.assert_allclose(found["loss"] * found["tokens"], total, rtol=1e-5)


def test_mixture_takes_each_item_once(task):
    items = finetuning._items(task, ["eng_Latn", "deu_Latn"], "train", seed=3)
    assert len(items) == 48
    texts = dict(zip(task["text"], task["language"], strict=True))
    assert {texts[text] for text, _ in items} == {"eng_Latn", "deu_Latn"}
    assert items == finetuning._items(task, ["eng_Latn", "deu_Latn"], "train", seed=3)


SCRIPT = """
import sys
from ilo_helpers.finetuning import fine_tune
from ilo_helpers.tasks import load_task
words = {"cue": "Kind", "animal": "cat", "plant": "tree"}
print(fine_tune(sys.argv[1], load_task(sys.argv[2]), words=words, epochs=40, learning_rate=1e-3))
"""


def test_killed_training_goes_on_to_the_same_end(tiny, tmp_path):
    command = [sys.executable, "-c", SCRIPT, tiny("llama"), str(make_task(tmp_path))]
    ends = []
    for name in ("whole", "killed"):
        env = os.environ | {"ILO_DATA": str(tmp_path / name)}
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
        if name == "killed":
            runs = tmp_path / name / "models" / "finetuned"
            end = time.time() + 90
            while not list(runs.glob("*.part/checkpoint-*/trainer_state.json")):
                assert time.time() < end
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL and not list(runs.glob("*/run.json"))
            process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
        said = process.communicate()[0]
        assert process.returncode == 0
        ends.append(said.strip().split("\n")[-1])
    first, second = weights(ends[0]), weights(ends[1])
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_finished_run_is_not_trained_again(tiny, task, own_data, monkeypatch):
    path = fine_tune(tiny("llama"), task, words=WORDS, epochs=1)
    monkeypatch.setattr(finetuning, "_train", None)
    assert fine_tune(tiny("llama"), task, words=WORDS, epochs=1) == path


def test_errors(tiny, task, own_data):
    folder = tiny("llama")
    with pytest.raises(ValueError, match="'toy' has no language fra_Latn; there are eng_Latn"):
        fine_tune(folder, task, language="fra_Latn", words=WORDS)
    with pytest.raises(ValueError, match="no words in eng_Latn for animal, plant: pass words="):
        fine_tune(folder, task)
    with pytest.raises(ValueError, match="objective 'mlm': choose from"):
        fine_tune(folder, task, objective="mlm")
    with pytest.raises(ValueError, match="freeze 'most': choose 'none'"):
        fine_tune(folder, task, words=WORDS, freeze="most")
    with pytest.raises(ValueError, match="with 3 blocks, freeze 1 to 2"):
        fine_tune(folder, task, words=WORDS, freeze="first-3")
    with pytest.raises(ValueError, match="layer 9: tiny-llama has layers 0 to 3"):
        fine_tune(folder, task, objective="head", layer=9)
    with pytest.raises(ValueError, match="'tiny-bert' has no language-modelling head"):
        fine_tune(tiny("bert"), task, words=WORDS)
    without = task[task["split"] != "dev"]
    with pytest.raises(ValueError, match="split 'dev' is empty in eng_Latn"):
        fine_tune(folder, without, words=WORDS)
    with pytest.raises(ValueError, match="split 'final' is empty"):
        evaluate(folder, task, split="final", words=WORDS)
