"""How much hangs on few-bit weights: ``python -m ilo_helpers.validity.weights --help``.

The packaged models were quantised by their makers, and what that did cannot be undone. But it can
be done again, more coarsely: the matrices of the blocks are rounded to fewer bits, and in a second
arm moved as far by noise that rounds nothing. ``figures/<model>--<corpus>/07_weights.csv`` keeps
what became of ILO; a variant that it has is skipped.
"""

import argparse
import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..activations import extract_activations
from ..corpora import sentence_documents
from ..keep.figures import figures_folder, load_table, save_table
from ..models import LanguageModel, find_blocks, load_model, no_progress_bar
from ..neighbors import nearest_neighbors, neighbor_kinds
from ..study import Study, open_study
from ..training.evaluation import lm_loss
from ..training.objectives import causal_model
from .intervals import change_by_layer

if TYPE_CHECKING:
    import torch

#: Weights that share a scale, as in the formats of GGUF.
GROUP = 32
#: What is done to the weights; "as it is" is the model untouched.
ARMS = ("rounding", "noise")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the variants that the command line asks for and the table does not have yet."""
    options = _parser().parse_args(arguments)
    study = open_study(options.model, options.corpus, sentences=options.sentences)
    folder = figures_folder(study.caption)
    variants = [("as it is", 0, 0)]
    variants += itertools.product(options.arms, options.bits, options.seed)
    for arm, bits, seed in variants:
        there = (folder / "07_weights.csv").exists()
        table = load_table("07_weights", folder) if there else pd.DataFrame()
        seed = seed if arm == "noise" else 0
        variant = {"arm": arm, "bits": bits, "seed": seed}
        if there and (table[list(variant)] == pd.Series(variant)).all(axis=1).any():
            continue
        print(*variant.values(), flush=True)
        found = measure(study, arm, bits, seed, options.loss_sentences)
        details = {"group": GROUP, "loss_sentences": options.loss_sentences}
        save_table("07_weights", _in_order(pd.concat([table, found])), study.caption, **details)
    print(folder / "07_weights.csv")


def measure(
    study: Study, arm: str, bits: int, seed: int = 0, loss_sentences: int = 3
) -> pd.DataFrame:
    """ILO and its change, the share of translations, and the price, of one variant.

    Parameters
    ----------
    study : Study
    arm, bits, seed
        As for :func:`write_variant`; the arm ``"as it is"`` is the model untouched.
    loss_sentences : int
        The first so many sentences, for the language-model loss.

    Returns
    -------
    pandas.DataFrame
        arm, bits, seed, error (0 to 1 and above: norm of what was added to the weights over
        theirs), loss (nats a token, mean over the languages), layer; means over the languages of
        ilo, of its change with paired 95% jackknife interval (low, high; documents are left out
        whole), and of translation (share of the k neighbours).
    """
    whole, error, model = study.neighbors, 0.0, study.model
    with tempfile.TemporaryDirectory() as folder:
        if arm != "as it is":
            variant = Path(folder, study.model.name + "-variant")
            error = write_variant(study.model, variant, arm, bits, seed)
            model = load_model(variant, study.model.dtype)
            acts = extract_activations(model, study.text, study.pooling, store=Path(folder, "acts"))
            whole = nearest_neighbors(acts, study.k, study.metric, keep=False)
        loss = lm_loss(model, study.text.iloc[:loss_sentences])["loss"].mean()
    change = change_by_layer(
        study.neighbors, whole, study.k, study.tau, blocks=sentence_documents(study.text)
    )
    table = change[change["score"] == "ilo"].rename(columns={"after": "ilo"})
    kinds = neighbor_kinds(whole, study.k).groupby("layer")["translation"].mean()
    table = table.join(kinds, on="layer").drop(columns=["group", "score"])
    first = {"arm": arm, "bits": bits, "seed": seed, "error": error, "loss": loss}
    return table.assign(**first)[[*first, *table.columns]]


def _in_order(table):
    """The same rows, whichever variant was measured first."""
    by = ["arm", "bits", "seed", "layer"]
    table = table.assign(arm=pd.Categorical(table["arm"], ["as it is", *ARMS]))
    table = table.sort_values(by, ascending=[True, False, True, True], ignore_index=True)
    return table.astype({"arm": str})


def write_variant(
    lm: LanguageModel, folder: Path, arm: str = "rounding", bits: int = 4, seed: int = 0
) -> float:
    """Write a model whose blocks' matrices are rounded, or moved as far by noise.

    Token table, norms and biases stay as they are. Noise is Gaussian, and in each matrix has the
    norm of what rounding would add to it.

    Parameters
    ----------
    lm : LanguageModel
        With a language-modelling head.
    folder : path
        For :func:`ilo_helpers.load_model`.
    arm : {"rounding", "noise"}
    bits : int
    seed : int
        Of the noise.

    Returns
    -------
    float
        Norm of all that was added, over that of the matrices.

    Raises
    ------
    ValueError
        For an unknown arm, or as :func:`round_weights`.
    """
    import torch

    if arm not in ARMS:
        raise ValueError(f"arm {arm!r}: choose from {', '.join(map(repr, ARMS))}")
    network = causal_model(lm)
    generator = torch.Generator().manual_seed(seed)
    added = total = 0.0
    with torch.no_grad():
        for weight in find_blocks(network, lm.layers).parameters():
            if weight.ndim < 2:
                continue
            error = round_weights(weight, bits) - weight
            if arm == "noise":
                noise = torch.randn(weight.shape, generator=generator).to(weight)
                error = noise * (error.norm() / noise.norm())
            added += float(error.double().square().sum())
            total += float(weight.double().square().sum())
            weight += error
    with no_progress_bar():
        network.save_pretrained(folder)
    lm.tokenizer.save_pretrained(folder)
    return (added / total) ** 0.5


def round_weights(weight: "torch.Tensor", bits: int) -> "torch.Tensor":
    """Weights rounded to the nearest of ``2**bits`` levels, each group of 32 with its own scale.

    The rule of GGUF's Q4_0 (4 bits) and Q5_0 (5 bits): the weight of a group that is greatest in
    size is the lowest or the highest level, and 0 is a level.

    Parameters
    ----------
    weight : torch.Tensor
        (rows, columns), columns a multiple of 32.
    bits : int
        At least 2.

    Returns
    -------
    torch.Tensor
        As ``weight``.

    Raises
    ------
    ValueError
        If the columns are no multiple of 32, or there are fewer than 2 bits.
    """
    if bits < 2:
        raise ValueError(f"bits = {bits}: at least 2 are needed")
    if weight.shape[-1] % GROUP:
        raise ValueError(f"{weight.shape[-1]} weights a row are no multiple of {GROUP}")
    groups = weight.reshape(-1, GROUP)
    greatest = groups.gather(1, groups.abs().argmax(1, keepdim=True))
    step = greatest / -(2 ** (bits - 1))
    step = step.where(step != 0, 1)  # a group of zeros
    levels = (groups / step).round().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return (levels * step).reshape(weight.shape)


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m ilo_helpers.validity.weights",
        description="Round the matrices of a model's blocks to fewer bits, or move them as far by "
        "noise, and measure what becomes of ILO. What the table has is skipped.",
        epilog="A variant of Gemma 3 270M on UDHR takes about 3 minutes on two cores.",
    )
    add = parser.add_argument
    add("--model", default="gemma-3-270m")
    add("--corpus", default="udhr")
    add("--sentences", type=int, help="of the corpus, the first so many (default: all)")
    add("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    add("--bits", nargs="+", type=int, default=[4, 3, 2])
    add("--seed", nargs="+", type=int, default=[0], help="of the noise")
    add("--loss-sentences", type=int, default=3)
    return parser


if __name__ == "__main__":
    main()
