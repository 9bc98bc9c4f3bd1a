"""Train a model on one language, some of it frozen, each run named by all its settings.

The ILO paper's second half. Its training data, tasks, learning rate and epochs are not public to
us: what is here is our design.
"""

import functools
import json
import math
import os
import shutil
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from ..arithmetic import fast_matmul
from ..keep import arguments
from ..keep.digest import alone, check_sums, rename_whole, settings_digest, write_sums
from ..keep.messages import say
from ..keep.paths import data_dir, on_disk, shorten, slug
from ..keep.recipes import RECIPES
from ..memory import check_memory
from ..models import LanguageModel, load_model, no_progress_bar
from .freezing import freeze_parameters
from .objectives import answer_losses, causal_model, collate, encode, encode_answers, label_words
from .tasks import check_task_languages

#: Items of one step.
BATCH = 16
#: A checkpoint (weights and optimizer, of Gemma 3 270M 3 GB) is written after so many seconds:
#: what a killed run loses at most.
CHECKPOINT_SECONDS = 300


def fine_tune(
    model: str | os.PathLike | LanguageModel,
    task: pd.DataFrame,
    language: str = "eng_Latn",
    freeze: str = "none",
    seed: int = 0,
    learning_rate: float = 5e-5,
    epochs: int = 3,
    words: dict[str, str] | None = None,
) -> Path:
    """Train a model on a task in one language.

    The model reads a text and a cue, and is to say the label's word; the loss is on the word
    only. The optimizer is AdamW (weight decay 0.01, 10% warm-up, then linear decay to zero,
    gradients clipped at norm 1), 16 items a step. A run is kept under a name made from all its
    settings: asked for again, it is not trained again, and one that was killed goes on from its
    last checkpoint (at most 5 minutes back).

    Parameters
    ----------
    model : str, path or LanguageModel
        A causal language model.
    task : pandas.DataFrame
        As :func:`load_task` returns it; ``train`` is trained on, ``dev`` gives the loss curve.
    language : str
        Trained on. Of several, joined by ``+``, each item is taken in one, drawn at random: the
        same number of items and steps as for one language.
    freeze : str
        What stays as it is: ``"none"``; ``"table"``, all that is no block (token embeddings,
        head, final norm); ``"first-8"``, ``"last-8"``, ``"random-8"``: so many blocks, the last
        kind drawn by the seed; or two of these joined, as in the paper's code:
        ``"table+first-8"``. ``"lora"`` trains adapters of rank 8 on all blocks' linear maps
        (peft), merged at the end.
    seed : int
        Of the order of the items, and dropout.
    learning_rate : float
        At its greatest.
    epochs : int
    words : dict, optional
        Cue and label words, ``{"cue": …, label: …}``; default those of the task, or
        ``tasks.WORDS``, of the language (English for a mixture).

    Returns
    -------
    pathlib.Path
        A folder that :func:`load_model` takes, with ``run.json`` (all settings, the number of
        parameters trained) and ``loss.csv`` (step, epoch, loss, eval_loss).

    Raises
    ------
    ValueError
        For a language, label or split the task lacks, or an unknown ``freeze``.
    """
    freeze, seed, learning_rate, epochs = _checked(task, language, freeze, seed, learning_rate,
                                                   epochs)  # fmt: skip
    lm = load_model(model)
    check_task_languages(task.attrs["name"], task, language.split("+"))
    words = label_words(task, language, words)
    splits = {split: _items(task, language, split, seed) for split in ("train", "dev")}
    settings = {
        **lm.attrs, "peft": version("peft"), "recipe": RECIPES["finetuned"],
        "task": task.attrs["name"], "items": settings_digest(splits), "words": words,
        "language": language, "freeze": freeze, "seed": seed, "learning_rate": learning_rate,
        "epochs": epochs, "batch": BATCH,
    }  # fmt: skip
    short = [shorten(slug(settings[name]), 40) for name in ("model", "task", "language", "freeze")]
    folder = data_dir("finetuned") / "--".join([*short, f"seed{seed}", settings_digest(settings)])
    work = folder.with_name(f"{folder.name}.part")
    if not folder.exists() or work.exists():
        with alone(folder.with_name(f".{folder.name}.lock"), folder.name):
            if not folder.exists():  # another process may have trained it meanwhile
                _fine_tune(lm, splits, settings, folder, work)
            shutil.rmtree(work, ignore_errors=True)
    return folder


def _fine_tune(lm, splits, settings, folder, work):
    """Train in one folder, and give it its name at the end."""
    words, freeze, seed = (settings[name] for name in ("words", "freeze", "seed"))
    network = freeze_parameters(causal_model(lm), lm.layers, freeze, seed)
    sizes = [(each.numel(), each.requires_grad) for each in network.parameters()]
    trained = settings["trained_parameters"] = sum(n for n, moves in sizes if moves)
    # of each weight that moves: itself (so far the file's page), its gradient, AdamW's two moments
    need = sum(4 * each.nbytes for each in network.parameters() if each.requires_grad)
    check_memory(f"weights, gradients and moments of {lm.name!r}", need, lm.device)
    say(f"{folder.name}: {len(splits['train'])} items, training {trained:,} of "
          f"{sum(n for n, _ in sizes):,} parameters")  # fmt: skip
    answers = encode_answers(lm, words)
    data = {
        split: [(encode(lm, words, text), answers[label]) for text, label in items]
        for split, items in splits.items()
    }
    with on_disk(work):  # checkpoints, too
        work.mkdir(exist_ok=True)
        history = _train(lm, network, data, work, settings)
        shutil.rmtree(work / "final", ignore_errors=True)  # half of it, by one that was killed
        _save(lm, network, work / "final", settings, history)
        write_sums(work / "final")
        rename_whole(work / "final", folder)


