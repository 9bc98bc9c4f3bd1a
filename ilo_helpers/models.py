"""Language models by name or path: what they are, and their weights when needed."""

import contextlib
import functools
import inspect
import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .arithmetic import matmul_precision, usable_device
from .keep.arguments import name_or_path, one_of
from .keep.digest import check_sums, files_digest
from .memory import check_memory, weight_bytes
from .sources.checkpoints import (
    check_hub_name,
    hub_revision,
    read_tokenizer,
    read_weights,
    refused,
)
from .sources.packaged import PACKAGED, packaged_model

DTYPES = ("float32", "bfloat16", "float16")
_version = functools.cache(version)  # of a package: looked up once, and not for every model


class LanguageModel:
    """A model and its tokenizer, known by name at once, loaded when first used.

    Made by :func:`load_model`.

    Attributes
    ----------
    name : str
        As asked for.
    source : dict
        Arguments of ``transformers``' ``from_pretrained``: path, or hub id and commit; and that no
        code of the model's own is run.
    attrs : dict of str
        All that decides the values the model gives: model, revision (hub commit or hash of the
        local files), architecture, dtype, device, matmul, versions of torch, transformers and
        tokenizers.
    layers : int
        Number of blocks L; there are L + 1 hidden states.
    hidden : int
        Width of a hidden state.
    rows : int or None
        Tokens that its table of embeddings has a row for, where the configuration says it.
    max_tokens : int or None
        Longest input, where the architecture sets one.
    """

    def __init__(self, name, source, dtype, device, hashes=None):
        from transformers import AutoConfig

        revision = _revision(source, hashes)
        self.name, self.dtype, self.device = name, dtype, device
        # a hub model is pinned to the commit of now, in case it is moved before it is loaded
        self.source = {"pretrained_model_name_or_path": source, "trust_remote_code": False}
        if not Path(source).is_dir():
            self.source["revision"] = revision
        self.config = AutoConfig.from_pretrained(**self.source)
        self.attrs = {
            "model": name,
            "revision": revision,
            "architecture": (self.config.architectures or [self.config.model_type])[0],
            "dtype": dtype,
            "device": device,
            "matmul": matmul_precision(device),
            **{package: _version(package) for package in ("torch", "transformers", "tokenizers")},
        }
        text = self.config.get_text_config()
        self.layers, self.hidden = text.num_hidden_layers, text.hidden_size
        self.rows = getattr(text, "vocab_size", None)
        self.max_tokens = getattr(text, "max_position_embeddings", None)
        kind = getattr(text, "model_type", "")
        if self.max_tokens and kind in ("roberta", "xlm-roberta", "xlm-roberta-xl"):
            self.max_tokens -= 2  # RoBERTa's positions start at 2

    def __reduce__(self):
        # to the workers of a cluster goes what names the model, never its weights
        source, local = self.source["pretrained_model_name_or_path"], "revision" not in self.source
        source = os.path.abspath(source) if local else source
        return _same_model, (self.name, source, local, self.dtype, self.device, self.attrs)

    def __repr__(self):
        return f"LanguageModel({self.name!r}, dtype={self.dtype!r}, device={self.device!r})"

    @functools.cached_property
    def tokenizer(self) -> Any:
        """The model's tokenizer (``transformers``)."""
        tokenizer = read_tokenizer(self.name, self.source)
        if tokenizer.pad_token is None:  # padding is masked out: which token it is does not matter
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
        tokenizer.padding_side = "right"
        return tokenizer

    @functools.cached_property
    def model(self) -> Any:
        """The body without a language-modelling head (``torch.nn.Module``), in evaluation mode.

        Raises
        ------
        ValueError
            If a weight is missing or not finite, or its files are no safetensors.
        RuntimeError
            If the weights do not have the dtype asked for.
        MemoryError
            If they are more than the memory that is free.
        """
        import torch
        from transformers import AutoModel

        dtype = getattr(torch, self.dtype)
        need = weight_bytes(self.config, dtype)
        check_memory(f"the weights of {self.name!r}", need, self.device)
        large = self.device.startswith("cuda") and not _fits(self.config, dtype)
        with contextlib.nullcontext() if "revision" in self.source else no_progress_bar():
            model, missing = read_weights(
                self.name, self.source, AutoModel.from_pretrained, dtype=dtype,
                device_map="auto" if large else None, **_without_pooler(self.config),
            )  # fmt: skip
        if missing:  # transformers would go on with random ones
            raise ValueError(
                f"model {self.name!r}: {', '.join(missing)} not in its files; fetch it again"
            )
        if self.config.is_encoder_decoder:
            model = model.get_encoder()
        loaded = {parameter.dtype for parameter in model.parameters()}
        if loaded != {dtype}:
            raise RuntimeError(
                f"model {self.name!r}: asked for {dtype}, loaded {sorted(map(str, loaded))}"
            )
        model.config.use_cache = False  # one pass, nothing is generated
        return (model if large else model.to(self.device)).eval()

    @property
    def blocks(self) -> Any:
        """The model's L blocks; see :func:`find_blocks`."""
        return find_blocks(self.model, self.layers)


