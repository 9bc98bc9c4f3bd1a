"""What is trained and scored: how a text and its label become input, loss and scores."""

import json
import os

import numpy as np

from ..activations import length_batches
from ..models import no_progress_bar
from .tasks import WORDS

OBJECTIVES = ("label-as-text", "head")
#: Padded tokens of one batch of evaluation.
EVALUATION_TOKENS = 1024


def label_words(task, languages, objective, words):
    """Cue and label words, one for each label of the task.

    Parameters
    ----------
    task : pandas.DataFrame
    languages : list of str
        Trained on; the words are those of a single one, English ones for a mixture.
    objective : str
    words : dict or None
        ``{"cue": …, label: …}`` in place of ``tasks.WORDS``.

    Returns
    -------
    dict of str
        ``"cue"`` and every label; for the ``"head"`` objective, each label itself.

    Raises
    ------
    ValueError
        For an unknown objective, or a label without a word.
    """
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


def run_settings(lm):
    """Settings of a fine-tuned model, its ``run.json``; of any other, an empty dict."""
    path = os.path.join(lm.source["pretrained_model_name_or_path"], "run.json")
    if not os.path.exists(path):
        return {}
    with open(path) as file:
        return json.load(file)


def causal_model(lm):
    """The model with its language-modelling head, ``torch.nn.Module``.

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
            "not in its files); use objective='head'"
        )
    network.config.use_cache = False
    return network.to(lm.device)


class Learner:
    """A network, and how texts and labels become its input, loss and scores.

    Parameters
    ----------
    lm : LanguageModel
    objective : str
        ``"label-as-text"`` or ``"head"``.
    labels : list of str
        In the order of the scores' columns.
    words : dict
        As :func:`label_words` gives them.
    layer : int or None
        Of the ``"head"`` objective; default the last.
    seed : int
        Of a new head.
    """

    def __init__(self, lm, objective, labels, words, layer, seed=0):
        import torch

        self.lm, self.objective, self.words, self.layer = lm, objective, words, layer
        self.labels = [label for label in labels if label != "cue"]
        if objective == "head":
            torch.manual_seed(seed)
            self.network = _mean_pooled_classifier(lm, len(self.labels), layer)
        else:
            self.network = causal_model(lm)

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
            for batch in length_batches([len(prompt) for prompt in prompts], EVALUATION_TOKENS):
                result[batch] = self._batch_scores(network, [prompts[i] for i in batch])
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