def _checked(task, language, freeze, seed, learning_rate, epochs):
    """Settings as Python's own types."""
    if not isinstance(task, pd.DataFrame):
        raise ValueError(f"task {arguments.told(task)}: give the table that load_task returns")
    for name, value in {"language": language, "freeze": freeze}.items():
        if not isinstance(value, str):
            raise ValueError(
                f"{name} {arguments.told(value)}: give one str; of several, joined by +"
            )
    return (str(freeze), arguments.whole("seed", seed, 0),
            arguments.positive("learning_rate", learning_rate),
            arguments.whole("epochs", epochs))  # fmt: skip


def _items(task, language, split, seed):
    """(text, label) of a split; of several languages, each item in one drawn at random."""
    codes = language.split("+")
    rows = task[(task["split"] == split) & task["language"].isin(codes)]
    if rows.empty:
        raise ValueError(f"task {task.attrs['name']!r}: split {split!r} is empty in {language}")
    if len(codes) > 1:
        rows = rows.sample(frac=1, random_state=seed).drop_duplicates("id").sort_values("id")
    return list(zip(rows["text"], rows["label"], strict=True))


# -- training ----------------------------------------------------------------------------


def _train(lm, network, data, work, settings):
    """Train in place with transformers' Trainer; returns its log as a table."""
    from transformers import PrinterCallback, Trainer, TrainerCallback

    of_epoch = math.ceil(len(data["train"]) / BATCH)
    steps = tqdm(total=settings["epochs"] * of_epoch, unit="step", file=sys.stdout)

    class Watch(TrainerCallback):
        """A plain progress bar (transformers' own prints a line a step), and checkpoints."""

        saved = time.monotonic()

        def on_log(self, args, state, control, logs=None, **kwargs):
            if "loss" in logs:
                steps.set_postfix_str(f"loss {float(logs['loss']):.3f}", refresh=False)
                steps.update(state.global_step - steps.n)
            # one of an epoch's end would lack its eval_loss, which comes after the last step
            whole = state.global_step % of_epoch or "eval_loss" in logs
            if whole and time.monotonic() - self.saved > CHECKPOINT_SECONDS:
                self.saved, control.should_save = time.monotonic(), True

        def on_save(self, args, state, control, **kwargs):
            _keep_checkpoint(work, state.global_step)

    class AnswerTrainer(Trainer):
        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            loss = answer_losses(model, inputs).sum() / (inputs["labels"] >= 0).sum()
            return (loss, {}) if return_outputs else loss

    trainer = AnswerTrainer(
        model=network, args=_options(lm, work, settings),
        data_collator=functools.partial(collate, lm), train_dataset=data["train"],
        eval_dataset=data["dev"], callbacks=[Watch()],
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    whole = [each for each in sorted(work.glob("whole-*")) if _is_as_written(each)]
    with no_progress_bar(), fast_matmul(lm.attrs["matmul"]), steps:
        trainer.train(resume_from_checkpoint=str(whole[-1]) if whole else None)
    history = pd.DataFrame(trainer.state.log_history)
    return history.reindex(columns=["step", "epoch", "learning_rate", "loss", "eval_loss"])


def _options(lm, work, settings):
    from transformers import TrainingArguments

    return TrainingArguments(
        output_dir=str(work), seed=settings["seed"], data_seed=settings["seed"],
        num_train_epochs=settings["epochs"], learning_rate=settings["learning_rate"],
        per_device_train_batch_size=BATCH, per_device_eval_batch_size=BATCH,
        weight_decay=0.01, warmup_steps=0.1,
        lr_scheduler_type="linear", max_grad_norm=1.0, logging_steps=1, eval_strategy="epoch",
        save_strategy="no", prediction_loss_only=True, report_to="none",
        remove_unused_columns=False, label_names=["labels"], use_cpu=lm.device == "cpu",
        dataloader_pin_memory=False, disable_tqdm=True,
    )  # fmt: skip


def _keep_checkpoint(work, step):
    """Name a checkpoint as one that is whole, and only then delete the one before."""
    whole = work / f"whole-{step:06}"
    write_sums(work / f"checkpoint-{step}")
    rename_whole(work / f"checkpoint-{step}", whole)
    for other in work.glob("whole-*"):
        if other != whole:
            shutil.rmtree(other)


def _is_as_written(checkpoint):
    """Whether it still has its hashes; one that has not is deleted, with a warning."""
    try:
        check_sums(checkpoint)
    except ValueError:
        warnings.warn(f"{checkpoint} was changed or cut short; training begins anew", stacklevel=2)
        shutil.rmtree(checkpoint)
        return False
    return True


def _save(lm, network, folder, settings, history):
    if settings["freeze"] == "lora":  # fold the adapters in: a plain model is left
        network = network.merge_and_unload()
    with no_progress_bar():
        network.save_pretrained(folder)
    lm.tokenizer.save_pretrained(folder)
    history.to_csv(folder / "loss.csv", index=False)
    (folder / "run.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
