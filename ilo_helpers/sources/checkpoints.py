"""A model's files, looked at before they are believed: what is there, whole, finite, and no code.

Weights are read from safetensors alone, which hold numbers and nothing else. Pickles
(``pytorch_model.bin``) could run code, and are never read.
"""

import atexit
import contextlib
import gc
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..keep.arguments import did_you_mean

INDEX = "model.safetensors.index.json"
AGAIN = "fetch the model again"

# Python looks for garbage once more when it ends: two seconds among the million objects of torch,
# transformers and a vocabulary. What is registered for the end runs as before; what only a look
# for garbage would find does not, and nothing of ours is that.
atexit.register(gc.freeze)


def read_weights(
    name: str, source: Mapping[str, Any], read: Callable, **options: Any
) -> tuple[Any, list[str]]:
    """A network with the weights of a model's files.

    Parameters
    ----------
    name : str
        The model's, for errors.
    source : dict
        What :attr:`ilo_helpers.models.LanguageModel.source` holds.
    read : callable
        ``from_pretrained`` of one of transformers' families.
    **options
        For it.

    Returns
    -------
    network : torch.nn.Module
    missing : list of str
        Weights that the files lack, which transformers fills at random: the caller must not go on
        with them unless it trains them.

    Raises
    ------
    ValueError
        For files that are missing, cut short, of whole numbers or pickles; for a weight of another
        shape than the configuration says, or not finite.
    """
    import torch

    folder = Path(source["pretrained_model_name_or_path"])
    if folder.is_dir():
        check_files(name, folder)
    try:
        network, found = read(
            **source, **options, use_safetensors=True, output_loading_info=True,
            ignore_mismatched_sizes=True,
        )  # fmt: skip
    except OSError as error:
        raise ValueError(
            f"model {name!r}: no weights as safetensors, the only ones that are read: {error}"
        ) from error
    if found["mismatched_keys"]:
        weight, there, wanted = sorted(found["mismatched_keys"])[0]
        raise ValueError(
            f"model {name!r}: {weight} has shape {tuple(there)} in its files and {tuple(wanted)} "
            f"in its configuration: they are not of one model; {AGAIN}"
        )
    missing = sorted(found["missing_keys"])
    for weight, values in network.named_parameters():
        # the least and the greatest are not finite where a number is not: one pass, and no copies
        ends = torch.stack(torch.aminmax(values)) if values.numel() else values
        if weight not in missing and not ends.isfinite().all():
            raise ValueError(f"model {name!r}: {weight} holds numbers that are not finite; {AGAIN}")
    return network, missing


def read_tokenizer(name: str, source: Mapping[str, Any]) -> Any:
    """A model's tokenizer, as its files have it.

    Parameters
    ----------
    name, source
        As for :func:`read_weights`.

    Returns
    -------
    transformers.PreTrainedTokenizerBase

    Raises
    ------
    ValueError
        If there is none, or it cannot be read.
    """
    from transformers import AutoTokenizer

    try:
        with _nothing_collected():
            return AutoTokenizer.from_pretrained(**source)
    except Exception as error:  # each kind of tokenizer fails in its own way
        raise ValueError(
            f"model {name!r}: its tokenizer cannot be read: {refused(error)}"
        ) from error


@contextlib.contextmanager
def _nothing_collected() -> Iterator[None]:
    """No look for garbage: of a large vocabulary, whose objects all stay, it is half the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def check_files(name: str, folder: Path) -> None:
    """Raise ValueError unless a folder has all weights of a model, as safetensors of floats."""
    from safetensors import SafetensorError, safe_open

    told = f"model {name!r}"
    if (folder / INDEX).exists():
        try:
            places = json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"]
            files = [folder / shard for shard in sorted(set(places.values()))]
        except (ValueError, KeyError, AttributeError, TypeError):
            raise ValueError(f"{told}: {INDEX} is no index of weights; {AGAIN}") from None
    else:
        files = sorted(folder.glob("*.safetensors"))
    if not files:
        pickles = ", ".join(sorted(path.name for path in folder.glob("*.bin")))
        raise ValueError(
            f"{told}: {pickles} may hold code and is never read; where you trust it, load it with "
            "transformers and write it with save_pretrained, as safetensors"
            if pickles else f"{told}: no weights in {folder} (*.safetensors)"
        )  # fmt: skip
    for file in files:
        if file.parent.resolve() != folder.resolve() or not file.exists():
            raise ValueError(f"{told}: no {file.name} in {folder}, which its index names; {AGAIN}")
        try:
            with safe_open(file, "pt") as tensors:
                kinds = {tensors.get_slice(key).get_dtype() for key in tensors.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{told}: {file.name} is not whole ({error}); {AGAIN}") from None
        if odd := sorted(kind for kind in kinds if not kind.startswith(("F", "BF"))):
            raise ValueError(
                f"{told}: {file.name} holds weights of type {', '.join(odd)}, not floats; give the "
                "model in float32, bfloat16 or float16"
            )


def check_hub_name(name: str, known: Collection[str]) -> None:
    """Raise ValueError for what is no name of the hub, or nearly one of the suite's own."""
    hint = did_you_mean(name, known) if "/" not in name else ""
    if Path(name).is_file():
        raise ValueError(f"model {name!r} is a file; give the folder that it lies in")
    if hint or name.count("/") > 1 or name.startswith(("/", ".", "~")):
        raise ValueError(
            f"model {name!r}: no such folder here, and no name of a model{hint} (known names: "
            f"{', '.join(known)}; of the hub: owner/name)"
        )


def hub_revision(name: str) -> str:
    """Commit of a model on the hub, as its cache or the hub has it now.

    Raises
    ------
    ValueError
        If the hub cannot be reached: at once, where its own client would try for half a minute.
    OSError
        If there is no such model, or not for this account.
    """
    import huggingface_hub as hub
    from huggingface_hub import constants, errors

    config = "config.json"
    if not constants.HF_HUB_OFFLINE and not hub.try_to_load_from_cache(name, config):
        try:
            hub.get_hf_file_metadata(hub.hf_hub_url(name, config))
        except (errors.HfHubHTTPError, ValueError):
            pass  # it answered: what follows says the same, better
        except Exception as error:  # of whichever HTTP client it has
            raise ValueError(
                f"model {name!r} is no folder here, and the hub cannot be reached ({error}): check "
                "name and network, or give a folder"
            ) from None
    return Path(hub.hf_hub_download(name, config)).parent.name


def refused(error: Exception) -> str:
    """What an error of transformers comes to: a model that brings code is told in our words."""
    if "trust_remote_code" in str(error):
        return (
            "it asks for code of its own (auto_map), which is never run; take a model of an "
            "architecture that transformers has"
        )
    return str(error)
