"""Train a model on one language, some of it frozen, and measure what became of the others.

The ILO paper's second half. Its training data, tasks, learning rate and epochs are not public to
us: what is here is our design.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import sys

import numpy as np
import pandas as pd
from tqdm import tqdm

from .activations import length_batches
from .models import LanguageModel, find_blocks, load_model, no_progress_bar
from .paths import data_dir, slug
from .tasks import WORDS

OBJECTIVES = ("label-as-text", "head")
#: Padded tokens of one batch of evaluation.
EVALUATION_TOKENS = 1024


def fine_tune(
    model,
    task,
    language="eng_Latn",
    freeze="none",
    objective="label-as-text",
    seed=0,
    learning_rate=5e-5,
    epochs=3,
    batch_size=16,
    layer=None,
    words=None,
):
    """Train a model on a task in one language.

    The optimizer is AdamW (weight decay 0.01, 10% warm-up, then linear decay to zero, gradients
    clipped at norm 1). A run is kept under a name made from all its settings: asked for again,
    it is not trained again, and one that was killed goes on from its last epoch.

    Parameters
    ----------
    model : str or LanguageModel
    task : pandas.DataFrame
        As :func:`load_task` returns it; ``train`` is trained on, ``dev`` gives the loss curve.
    language : str or list of str
        Trained on. Of a list, each item is taken in one of the languages, drawn at random: the
        same number of items and steps as for one language.
    freeze : str
        ``"none"``; ``"first-8"``, the paper's: token embeddings, the first 8 blocks,
        final norm and head stay as they are; ``"last-8"``, its mirror image: the last 8
        blocks stay instead of the first; ``"lora"``: adapters of rank 8 on all blocks' linear
        maps (peft), merged at the end.
    objective : str
        ``"label-as-text"`` (causal language models): the text, a cue, and the label's word, loss
        on the word only; or ``"head"``: a linear head on the mean-pooled states of ``layer``.
    seed : int
        Of the order of the items, a new head, and dropout.
    learning_rate : float
        At its greatest.
    epochs, batch_size : int
    layer : int, optional
        Of the ``"head"`` objective; default the last.
    words : dict, optional
        Cue and label words, ``{"cue": …, label: …}``; default ``tasks.WORDS`` of the language
        (English for a mixture).

    Returns
    -------
    pathlib.Path
        A folder that :func:`load_model` takes, with ``run.json`` (all settings, the number of
        parameters trained) and ``loss.csv`` (step, epoch, loss, eval_loss).

    Raises
    ------
    ValueError
        For a language, label or split the task lacks, an unknown objective or ``freeze``.
    """
    lm = model if isinstance(model, LanguageModel) else load_model(model)
    languages = [language] if isinstance(language, str) else list(language)
    for code in languages:
        if code not in set(task["language"]):
            there = ", ".join(task["language"].unique())
            raise ValueError(
                f"task {task.attrs['name']!r} has no language {code}; there are {there}"
            )
    words = _words(task, languages, objective, words)
    settings = {
        "model": lm.name, "revision": lm.attrs["revision"], "task": task.attrs["name"],
        "task_fingerprint": task.attrs["fingerprint"], "language": "+".join(languages),
        "freeze": freeze, "objective": objective, "seed": seed, "learning_rate": learning_rate,
        "epochs": epochs, "batch_size": batch_size, "layer": layer, "words": words,
        "dtype": lm.dtype, "device": lm.device,
    }  # fmt: skip
    folder = data_dir("models", "finetuned") / _run_name(settings)
    if (folder / "run.json").exists():
        return folder
    splits = {split: _items(task, languages, split, seed) for split in ("train", "dev")}
    learner = _Learner(lm, objective, sorted(words), words, layer, seed)
    trained, total = freeze_parameters(learner.network, lm.layers, freeze)
    print(f"{folder.name}: {len(splits['train'])} items, training {trained:,} of {total:,} "
          "parameters", flush=True)  # fmt: skip
    history = _train(learner, splits, folder, lm, seed, learning_rate, epochs, batch_size)
    _save(learner, folder, settings | {"trained_parameters": trained}, history)
    return folder


def freeze_parameters(network, layers, freeze):
    """Leave only some parameters to be trained.

    Parameters
    ----------
    network : torch.nn.Module
        Any layout whose blocks :func:`find_blocks` finds; a part called ``classifier`` is a new
        head and always trained.
    layers : int
        Number of blocks.
    freeze : str
        As in :func:`fine_tune`; ``"lora"`` leaves this to peft.

    Returns
    -------
    tuple of int
        Parameters trained, and all.

    Raises
    ------
    ValueError
        For an unknown kind, or a number of blocks that leaves none or all of them.
    """
    match = re.fullmatch(r"(first|last)-(\d+)", freeze)
    if match:
        n = int(match[2])
        if not 1 <= n < layers:
            raise ValueError(f"freeze {freeze!r}: with {layers} blocks, freeze 1 to {layers - 1}")
        blocks = find_blocks(network, layers)
        network.requires_grad_(False)
        for block in blocks[n:] if match[1] == "first" else blocks[:-n]:
            block.requires_grad_(True)
    elif freeze == "lora":
        _add_adapters(network, layers)
    elif freeze != "none":
        raise ValueError(
            f"freeze {freeze!r}: choose 'none', 'first-8', 'last-8' (or another number) or 'lora'"
        )
    if hasattr(network, "classifier"):
        network.classifier.requires_grad_(True)
    sizes = [(p.numel(), p.requires_grad) for p in network.parameters()]
    return sum(n for n, trained in sizes if trained), sum(n for n, _ in sizes)


def evaluate(model, task, split="test", languages=None, words=None, device=None):
    """Answers of a model, in every language.

    Parameters
    ----------
    model : str, path or LanguageModel
        What :func:`fine_tune` returned, or a causal language model as it is.
    task : pandas.DataFrame
    split : str
    languages : list of str, optional
        Default: all of the task.
    words : dict, optional
        Cue and label words; default: those the model was trained with, else English ones.

    Returns
    -------
    pandas.DataFrame
        language, id, label, predicted (str) and correct (bool), one row an item.
    """
    lm = model if isinstance(model, LanguageModel) else load_model(model, device=device)
    run = _run_of(lm)
    objective = run.get("objective", "label-as-text")
    trained = run.get("language", "eng_Latn").split("+")
    words = _words(task, trained, objective, words or run.get("words"))
    rows = task[task["split"] == split]
    rows = rows if languages is None else rows[rows["language"].isin(languages)]
    if rows.empty:
        raise ValueError(f"task {task.attrs['name']!r}: split {split!r} is empty in {languages}")
    labels = sorted(set(words) - {"cue"})
    learner = _Learner(lm, objective, labels, words, run.get("layer"))
    scores = learner.scores(rows["text"].tolist())
    predicted = np.array(labels)[scores.argmax(1)]
    answers = rows[["language", "id", "label"]].assign(predicted=predicted)
    return answers.assign(correct=answers["label"] == answers["predicted"]).reset_index(drop=True)


def accuracy(answers, by="language"):
    """Share of right answers, with Wilson's 95% interval.

    Parameters
    ----------
    answers : pandas.DataFrame
        As :func:`evaluate` returns it.
    by : str or list of str

    Returns
    -------
    pandas.DataFrame
        ``by``, items (int), accuracy, low, high (0 to 1).
    """
    from scipy.stats import binomtest

    counts = answers.groupby(by)["correct"].agg(["sum", "size"]).reset_index()
    intervals = [
        binomtest(int(right), int(items)).proportion_ci(method="wilson")
        for right, items in zip(counts["sum"], counts["size"], strict=True)
    ]
    return counts.assign(
        items=counts["size"],
        accuracy=counts["sum"] / counts["size"],
        low=[interval.low for interval in intervals],
        high=[interval.high for interval in intervals],
    ).drop(columns=["sum", "size"])


def lm_loss(model, corpus, device=None):
    """How well a causal language model still predicts each language: a check for forgetting.

    Parameters
    ----------
    model : str, path or LanguageModel
    corpus : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
        language, tokens (int) and loss (nats a token, mean over all predicted tokens).
    """
    import torch

    lm = model if isinstance(model, LanguageModel) else load_model(model, device=device)
    network = _causal(lm).eval()
    rows = []
    for code in tqdm(corpus, "LM loss", unit="language", file=sys.stdout, leave=False):
        total = count = 0
        for text in corpus[code]:
            ids = torch.tensor([lm.tokenizer(text)["input_ids"]], device=network.device)
            with torch.inference_mode():
                logits = network(ids, use_cache=False).logits[0, :-1].float()
            loss = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum")
            total, count = total + loss.item(), count + ids.shape[1] - 1
        rows.append({"language": code, "tokens": count, "loss": total / count})
    return pd.DataFrame(rows)


# -- settings ----------------------------------------------------------------------------


def _words(task, languages, objective, words):
    """Cue and label words, one for each label of the task."""
    labels = sorted(task["label"].unique())
    if objective not in OBJECTIVES:
        raise ValueError(f"objective {objective!r}: choose from {', '.join(map(repr, OBJECTIVES))}")
    if objective == "head":
        return {label: label for label in labels}
    code = languages[0] if len(languages) == 1 else "eng_Latn"
    known = words or WORDS.get(code, {})
    lacking = [name for name in ["cue", *labels] if name not in known]
    if lacking:
        raise ValueError(
            f"no words in {code} for {', '.join(lacking)}: pass words={{'cue': …, label: …}}"
        )
    return {name: known[name] for name in ["cue", *labels]}


def _run_name(settings):
    short = [settings[name] for name in ("model", "task", "language", "objective", "freeze")]
    text = json.dumps(settings, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    return "--".join([*(slug(part)[:40] for part in short), f"seed{settings['seed']}", digest])


def _items(task, languages, split, seed):
    """(text, label) of a split; of several languages, each item in one drawn at random."""
    rows = task[(task["split"] == split) & task["language"].isin(languages)]
    if rows.empty:
        raise ValueError(
            f"task {task.attrs['name']!r}: split {split!r} is empty in {', '.join(languages)}"
        )
    if len(languages) > 1:
        rows = rows.sample(frac=1, random_state=seed).drop_duplicates("id").sort_values("id")
    return list(zip(rows["text"], rows["label"], strict=True))


def _run_of(lm):
    """Settings of a fine-tuned model; of any other, none."""
    path = os.path.join(lm.source["pretrained_model_name_or_path"], "run.json")
    if not os.path.exists(path):
        return {}
    with open(path) as file:
        return json.load(file)


def _causal(lm):
    """The model with its language-modelling head."""
    import torch
    from transformers import AutoModelForCausalLM

    dtype = getattr(torch, lm.dtype)
    with no_progress_bar():
        network, info = AutoModelForCausalLM.from_pretrained(
            **lm.source, dtype=dtype, output_loading_info=True
        )
    if info["missing_keys"]:  # transformers would go on with random weights
        raise ValueError(
            f"model {lm.name!r} has no language-modelling head ({', '.join(info['missing_keys'])} "
            "not in its files); use objective='head'"
        )
    network.config.use_cache = False
    return network.to(lm.device)


def _add_adapters(network, layers):
    """Low-rank adapters on every linear map of the blocks; all else is frozen."""
    import torch
    from peft import LoraConfig, inject_adapter_in_model

    blocks = find_blocks(network, layers)
    names = {
        path.split(".")[-1]
        for path, module in blocks.named_modules()
        if isinstance(module, torch.nn.Linear)
    }
    config = LoraConfig(r=8, lora_alpha=16, target_modules=sorted(names))
    inject_adapter_in_model(config, network)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_("lora_" in name)


# -- what is trained ---------------------------------------------------------------------


class _Learner:
    """A network, and how texts and labels become its input, loss and scores."""

    def __init__(self, lm, objective, labels, words, layer, seed=0):
        import torch

        self.lm, self.objective, self.words, self.layer = lm, objective, words, layer
        self.labels = [label for label in labels if label != "cue"]
        if objective == "head":
            torch.manual_seed(seed)
            self.network = _mean_pooled_classifier(lm, len(self.labels), layer)
        else:
            self.network = _causal(lm)

    def encode(self, text, label=None):
        """Token ids of a text and its cue, and of the answer."""
        tokenizer = self.lm.tokenizer
        if self.objective == "head":
            return tokenizer(text)["input_ids"], self.labels.index(label) if label else None
        prompt = tokenizer(f"{text}\n{self.words['cue']}:")["input_ids"]
        # an encoder's or mT5's closing token would stand between cue and answer
        if tokenizer.eos_token_id is not None and prompt[-1] == tokenizer.eos_token_id:
            prompt = prompt[:-1]
        return prompt, label and self._answer(label)

    def _answer(self, label):
        word = f" {self.words[label]}"
        return self.lm.tokenizer(word, add_special_tokens=False)["input_ids"]

    def collate(self, pairs):
        """A batch as tensors. For text, padded on the left: the answers end together."""
        import torch

        if self.objective == "head":
            batch = self._pad([ids for ids, _ in pairs], left=False)
            return batch | {"labels": torch.tensor([label for _, label in pairs])}
        batch = self._pad([prompt + answer for prompt, answer in pairs], left=True)
        longest = max(len(answer) for _, answer in pairs)
        labels = torch.full((len(pairs), longest), -100)
        for row, (_, answer) in enumerate(pairs):
            labels[row, longest - len(answer) :] = torch.tensor(answer)
        return batch | {"labels": labels}

    def _pad(self, rows, left):
        import torch

        longest = max(map(len, rows))
        ids = torch.full((len(rows), longest), self.lm.tokenizer.pad_token_id)
        mask = torch.zeros_like(ids)
        for row, tokens in enumerate(rows):
            place = slice(longest - len(tokens), None) if left else slice(len(tokens))
            ids[row, place], mask[row, place] = torch.tensor(tokens), 1
        batch = {"input_ids": ids, "attention_mask": mask}
        return batch | {"position_ids": (mask.cumsum(1) - 1).clamp(min=0)} if left else batch

    def loss(self, network, batch):
        """Mean cross-entropy of the answers; logits are made only where there is one."""
        import torch

        batch = dict(batch)
        labels = batch.pop("labels")
        if self.objective == "head":
            return torch.nn.functional.cross_entropy(network(**batch), labels)
        keep = labels.shape[1] + 1
        logits = network(**batch, logits_to_keep=keep).logits[:, :-1]
        return torch.nn.functional.cross_entropy(logits.float().transpose(1, 2), labels)

    def scores(self, texts):
        """log-probability of every label, float64 (text, label), up to a constant a text."""
        import torch

        prompts = [self.encode(text)[0] for text in texts]
        network = self.network.eval()
        result = np.empty((len(texts), len(self.labels)))
        with torch.inference_mode():
            bar = tqdm(total=len(prompts), unit="item", file=sys.stdout, mininterval=1, leave=False)
            for batch in length_batches([len(prompt) for prompt in prompts], EVALUATION_TOKENS):
                result[batch] = self._batch_scores(network, [prompts[i] for i in batch])
                bar.update(len(batch))
            bar.close()
        return result

    def _batch_scores(self, network, prompts):
        import torch

        device = next(network.parameters()).device
        if self.objective == "head":
            batch = {name: t.to(device) for name, t in self._pad(prompts, left=False).items()}
            return network(**batch).double().cpu().numpy()
        answers = [self._answer(label) for label in self.labels]
        first = [answer[0] for answer in answers]
        if len(set(first)) == len(first):  # told apart by their first token: one pass for all
            batch = {name: t.to(device) for name, t in self._pad(prompts, left=True).items()}
            logits = network(**batch, logits_to_keep=1).logits[:, -1].double()
            return logits.log_softmax(1)[:, first].cpu().numpy()
        columns = []
        for answer in answers:
            batch = self._pad([prompt + answer for prompt in prompts], left=True)
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            logits = network(**batch, logits_to_keep=len(answer) + 1).logits[:, :-1].double()
            wanted = torch.tensor(answer, device=device).expand(len(prompts), -1)[..., None]
            columns.append(logits.log_softmax(2).gather(2, wanted).sum((1, 2)).cpu().numpy())
        return np.stack(columns, axis=1)


def _mean_pooled_classifier(lm, labels, layer):
    """A linear head on the mean over all tokens of one layer's states."""
    import torch
    from safetensors.torch import load_model as load_weights
    from transformers import AutoModel

    if layer is not None and not 0 <= layer <= lm.layers:
        raise ValueError(f"layer {layer}: {lm.name} has layers 0 to {lm.layers}")

    class MeanPooledClassifier(torch.nn.Module):
        def __init__(self):
            super().__init__()
            dtype = getattr(torch, lm.dtype)
            with no_progress_bar():
                body = AutoModel.from_pretrained(**lm.source, dtype=dtype)
            self.body = body.get_encoder() if body.config.is_encoder_decoder else body
            self.body.config.use_cache = False
            self.classifier = torch.nn.Linear(lm.hidden, labels)

        def forward(self, input_ids, attention_mask):
            early = layer is not None and layer < lm.layers
            out = self.body(input_ids, attention_mask=attention_mask, output_hidden_states=early)
            hidden = out.hidden_states[layer] if early else out.last_hidden_state
            mask = attention_mask[..., None].to(hidden.dtype)
            return self.classifier(((hidden * mask).sum(1) / mask.sum(1)).float())

    network = MeanPooledClassifier()
    head = os.path.join(lm.source["pretrained_model_name_or_path"], "head", "head.safetensors")
    if os.path.exists(head):
        load_weights(network.classifier, head)
    return network.to(lm.device)


