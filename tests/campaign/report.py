"""The table of what was tried: benchmarks/campaign.md."""

import collections
import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

HEAD = """# Faults made on purpose

`make campaign` writes this table: {tried} faults and inputs in {rows} rows, {survived} survived.
*Survived*: what was promised is what happened, in every try. {machine}

| kind | faults | survived |
|---|---|---|
{kinds}
"""


def write(path: Path, faults: Iterable, results: list[dict], seconds: float) -> None:
    """Write the table of all results there are.

    Parameters
    ----------
    path : pathlib.Path
    faults : list of Fault
        In their order.
    results : list of dict
        Lines of the file of results.
    seconds : float
        That all tries took together.
    """
    by_fault = collections.defaultdict(list)
    for each in results:
        by_fault[each["kind"], each["what"]].append(each)
    blocks = collections.defaultdict(list)
    not_tried = []
    for fault in faults:
        found = by_fault.get((fault.kind, fault.what), [])
        tried = [each for each in found if each["survived"] is not None]
        reasons = {each["happened"] for each in found if each["survived"] is None}
        not_tried += [f"- {fault.kind}, {fault.what}: {reason}" for reason in sorted(reasons)]
        if tried:
            blocks[fault.kind].append((fault, tried))
    tried = [each for block in blocks.values() for _, found in block for each in found]
    kinds = "\n".join(
        f"| {kind} | {sum(len(found) for _, found in block)} | "
        f"{sum(each['survived'] for _, found in block for each in found)} |"
        for kind, block in blocks.items()
    )
    text = HEAD.format(
        tried=len(tried), rows=sum(map(len, blocks.values())), kinds=kinds, machine=machine(seconds),
        survived=sum(each["survived"] for each in tried),
    )  # fmt: skip
    for kind, block in blocks.items():
        text += f"\n## {kind.capitalize()}\n\n| what was done | tries | promised | happened | survived |"
        text += "\n|---|---|---|---|---|\n"
        text += "".join(_row(fault, found) for fault, found in block)
    text += "\n## Not tried\n\n" + ("\n".join(not_tried) or "Nothing was left out.") + "\n"
    path.write_text(text, encoding="utf-8")


def _row(fault, found):
    survived = sum(each["survived"] for each in found)
    said = collections.Counter(each["happened"].split(": ")[0] if each["survived"]
                               else each["happened"] for each in found)  # fmt: skip
    told = "; ".join(f"{each}{f' ({n})' if len(said) > 1 else ''}" for each, n in said.most_common(4))
    told = told.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
    yes = "yes" if survived == len(found) else f"**{survived} of {len(found)}**"
    return f"| {fault.what} | {len(found)} | {fault.promise} | {told} | {yes} |\n"


def machine(seconds: float) -> str:
    """What it ran on, and for how long."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "zarr"))
    return (
        f"One run of {seconds / 60:.0f} minutes on {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}, {packages}; one thread where nothing else is said."
    )
