"""Prompts a second: one at a time, batched, with shared prefixes cached, from a layer on.

    python benchmarks/interventions.py [--model NAME] [--prompts N]

All in one run, so that the ratios hold on a noisy machine.
"""

import argparse
import dataclasses
import time

import numpy as np
import torch

from ilo_helpers.interventions import batches, hooks, prompts
from ilo_helpers.vocabulary.lexicon import load_lexicon


def last_states(lm, network, asked, size, start=0):
    """State of each prompt's last token at the last layer; skipping the blocks before ``start``."""
    found = np.empty((len(asked), lm.hidden), np.float32)
    for batch in batches.prompt_batches(lm, network, asked, size):
        state = None
        if start:
            width = max(len(asked[row].query) for row in batch.rows)
            state = torch.zeros(len(batch.rows), width, lm.hidden)
        last = hooks.layer_states(network, batch.inputs(), start, state)[-1]
        ends = [len(asked[row].query) - 1 for row in batch.rows]
        found[batch.rows] = last[range(len(ends)), ends]
    return found


def main():
    """German into French, five shots."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="gemma-3-270m")
    parser.add_argument("--prompts", type=int, default=32)
    options = parser.parse_args()
    lm, network = hooks.load_decoder(options.model)
    names, pair = load_lexicon(), ("deu_Latn", "fra_Latn")
    items = prompts.askable(names, *pair, list(names.index[names.index.str.startswith("terr")]))
    items = items[: options.prompts + 5]
    asked = batches.encode_prompts(
        lm, prompts.translation_prompts(names, *pair, items[5:], items[:5])
    )
    whole = [dataclasses.replace(each, prefix=(), query=each.prefix + each.query) for each in asked]
    tokens = np.mean([len(each.query) for each in whole])
    ways = {
        "one at a time": (whole, 1, 0), "batches of 32": (whole, 32, 0),
        "batches of 32, prefix cached": (asked, 32, 0),
        "the same from the middle layer on": (asked, 32, lm.layers // 2),
    }  # fmt: skip
    print(f"{lm.name}: {len(asked)} prompts of {tokens:.0f} tokens, {len(asked[0].prefix)} shared; "
          f"{torch.get_num_threads()} threads\n")  # fmt: skip
    print("| way | prompts/s | ratio | error |\n|---|---|---|---|")
    base = reference = None
    with hooks.inference(lm):
        network.base_model(input_ids=torch.ones(1, 8, dtype=torch.long))
        for way, (given, size, start) in ways.items():
            begin = time.perf_counter()
            states = last_states(lm, network, given, size, start)
            speed = len(given) / (time.perf_counter() - begin)
            base, reference = base or speed, states if reference is None else reference
            error = np.linalg.norm(states - reference) / np.linalg.norm(reference)
            told = "" if start else f"{error:.1e}"  # from another state on: another result
            print(f"| {way} | {speed:.1f} | {speed / base:.2f} | {told} |", flush=True)


if __name__ == "__main__":
    main()