# -- training ----------------------------------------------------------------------------


def _train(learner, splits, folder, lm, seed, learning_rate, epochs, batch_size):
    """Train in place with transformers' Trainer; returns its log as a table."""
    from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
    from transformers.trainer_utils import get_last_checkpoint

    class Bar(TrainerCallback):
        """A plain progress bar with the loss: transformers' own prints a line a step."""

        def on_train_begin(self, args, state, control, **kwargs):
            self.bar = tqdm(total=state.max_steps, unit="step", file=sys.stdout, mininterval=1)
            self.bar.update(state.global_step)

        def on_log(self, args, state, control, logs=None, **kwargs):
            if "loss" in logs:
                self.bar.set_postfix_str(f"loss {float(logs['loss']):.3f}", refresh=False)
                self.bar.update()

        def on_train_end(self, args, state, control, **kwargs):
            self.bar.close()

    class AnswerTrainer(Trainer):
        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            loss = learner.loss(model, inputs)
            return (loss, {}) if return_outputs else loss

    work = folder.with_suffix(".part")
    work.mkdir(parents=True, exist_ok=True)
    options = TrainingArguments(
        output_dir=str(work), seed=seed, data_seed=seed, num_train_epochs=epochs,
        learning_rate=learning_rate, per_device_train_batch_size=batch_size,
        per_device_eval_batch_size=batch_size, weight_decay=0.01, warmup_steps=0.1,
        lr_scheduler_type="linear", max_grad_norm=1.0, logging_steps=1, eval_strategy="epoch",
        save_strategy="epoch", save_total_limit=1, prediction_loss_only=True, report_to="none",
        remove_unused_columns=False, label_names=["labels"], use_cpu=lm.device == "cpu",
        dataloader_pin_memory=False, disable_tqdm=True,
    )  # fmt: skip
    data = {
        split: [learner.encode(text, label) for text, label in items]
        for split, items in splits.items()
    }
    trainer = AnswerTrainer(
        model=learner.network, args=options, data_collator=learner.collate,
        train_dataset=data["train"], eval_dataset=data["dev"],
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Bar)
    with no_progress_bar():  # of every checkpoint written
        trainer.train(resume_from_checkpoint=get_last_checkpoint(str(work)))
    history = pd.DataFrame(trainer.state.log_history)
    return history.reindex(columns=["step", "epoch", "learning_rate", "loss", "eval_loss"])


def _save(learner, folder, settings, history):
    """Write the trained model under a temporary name, then give it its own."""
    from safetensors.torch import save_model as save_weights

    work = folder.with_suffix(".part")
    final = work / "final"
    network = _merge_adapters(learner.network)
    body = network.body if learner.objective == "head" else network
    with no_progress_bar():
        body.save_pretrained(final)
    learner.lm.tokenizer.save_pretrained(final)
    if learner.objective == "head":
        (final / "head").mkdir()
        save_weights(network.classifier, str(final / "head" / "head.safetensors"))
    history.to_csv(final / "loss.csv", index=False)
    (final / "run.json").write_text(json.dumps(settings, indent=1) + "\n")
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)
    os.rename(final, folder)
    shutil.rmtree(work)


def _merge_adapters(network):
    """Fold peft's adapters into the weights they adapt, so that a plain model is left."""
    from peft.tuners.lora import LoraLayer

    for path, module in list(network.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge()
            parent, _, name = path.rpartition(".")
            setattr(network.get_submodule(parent), name, module.get_base_layer())
    return network
