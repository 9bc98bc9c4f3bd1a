"""What is trained and scored: a text, a cue, and the label's word after them."""

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..arithmetic import fast_matmul
from ..models import LanguageModel, no_progress_bar
from ..pooling import length_batches
from ..sources.checkpoints import read_weights
from .tasks import WORDS

if TYPE_CHECKING:
    import torch

#: Padded tokens of one batch of evaluation; larger ones were slower, on a CPU.
EVALUATION_TOKENS = 256


def label_words(
    task: pd.DataFrame, language: str = "eng_Latn", words: dict[str, str] | None = None
) -> dict[str, str]:
    """Cue and label words, one for each label of the task.

    Parameters
    ----------
    task : pandas.DataFrame
    language : str
        Trained on; the words of a mixture, its codes joined by ``+``, are English ones.
    words : dict, optional
        ``{"cue": …, label: …}`` in place of the task's own, or of ``tasks.WORDS``.

    Returns
    -------
    dict of str
        ``"cue"`` and every label.

    Raises
    ------
    ValueError
        For a label without a word.
    """
    names = ["cue", *sorted(task["label"].unique())]
    code = "eng_Latn" if "+" in language else language
    known = words or task.attrs.get("words", WORDS).get(code, {})
    lacking = [name for name in names if name not in known]
    if lacking:
        raise ValueError(
            f"no words in {code} for {', '.join(lacking)}: pass words={{'cue': …, label: …}}"
        )
    return {name: known[name] for name in names}


def causal_model(lm: LanguageModel) -> "torch.nn.Module":
    """The model with its language-modelling head.

    Raises
    ------
    ValueError
        If its files hold no such head.
    """
    import torch
    from transformers import AutoModelForCausalLM

    dtype = getattr(torch, lm.dtype)
    with no_progress_bar():
        network, missing = read_weights(
            lm.name, lm.source, AutoModelForCausalLM.from_pretrained, dtype=dtype
        )
    if missing:  # transformers would go on with random weights
        raise ValueError(
            f"model {lm.name!r} has no language-modelling head ({', '.join(missing)} "
            "not in its files): it cannot say a label's word"
        )
    network.config.use_cache = False
    # a slice of the hidden states times frozen weights: torch would copy these for every text
    head = network.get_output_embeddings()
    head.register_forward_pre_hook(lambda _, hidden: (hidden[0].contiguous(),))
    # the gradient of a tied table is whole by its head's: that of its rows can stay sparse
    rows = network.get_input_embeddings()
    rows.sparse = rows.weight is head.weight
    return network.to(lm.device).eval()


def encode(lm: LanguageModel, words: dict[str, str], text: str) -> list[int]:
    """Token ids of a text and its cue."""
    tokenizer = lm.tokenizer
    prompt = tokenizer(f"{text}\n{words['cue']}:")["input_ids"]
    # an encoder's or mT5's closing token would stand between cue and answer
    if tokenizer.eos_token_id is not None and prompt[-1] == tokenizer.eos_token_id:
        prompt = prompt[:-1]
    return prompt


def encode_answers(lm: LanguageModel, words: dict[str, str]) -> dict[str, list[int]]:
    """Token ids of every label's word, as it stands after the cue."""
    return {
        label: lm.tokenizer(f" {word}", add_special_tokens=False)["input_ids"]
        for label, word in words.items()
        if label != "cue"
    }


def collate(lm: LanguageModel, pairs: Sequence[tuple[list[int], list[int]]]) -> dict:
    """A batch of prompts and answers, padded on the left: the answers end together.

    Parameters
    ----------
    lm : LanguageModel
    pairs : list of (list of int, list of int)
        Token ids of a prompt and of the answer that is looked at.

    Returns
    -------
    dict of torch.Tensor
        A network's input, int64 (pair, token), and labels, int64 (pair, token of the longest
        answer), -100 where there is none. An answer's last token is only a label.
    """
    import torch
    from torch.nn.utils.rnn import pad_sequence

    def left(rows, filler):
        tensors = [torch.tensor(row, dtype=torch.long) for row in rows]
        return pad_sequence(tensors, True, filler, "left").to(lm.device)

    rows = [prompt + answer[:-1] for prompt, answer in pairs]
    mask = left([[1] * len(row) for row in rows], 0)
    return {
        "input_ids": left(rows, lm.tokenizer.pad_token_id),
        "attention_mask": mask,
        "position_ids": (mask.cumsum(1) - 1).clamp(min=0),
        "labels": left([answer for _, answer in pairs], -100),
    }


def answer_losses(network: "torch.nn.Module", batch: dict) -> "torch.Tensor":
    """Cross-entropy of every token of the answers; logits are made only for these.

    Parameters
    ----------
    network : torch.nn.Module
    batch : dict of torch.Tensor
        As :func:`collate` gives it.

    Returns
    -------
    torch.Tensor
        float32 (pair, token), in nats; 0 where the label is -100.
    """
    from torch.nn.functional import cross_entropy

    labels = batch["labels"]
    logits = _logits(network, batch).flatten(0, 1)
    return cross_entropy(logits, labels.flatten(), reduction="none").view_as(labels)


def _logits(network, batch):
    inputs = {name: tensor for name, tensor in batch.items() if name != "labels"}
    return network(**inputs, logits_to_keep=batch["labels"].shape[1]).logits.float()


def label_scores(
    lm: LanguageModel, network: "torch.nn.Module", words: dict[str, str], texts: Sequence[str],
    progress: Callable[[int], object] = lambda _: None,
) -> np.ndarray:  # fmt: skip
    """How much a network prefers each label.

    Parameters
    ----------
    lm : LanguageModel
    network : torch.nn.Module
        As :func:`causal_model` returns it.
    words : dict
        As :func:`label_words` gives them.
    texts : list of str
    progress : callable
        Called with the number of texts done.

    Returns
    -------
    numpy.ndarray
        float64 (text, label): log-probability of the label's word after the text and the cue, up
        to a constant a text. Labels in the order of ``words``.
    """
    import torch

    prompts = [encode(lm, words, text) for text in texts]
    answers = list(encode_answers(lm, words).values())
    first = [answer[0] for answer in answers]
    told_apart = len(set(first)) == len(first)  # by their first token: one pass for all
    scores = np.empty((len(texts), len(answers)))
    batches = list(length_batches([len(prompt) for prompt in prompts], EVALUATION_TOKENS))
    head = _logits_of(network, first) if told_apart else contextlib.nullcontext()
    with torch.inference_mode(), fast_matmul(lm.attrs["matmul"]), head:
        for batch in batches:
            if told_apart:
                asked = collate(lm, [(prompts[i], first[:1]) for i in batch])
                scores[batch] = _logits(network, asked)[:, 0].cpu()
            else:
                asked = collate(lm, [(prompts[i], answer) for i in batch for answer in answers])
                losses = answer_losses(network, asked).sum(1)
                scores[batch] = -losses.view(len(batch), -1).cpu()
            progress(len(batch))
    return scores


@contextlib.contextmanager
def _logits_of(network, tokens):
    """Let the head give the logits of these tokens alone: the vocabulary is wide."""
    import torch

    head = network.get_output_embeddings()
    few = torch.nn.Linear(head.in_features, len(tokens), bias=head.bias is not None)
    few.load_state_dict({name: each[tokens] for name, each in head.state_dict().items()})
    network.set_output_embeddings(few.to(head.weight))
    try:
        yield
    finally:
        network.set_output_embeddings(head)
