"""What stays as it is while a model is trained: the token table, some blocks, all but adapters."""

import re
from typing import TYPE_CHECKING

import numpy as np

from ..models import find_blocks

if TYPE_CHECKING:
    import torch


def freeze_parameters(
    network: "torch.nn.Module", layers: int, freeze: str, seed: int = 0
) -> "torch.nn.Module":
    """Leave only some parameters to be trained.

    Parameters
    ----------
    network : torch.nn.Module
        Any layout whose blocks :func:`ilo_helpers.models.find_blocks` finds; changed in place.
    layers : int
        Number of blocks.
    freeze : str
        As in :func:`ilo_helpers.training.finetuning.fine_tune`.
    seed : int
        Of new adapters.

    Returns
    -------
    torch.nn.Module
        The network; for ``"lora"`` in peft's wrapping.

    Raises
    ------
    ValueError
        For an unknown kind, a number of blocks there are not, or if nothing is left to train.
    """
    if freeze == "lora":
        from peft import LoraConfig, get_peft_model
        from transformers import set_seed

        set_seed(seed)
        return get_peft_model(network, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear"))
    blocks = find_blocks(network, layers)
    table, *frozen = parts_that_stay(freeze, layers, seed)
    of_blocks = {id(parameter) for parameter in blocks.parameters()}
    for parameter in network.parameters() if table else ():
        if id(parameter) not in of_blocks:
            parameter.requires_grad_(False)
    for block, stays in zip(blocks, frozen, strict=True):
        if stays:
            block.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ValueError(f"freeze {freeze!r}: of {layers} blocks nothing is left to train")
    return network


def parts_that_stay(freeze: str, layers: int, seed: int = 0) -> list[bool]:
    """Whether the token table, with all outside of the blocks, and then each block stays as it is.

    Parameters
    ----------
    freeze, layers, seed
        As for :func:`freeze_parameters`.

    Returns
    -------
    list of bool
        One more than there are blocks.

    Raises
    ------
    ValueError
        For an unknown kind or a number of blocks there are not.
    """
    stays = [freeze == "lora"] * (layers + 1)
    for part in [] if freeze in ("none", "lora") else freeze.split("+"):
        match = re.fullmatch(r"(first|last|random)-(\d+)", part)
        if match:
            for place in _chosen_blocks(match[1], int(match[2]), layers, seed):
                stays[1 + place] = True
        elif part == "table":
            stays[0] = True
        else:
            raise ValueError(
                f"freeze {freeze!r}: choose 'none', 'lora', or 'table', 'first-8', 'last-8', "
                "'random-8' (or another number), joined by + where both are to stay"
            )
    return stays


def _chosen_blocks(kind, n, layers, seed):
    if not 1 <= n <= layers:
        raise ValueError(f"freeze '{kind}-{n}': there are {layers} blocks, freeze 1 to {layers}")
    if kind == "random":
        return np.random.default_rng(seed).choice(layers, n, replace=False)
    return range(n) if kind == "first" else range(layers - n, layers)
