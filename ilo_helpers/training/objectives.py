"""What is trained and scored: a text, a cue, and the label's word after them."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from tqdm import tqdm

from ..activations import length_batches
from ..arithmetic import fast_matmul
from ..models import LanguageModel, no_progress_bar
from .tasks import WORDS

if TYPE_CHECKING:
    import torch

#: Padded tokens of one batch of evaluation.
EVALUATION_TOKENS = 1024


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
        network, info = AutoModelForCausalLM.from_pretrained(
            **lm.source, dtype=dtype, output_loading_info=True
        )
    if info["missing_keys"]:  # transformers would go on with random weights
        raise ValueError(
            f"model {lm.name!r} has no language-modelling head ({', '.join(info['missing_keys'])} "
            "not in its files): it cannot say a label's word"
        )
    network.config.use_cache = False
    return network.to(lm.device).eval()


class Learner:
    """A network, and how texts and labels become its input, loss and scores.

    Parameters
    ----------
    lm : LanguageModel
    words : dict
        As :func:`label_words` gives them; their order is that of the scores' columns.
    """

    def __init__(self, lm: LanguageModel, words: dict[str, str]):
        self.lm, self.cue, self.network = lm, words["cue"], causal_model(lm)
        self.answers = {
            label: lm.tokenizer(f" {word}", add_special_tokens=False)["input_ids"]
            for label, word in words.items()
            if label != "cue"
        }

    def prompt(self, text: str) -> list[int]:
        """Token ids of a text and its cue."""
        tokenizer = self.lm.tokenizer
        prompt = tokenizer(f"{text}\n{self.cue}:")["input_ids"]
        # an encoder's or mT5's closing token would stand between cue and answer
        if tokenizer.eos_token_id is not None and prompt[-1] == tokenizer.eos_token_id:
            prompt = prompt[:-1]
        return prompt

    def collate(self, pairs: Sequence[tuple[list[int], list[int]]]) -> dict[str, "torch.Tensor"]:
        """A batch of prompts and answers, padded on the left: the answers end together.

        An answer's last token is only a label: nothing comes after it.
        """
        import torch

        rows = [prompt + answer[:-1] for prompt, answer in pairs]
        longest = max(map(len, rows))
        ids = torch.full((len(rows), longest), self.lm.tokenizer.pad_token_id)
        mask = torch.zeros_like(ids)
        labels = torch.full((len(rows), max(len(answer) for _, answer in pairs)), -100)
        for row, (tokens, (_, answer)) in enumerate(zip(rows, pairs, strict=True)):
            ids[row, longest - len(tokens) :], mask[row, longest - len(tokens) :] = (
                torch.tensor(tokens),
                1,
            )
            labels[row, labels.shape[1] - len(answer) :] = torch.tensor(answer)
        place = (mask.cumsum(1) - 1).clamp(min=0)
        return {"input_ids": ids, "attention_mask": mask, "position_ids": place, "labels": labels}