def load_model(
    model: "str | os.PathLike | LanguageModel", dtype: str | None = None, device: str | None = None
) -> LanguageModel:
    """A language model: decoder, encoder, or the encoder of an encoder-decoder.

    Parameters
    ----------
    model : str, path or LanguageModel
        ``"gemma-3-270m"``, ``"multilingual-e5-small"`` or ``"smollm2-135m-instruct"`` (quantised
        to 4 bits, installed as packages and de-quantised once into ``data/models/``), a hub id,
        or a local directory. A model that is loaded already is handed through.
    dtype : str, optional
        Of the weights: ``"float32"`` (default), ``"bfloat16"`` or ``"float16"``.
    device : str, optional
        ``"cpu"`` or ``"cuda"``; default: a GPU where there is one. A model larger than the GPU
        is spread over all devices.

    Returns
    -------
    LanguageModel
        Its weights are read when first used.

    Raises
    ------
    ValueError
        If there is no such model, the dtype is not one of the three, a loaded model has another
        dtype or device than asked for, or a file is not the one that its ``SHA256SUMS`` names.
    """
    if isinstance(model, LanguageModel):
        if (dtype or model.dtype, device or model.device) != (model.dtype, model.device):
            raise ValueError(f"{model!r} is loaded already; load it by name for {dtype or device}")
        return model
    name, device = name_or_path("model", model, PACKAGED), usable_device(device)
    dtype = one_of("dtype", "float32" if dtype is None else dtype, DTYPES)
    source = os.path.expanduser(name)
    if name in PACKAGED:
        with no_progress_bar():
            source = packaged_model(name)
        if not Path(source).is_dir():  # the original from the hub is another model
            name = source
    elif Path(source).is_dir():
        name = Path(source).resolve().name
        if name in PACKAGED:
            raise ValueError(
                f"{source} is named like a 4-bit model of this suite; rename the folder"
            )
    else:
        check_hub_name(name, PACKAGED)
    hashes = check_sums(Path(source))
    try:
        return LanguageModel(name, source, dtype, device, hashes)
    except (OSError, ValueError) as error:
        where = source if Path(source).is_dir() else "the hub"
        raise ValueError(
            f"model {name!r} cannot be read from {where}: {refused(error)} "
            f"(known names: {', '.join(PACKAGED)})"
        ) from error


@functools.lru_cache(maxsize=1)
def _model_of_process(name, source, dtype, device, _revision):
    """A worker's model, loaded once for all its parts."""
    return LanguageModel(name, source, dtype, device)


def _same_model(name, source, local, dtype, device, attrs):
    """The model that another process has, if here it gives the same values."""
    if local and not Path(source).is_dir():
        raise FileNotFoundError(
            f"model {name!r}: {source} is not to be seen here; it must lie in a folder that client "
            "and workers share, under the same path"
        )
    lm = _model_of_process(name, source, dtype, device, attrs["revision"])
    for what, value in attrs.items():
        if lm.attrs[what] != value:
            raise ValueError(
                f"model {name!r}: {what} is {lm.attrs[what]!r} on a worker and {value!r} on its "
                "client; all need the same weights, packages and kind of processor"
            )
    return lm


def find_blocks(model: Any, layers: int) -> Any:
    """The list of a model's blocks, whatever its architecture calls it, found by its length.

    Parameters
    ----------
    model : torch.nn.Module
    layers : int
        Number of blocks the configuration states.

    Returns
    -------
    torch.nn.ModuleList

    Raises
    ------
    ValueError
        If there is none; says which lists there are.
    """
    import torch

    lists = {
        path: module
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.ModuleList)
    }
    for module in lists.values():
        if len(module) == layers:
            return module
    found = ", ".join(f"{path} ({len(module)})" for path, module in lists.items()) or "none"
    raise ValueError(
        f"{type(model).__name__} has no list of {layers} blocks; module lists found: {found}"
    )


def _revision(source, hashes):
    """Commit of a hub model; hash of a local one's weights, configuration and tokenizer."""
    if not Path(source).is_dir():
        return hub_revision(source)
    wanted = (".safetensors", ".bin", ".json", ".model", ".txt")
    files = sorted(path for path in Path(source).iterdir() if path.suffix in wanted)
    return f"sha256:{files_digest(files, hashes)}"


@contextlib.contextmanager
def no_progress_bar() -> Iterator[None]:
    """Without transformers' bars: local weights are read in seconds, a saved bar stays."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _without_pooler(config):
    """BERT's kin build a layer over the first token that many checkpoints hold no weights for."""
    from transformers import MODEL_MAPPING

    body = MODEL_MAPPING.get(type(config), None)
    takes = body and "add_pooling_layer" in inspect.signature(body).parameters
    return {"add_pooling_layer": False} if takes else {}


def _fits(config, dtype):
    """Whether the weights, and a tenth more for the work, fit on the GPU."""
    import torch

    return 1.1 * weight_bytes(config, dtype) < torch.cuda.mem_get_info()[0]
