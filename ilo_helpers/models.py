"""Language models by name or path: what they are, and their weights when needed."""

import contextlib
import functools
import hashlib
import inspect
import os
from importlib.metadata import version
from pathlib import Path

from .packaged import NOTICES, packaged_model

#: At most this relative error may a product of two float32 matrices have to count as float32.
FLOAT32_ERROR = 1e-6


class LanguageModel:
    """A model and its tokenizer, known by name at once, loaded when first used.

    Made by :func:`load_model`.

    Attributes
    ----------
    name : str
        As asked for.
    source : dict
        Arguments of ``transformers``' ``from_pretrained``: path, or hub id and commit.
    attrs : dict of str
        All that decides the values the model gives: model, revision (hub commit or hash of the
        local files), architecture, dtype, device, matmul, versions of torch, transformers and
        tokenizers.
    layers : int
        Number of blocks L; there are L + 1 hidden states.
    hidden : int
        Width of a hidden state.
    max_tokens : int or None
        Longest input, where the architecture sets one.
    """

    def __init__(self, name, source, dtype, device):
        from transformers import AutoConfig

        revision = _revision(source)
        self.name, self.dtype, self.device = name, dtype, device
        # a hub model is pinned to the commit of now, in case it is moved before it is loaded
        self.source = {"pretrained_model_name_or_path": source}
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
            **{package: version(package) for package in ("torch", "transformers", "tokenizers")},
        }
        text = self.config.get_text_config()
        self.layers, self.hidden = text.num_hidden_layers, text.hidden_size
        self.max_tokens = getattr(text, "max_position_embeddings", None)
        if self.max_tokens and getattr(text, "model_type", "") in (
            "roberta",
            "xlm-roberta",
            "xlm-roberta-xl",
        ):
            self.max_tokens -= 2  # RoBERTa's positions start at 2

    def __repr__(self):
        return f"LanguageModel({self.name!r}, dtype={self.dtype!r}, device={self.device!r})"

    @functools.cached_property
    def tokenizer(self):
        """The model's tokenizer (``transformers``)."""
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(**self.source)
        if tokenizer.pad_token is None:  # padding is masked out: which token it is does not matter
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
        tokenizer.padding_side = "right"
        return tokenizer

    @functools.cached_property
    def model(self):
        """The body without a language-modelling head (``torch.nn.Module``), in evaluation mode.

        Raises
        ------
        RuntimeError
            If the weights do not have the dtype asked for.
        """
        import torch
        from transformers import AutoModel

        dtype = getattr(torch, self.dtype)
        large = self.device.startswith("cuda") and not _fits(self.config, dtype)
        with contextlib.nullcontext() if "revision" in self.source else no_progress_bar():
            model = AutoModel.from_pretrained(
                **self.source, **_without_pooler(self.config), dtype=dtype,
                device_map="auto" if large else None,
            )  # fmt: skip
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
    def blocks(self):
        """The model's L blocks; see :func:`find_blocks`."""
        return find_blocks(self.model, self.layers)


def load_model(name_or_path, dtype="float32", device=None):
    """A language model: decoder, encoder, or the encoder of an encoder-decoder.

    Parameters
    ----------
    name_or_path : str or path
        ``"gemma-3-270m"``, ``"multilingual-e5-small"`` or ``"smollm2-135m-instruct"`` (quantised
        to 4 bits, installed as packages and de-quantised once into ``data/models/``), a hub id,
        or a local directory.
    dtype : str
        Of the weights: ``"float32"``, ``"bfloat16"`` or ``"float16"``.
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
        If there is no such model, or the dtype is not one of the three.
    """
    import torch

    name = str(name_or_path)
    if dtype not in ("float32", "bfloat16", "float16"):
        raise ValueError(f"dtype {dtype!r}: choose 'float32', 'bfloat16' or 'float16'")
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if name in NOTICES:
        with no_progress_bar():
            source = packaged_model(name)
        if not Path(source).is_dir():  # the original from the hub is another model
            name = source
    else:
        source = os.path.expanduser(name)
        if Path(source).is_dir():
            name = Path(source).resolve().name
            if name in NOTICES:
                raise ValueError(
                    f"{source} is named like a 4-bit model of this suite; rename the folder"
                )
    try:
        return LanguageModel(name, source, dtype, device)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"model {name!r} is no known name ({', '.join(NOTICES)}), no model directory here, "
            f"and cannot be read from the hub: {error}"
        ) from error


def find_blocks(model, layers):
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


def matmul_precision(device):
    """How float32 matrices are multiplied: ``"float32"``, or ``"float32, oneDNN"`` on CPU.

    torch hands float32 products on CPU to MKL, which on some machines (AMD's) is about three
    times slower than oneDNN. Allowing oneDNN ``"bf16"`` sends the product there; on a CPU
    without bfloat16 units it is still computed in float32, on one with them it is not. So the
    error is measured, and oneDNN used only if it is that of float32 (1e-6 relative).
    """
    return "float32, oneDNN" if device == "cpu" and _onednn_is_float32() else "float32"


@contextlib.contextmanager
def fast_matmul(precision):
    """Multiply as ``precision`` (of :func:`matmul_precision`) says, and restore what was set."""
    import torch

    cpu, gpu = torch.backends.mkldnn.matmul, torch.backends.cuda.matmul
    before = cpu.fp32_precision, gpu.fp32_precision
    cpu.fp32_precision = "bf16" if precision.endswith("oneDNN") else "ieee"
    gpu.fp32_precision = "ieee"  # no TF32
    try:
        yield
    finally:
        cpu.fp32_precision, gpu.fp32_precision = before


@functools.cache
def _onednn_is_float32():
    import torch

    if not torch.backends.mkldnn.is_available():
        return False
    generator = torch.Generator().manual_seed(0)
    # the shapes matter: small products take another path than large ones
    for rows, inner, columns in [(16, 256, 64), (256, 640, 512), (512, 2048, 640)]:
        a = torch.randn(rows, inner, generator=generator)
        b = torch.randn(columns, inner, generator=generator)
        with fast_matmul("oneDNN"):
            product = torch.nn.functional.linear(a, b)
        exact = a.double() @ b.double().T
        if (product - exact).norm() > FLOAT32_ERROR * exact.norm():
            return False
    return True


def _revision(source):
    """Commit of a hub model; hash of a local one's weights, configuration and tokenizer."""
    if not Path(source).is_dir():
        from huggingface_hub import hf_hub_download

        return Path(hf_hub_download(source, "config.json")).parent.name
    digest = hashlib.sha256()
    wanted = (".safetensors", ".bin", ".json", ".model", ".txt")
    for path in sorted(Path(source).iterdir()):
        if path.suffix in wanted:
            with path.open("rb") as file:
                digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return f"sha256:{digest.hexdigest()[:16]}"


@contextlib.contextmanager
def no_progress_bar():
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
    from transformers import AutoModel

    with torch.device("meta"):
        parameters = sum(p.numel() for p in AutoModel.from_config(config).parameters())
    free, _ = torch.cuda.mem_get_info()
    return 1.1 * parameters * dtype.itemsize < free
