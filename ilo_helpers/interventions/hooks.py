"""Hidden states of a decoder, read or replaced at any layer while it runs."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..arithmetic import fast_matmul
from ..models import LanguageModel, find_blocks, load_model
from ..training.objectives import causal_model

if TYPE_CHECKING:
    import torch

#: What is done with a hidden state, (text, token, hidden): None leaves it as it is.
Change = Callable[["torch.Tensor"], "torch.Tensor | None"]


def load_decoder(
    model: str | os.PathLike | LanguageModel,
) -> tuple[LanguageModel, "torch.nn.Module"]:
    """A language model that writes, and its network with the head.

    Parameters
    ----------
    model : str, path or LanguageModel
        As for :func:`ilo_helpers.load_model`.

    Returns
    -------
    tuple of LanguageModel and torch.nn.Module
        The network in evaluation mode, as
        :func:`ilo_helpers.training.objectives.causal_model` returns it.

    Raises
    ------
    ValueError
        If the model is an encoder, or has no head that predicts the next token.
    """
    lm = load_model(model)
    remedy = "choose a decoder, such as 'gemma-3-270m' or a Llama, Qwen or BLOOM of the hub"
    told = f"model {lm.name!r} ({lm.attrs['architecture']})"
    if lm.config.is_encoder_decoder:
        raise ValueError(f"{told} is an encoder with a decoder beside it, no decoder: {remedy}")
    try:
        network = causal_model(lm)
    except ValueError as error:
        raise ValueError(f"{told} predicts no next token: {remedy}; {error}") from error
    _try_out(network, told, remedy)
    return lm, network


def _try_out(network, told, remedy):
    """Raise ValueError unless the network reads forward only, and its head is known."""
    import torch

    texts = torch.tensor([[3, 4], [3, 5]], device=network.device)
    close = {"rtol": 1e-3, "atol": 1e-4}
    with torch.inference_mode():
        states = network.base_model(input_ids=texts).last_hidden_state
        logits = network(input_ids=texts).logits.float()
        known = torch.allclose(next_token_logits(network, states), logits, **close)
    if not torch.allclose(*states[:, 0].float(), **close):
        raise ValueError(
            f"{told} is an encoder: what stands later changes the states before it, so there is "
            f"no next token to predict; {remedy}"
        )
    if not known:
        raise ValueError(
            f"{told} does more with its last state than final norm, head, scale and soft cap: "
            "teach hooks.next_token_logits what"
        )


def next_token_logits(network: "torch.nn.Module", states: "torch.Tensor") -> "torch.Tensor":
    """What the head makes of states at layer L, which are after the final norm.

    Parameters
    ----------
    network : torch.nn.Module
        As :func:`load_decoder` returns it.
    states : torch.Tensor
        (…, hidden).

    Returns
    -------
    torch.Tensor
        float32 (…, vocabulary), with the scale (Cohere's) or soft cap (Gemma 2's) that the
        configuration names.
    """
    config = network.config.get_text_config()
    logits = network.get_output_embeddings()(states).float()
    logits = logits * (getattr(config, "logit_scale", None) or 1)
    if cap := getattr(config, "final_logit_softcapping", None):
        logits = cap * (logits / cap).tanh()
    return logits


@contextlib.contextmanager
def hooked(
    network: "torch.nn.Module", changes: Mapping[int, Change], start: int = 0
) -> Iterator[None]:
    """Read or replace hidden states while a network runs; afterwards it is as it was.

    Layers are numbered as everywhere in the suite: 0 is what the first block gets, ℓ what comes
    out of block ℓ, L what comes out of the final norm. A state replaced at layer ℓ is what all
    later blocks see; keys and values of earlier blocks stay those of the old one.

    Parameters
    ----------
    network : torch.nn.Module
        A model of ``transformers``, with its head or without.
    changes : dict of int to callable
        By layer, 0 to L: a function of the state, (text, token, hidden), that returns another of
        its shape, or None where it only reads.
    start : int
        Blocks 2 to ``start`` hand on what they get, which saves their time: for a state that is
        replaced as a whole at layer ``start`` or later.

    Raises
    ------
    ValueError
        For a layer that the network does not have, or a state of another shape.
    """
    layers = network.config.get_text_config().num_hidden_layers
    blocks = find_blocks(network, layers)
    for layer in changes:
        check_layer(layer, layers)
    with contextlib.ExitStack() as stack:
        if start > 1:
            _skip(stack, blocks, start)
        for layer, change in changes.items():
            if layer < layers:
                hook = blocks[layer].register_forward_pre_hook(_before(change), with_kwargs=True)
            else:
                hook = network.base_model.register_forward_hook(_after(change))
            stack.callback(hook.remove)
        yield


def check_layer(layer: int, layers: int) -> None:
    """Raise ValueError unless a model of so many blocks has the layer."""
    if layer not in range(layers + 1):
        raise ValueError(
            f"layer {layer!r}: the model has layers 0 (embeddings) to {layers} (after the final "
            "norm)"
        )


def _before(change):
    """A hook that changes what a block gets."""

    def hook(_, args, kwargs):
        state = args[0] if args else kwargs["hidden_states"]
        changed = _changed(change, state)
        if changed is None:
            return None
        if args:
            return (changed, *args[1:]), kwargs
        return args, kwargs | {"hidden_states": changed}

    return hook


def _after(change):
    """A hook that changes what comes out of the final norm."""

    def hook(_, __, output):
        changed = _changed(change, output.last_hidden_state)
        if changed is not None:
            output.last_hidden_state = changed

    return hook


def _changed(change, state):
    changed = change(state)
    if changed is not None and changed.shape != state.shape:
        raise ValueError(
            f"a state of shape {tuple(state.shape)} was to be replaced by one of shape "
            f"{tuple(changed.shape)}"
        )
    return changed


def _skip(stack, blocks, start):
    """Let the blocks after the first, up to ``start``, hand on what they get.

    The first runs, for it shows whether blocks of this architecture return a tensor or a tuple.
    """
    pair: list[bool] = []

    def look(_, __, output):
        pair[:] = [isinstance(output, tuple)]

    def hand_on(hidden_states, *_, **__):
        return (hidden_states, None) if pair[0] else hidden_states

    stack.callback(blocks[0].register_forward_hook(look).remove)
    for block in blocks[1:start]:
        block.forward = hand_on
        stack.callback(delattr, block, "forward")


@contextlib.contextmanager
def inference(lm: LanguageModel) -> Iterator[None]:
    """Without gradients, and with the matrix products that the model's ``attrs`` state."""
    import torch

    with torch.inference_mode(), fast_matmul(lm.attrs["matmul"]):
        yield


def layer_states(
    network: Any, inputs: Mapping[str, Any], first: int = 0, state: "torch.Tensor | None" = None
) -> "list[torch.Tensor]":
    """Run a network's body, and keep the states of a layer and of all above it.

    Parameters
    ----------
    network : torch.nn.Module
        With its head or without, which is not run.
    inputs : dict
        What the body takes: ``input_ids``, ``attention_mask``, …
    first : int
        The first layer kept.
    state : torch.Tensor, optional
        Put in place of the whole state there; what the blocks before it do is then left out.

    Returns
    -------
    list of torch.Tensor
        (text, token, hidden), of layers ``first`` to L.
    """
    layers = network.config.get_text_config().num_hidden_layers
    kept: dict[int, torch.Tensor] = {}

    def keeper(layer, put=None):
        def keep(seen):
            kept[layer] = seen if put is None else put
            return put

        return keep

    changes = {layer: keeper(layer) for layer in range(first + 1, layers + 1)}
    changes |= {first: keeper(first, state)}
    with hooked(network, changes, 0 if state is None else first):
        network.base_model(**inputs)
    return [kept[layer] for layer in range(first, layers + 1)]
