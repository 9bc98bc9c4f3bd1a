"""What a model answers, in every language, and what it has forgotten.

Both are kept, one file a model, setting and language: asked for again, they are read.
"""

import functools
import hashlib
import json
import os
import sys

import numpy as np
import pandas as pd
from tqdm import tqdm

from ..keep.paths import data_dir, slug
from ..models import LanguageModel, load_model
from .objectives import Learner, causal_model, label_words, run_settings


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
    run = run_settings(lm)
    objective = run.get("objective", "label-as-text")
    trained = run.get("language", "eng_Latn").split("+")
    words = label_words(task, trained, objective, words or run.get("words"))
    rows = task[task["split"] == split]
    rows = rows if languages is None else rows[rows["language"].isin(languages)]
    if rows.empty:
        raise ValueError(f"task {task.attrs['name']!r}: split {split!r} is empty in {languages}")
    labels = sorted(set(words) - {"cue"})

    @functools.cache  # loaded once, and only if an answer is missing
    def learner():
        return Learner(lm, objective, labels, words, run.get("layer"))

    def answer(part):
        predicted = np.array(labels)[learner().scores(part["text"].tolist()).argmax(1)]
        return part[["language", "id", "label"]].assign(predicted=predicted)

    tables = []
    parts = list(rows.groupby("language", sort=False))
    for _, part in tqdm(parts, "answers", unit="language", file=sys.stdout, leave=False):
        texts = part[["id", "text", "label"]].to_numpy().tolist()
        tables.append(_kept(lm, ["answers", texts, words], functools.partial(answer, part)))
    answers = pd.concat(tables, ignore_index=True)
    return answers.assign(correct=answers["label"] == answers["predicted"])


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
    lm = model if isinstance(model, LanguageModel) else load_model(model, device=device)
    network = functools.cache(lambda: causal_model(lm).eval())  # loaded only if one is missing
    tables = []
    for code in tqdm(corpus, "LM loss", unit="language", file=sys.stdout, leave=False):
        texts = corpus[code].tolist()
        make = functools.partial(_loss, lm, network, code, texts)
        tables.append(_kept(lm, ["loss", code, texts], make))
    return pd.concat(tables, ignore_index=True)


def _loss(lm, network, code, texts):
    import torch

    total = count = 0
    for text in texts:
        ids = torch.tensor([lm.tokenizer(text)["input_ids"]], device=network().device)
        with torch.inference_mode():
            logits = network()(ids, use_cache=False).logits[0, :-1].float()
        loss = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum")
        total, count = total + loss.item(), count + ids.shape[1] - 1
    return pd.DataFrame([{"language": code, "tokens": count, "loss": total / count}])


def _kept(lm, setting, make):
    """A table, made once for each model and setting, then read."""
    key = json.dumps([lm.attrs, run_settings(lm), setting], sort_keys=True)
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    file = data_dir("results", "evaluations") / f"{slug(lm.name)[:80]}--{digest}.parquet"
    if not file.exists():
        part = file.with_suffix(f".{os.getpid()}.part")  # never seen half written
        make().to_parquet(part, index=False)
        os.replace(part, file)
    return pd.read_parquet(file)
