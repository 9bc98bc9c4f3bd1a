"""How sentences become vectors: tokens, hidden states, one pooled vector a sentence and layer."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .arithmetic import fast_matmul
from .keep.registry import Registry
from .models import LanguageModel

if TYPE_CHECKING:
    import torch

#: How the hidden states of a sentence's tokens become one vector, by name: functions of two
#: tensors (sentence, token), int: ``mask`` (1: a token, 0: padding) and ``special`` (1: a special
#: token), that give each token's weight, float (sentence, token); the vector is the weighted sum.
POOLINGS = Registry("pooling")


@POOLINGS.add("mean")
def mean_of_all(mask: "torch.Tensor", _special: "torch.Tensor") -> "torch.Tensor":
    """Mean over all tokens, the special ones included (the ILO paper's)."""
    return mask / mask.sum(1, keepdim=True)


@POOLINGS.add("mean_no_special")
def mean_without_special(mask: "torch.Tensor", special: "torch.Tensor") -> "torch.Tensor":
    """Mean over the tokens that are not special (no BOS)."""
    return mean_of_all(mask * (1 - special), special)


@POOLINGS.add("mean_no_first")
def mean_without_first(mask: "torch.Tensor", special: "torch.Tensor") -> "torch.Tensor":
    """Mean over all but the first token (for models without BOS)."""
    kept = mask.clone()
    kept[:, 0] = 0
    return mean_of_all(kept, special)


@POOLINGS.add("mean_by_position")
def mean_by_position(mask: "torch.Tensor", special: "torch.Tensor") -> "torch.Tensor":
    """Mean weighted by position, 1 for the first token, 2 for the second (MEXA's).

    In a decoder later tokens have seen more (Muennighoff 2022, SGPT; Kargaran et al. 2024).
    """
    return mean_of_all(mask * mask.cumsum(1), special)


@POOLINGS.add("last")
def last_token(mask: "torch.Tensor", _special: "torch.Tensor") -> "torch.Tensor":
    """The last token."""
    from torch.nn.functional import one_hot

    return one_hot(mask.sum(1) - 1, mask.shape[1]).float()


def pooling_without_first(lm: LanguageModel) -> str:
    """The mean that leaves the first, often overlong, token out.

    Parameters
    ----------
    lm : LanguageModel

    Returns
    -------
    str
        ``"mean_no_special"`` where the tokenizer adds special tokens such as BOS, else
        ``"mean_no_first"``: there the first token of the text may take the place of BOS.
    """
    return "mean_no_special" if lm.tokenizer("")["input_ids"] else "mean_no_first"


def tokenize(
    lm: LanguageModel, sentences: pd.Series, bos: bool = True
) -> list[tuple[list[int], list[int]]]:
    """Token ids and special-token masks of one language's sentences.

    Parameters
    ----------
    lm : LanguageModel
    sentences : pandas.Series
        One language of a corpus.
    bos : bool
        Add the tokenizer's special tokens.

    Returns
    -------
    list of (list of int, list of int)
        Ids, and 1 for each special token among them.

    Raises
    ------
    ValueError
        If a sentence has no token (but special ones), more than the model takes, or one that the
        model has no row for.
    """
    coded = lm.tokenizer(
        sentences.tolist(), add_special_tokens=bos, return_special_tokens_mask=True, verbose=False
    )
    pairs = list(zip(coded["input_ids"], coded["special_tokens_mask"], strict=True))
    for sentence, (ids, special) in zip(sentences.index, pairs, strict=True):
        where = f"model {lm.name!r}, language {sentences.name}, sentence {sentence}"
        if len(ids) == sum(special):
            raise ValueError(f"{where}: no token; leave the sentence out")
        if lm.max_tokens and len(ids) > lm.max_tokens:
            raise ValueError(
                f"{where}: {len(ids)} tokens, the model takes {lm.max_tokens}; split the sentence"
            )
        if lm.rows and max(ids) >= lm.rows:
            raise ValueError(
                f"{where}: token {max(ids)}, and the model has {lm.rows} of them; tokenizer and "
                "weights are not of one model"
            )
    return pairs


def pool_sentences(
    lm: LanguageModel,
    sentences: Sequence[tuple[list[int], list[int]]],
    poolings: Sequence[str],
    batch_tokens: int,
    progress: Callable[[int], object] = lambda _: None,
) -> np.ndarray:
    """One vector a sentence and layer, for each pooling.

    Sentences are sorted by length into batches of at most ``batch_tokens`` padded tokens;
    hidden states are pooled layer by layer as they come, never held together.

    Parameters
    ----------
    lm : LanguageModel
    sentences : list of (list of int, list of int)
        As :func:`tokenize` returns them.
    poolings : list of str
    batch_tokens : int
    progress : callable
        Called with the number of tokens done.

    Returns
    -------
    numpy.ndarray
        float32, (pooling, layer, sentence, hidden).
    """
    vectors = np.empty((len(poolings), lm.layers + 1, len(sentences), lm.hidden), np.float32)
    for batch in length_batches([len(ids) for ids, _ in sentences], batch_tokens):
        vectors[:, :, batch] = _pool_batch(lm, [sentences[i] for i in batch], poolings)
        progress(sum(len(sentences[i][0]) for i in batch))
    return vectors


def length_batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Batches of sentences of like length, longest first: memory runs out at once or never.

    Parameters
    ----------
    lengths : list of int
    batch_tokens : int
        Padded tokens a batch holds at most; a longer sentence is a batch of its own.

    Yields
    ------
    list of int
        Places in ``lengths``.
    """
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batch and (len(batch) + 1) * lengths[batch[0]] > batch_tokens:
            yield batch
            batch = []
        batch.append(place)
    yield batch


def _pool_batch(lm, sentences, poolings):
    """float32 array (pooling, layer, sentence, hidden) of one padded batch."""
    import torch

    longest = max(len(ids) for ids, _ in sentences)
    ids = torch.full((len(sentences), longest), lm.tokenizer.pad_token_id)
    mask, special = torch.zeros_like(ids), torch.zeros_like(ids)
    for row, (sentence, specials) in enumerate(sentences):
        ids[row, : len(sentence)] = torch.tensor(sentence)
        special[row, : len(sentence)] = torch.tensor(specials)
        mask[row, : len(sentence)] = 1
    weights = torch.stack([POOLINGS[name](mask, special) for name in poolings], dim=1)
    pooled = []

    def pool(hidden):  # (sentence, pooling, token) × (sentence, token, hidden)
        pooled.append(torch.bmm(weights.to(hidden.device), hidden.float()).cpu())

    def before_block(_, args, kwargs):
        pool(args[0] if args else kwargs["hidden_states"])

    hooks = [b.register_forward_pre_hook(before_block, with_kwargs=True) for b in lm.blocks]
    try:
        with torch.inference_mode(), fast_matmul(lm.attrs["matmul"]):
            device = lm.model.device
            out = lm.model(input_ids=ids.to(device), attention_mask=mask.to(device))
            pool(out.last_hidden_state)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(pooled).permute(2, 0, 1, 3).numpy()
