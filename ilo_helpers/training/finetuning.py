"""Train a model on one language, some of it frozen, each run named by all its settings.

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

import pandas as pd
from tqdm import tqdm

from ..keep.paths import data_dir, slug
from ..models import LanguageModel, find_blocks, load_model, no_progress_bar
from .objectives import Learner, label_words


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
    words = label_words(task, languages, objective, words)
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
    learner = Learner(lm, objective, sorted(words), words, layer, seed)
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


# -- settings ----------------------------------------------------------------------------


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
