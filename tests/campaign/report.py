"""The table of what was tried: benchmarks/campaign.md."""

import collections
import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

HEAD = """# Faults made on purpose

`make campaign` writes this table: {tried} faults and inputs in {rows} rows, {survived} survived.
*Survived*: what happened is what was promised, in every try; *byte for byte*: every file is that of an undisturbed run. {machine}

Steps run on a text of 12 paragraphs in 6 languages and on a model of three blocks, from beginning to end in a second or two. Kills come at a random moment of an undisturbed run's length; a try whose step had ended by then is drawn again. *Power loss*: the process is killed, and of what it had not synced names are taken back and contents emptied or cut short, at random, as far as ext4 and XFS allow (`tests/campaign/power.py`); no real machine lost its power.

| kind | faults | survived |
|---|---|---|
{kinds}
"""  # noqa: E501
#: What no module tries, and why.
LEFT_OUT = """
- disk, a slow one: control groups of version 1 do not slow writes that go through the page cache.
- disk, two clients of one cluster on one store: a test of its own (`tests/test_fill.py`).
- kills, a real power cut, and a store on NFS: no such machine was at hand.
- machines, `environment.yml` solved by conda: its channels were out of reach; a test checks it against `pyproject.toml`.
- machines, the newest versions of all packages, and `make reproduce --check` with the real model on each Python: hours.
- load, the whole of `make reproduce` under stress: hours; each step is under it here.
""".strip()  # noqa: E501


def write(path: Path, faults: Iterable, results: list[dict]) -> None:
    """Write the table of all results there are.

    Parameters
    ----------
    path : pathlib.Path
    faults : list of Fault
        In their order.
    results : list of dict
        Lines of the file of results.
    """
    found = collections.defaultdict(list)
    for each in results:
        found[each["kind"], each["what"]].append(each)
    blocks, left_out = collections.defaultdict(list), []
    for fault in faults:
        lines = found[fault.kind, fault.what]
        tried = [each for each in lines if each["survived"] is not None]
        reasons = {each["happened"] for each in lines if each["survived"] is None}
        left_out += [f"- {fault.kind}, {fault.what}: {reason}" for reason in sorted(reasons)]
        if tried:
            blocks[fault.kind].append((fault, tried))
    counts = {kind: _counts(block) for kind, block in blocks.items()}
    tried, survived = map(sum, zip(*counts.values(), strict=True))
    kinds = "\n".join(f"| {kind} | {n} | {yes} |" for kind, (n, yes) in counts.items())
    seconds = sum(each["seconds"] for each in results)
    text = HEAD.format(tried=tried, rows=sum(map(len, blocks.values())), kinds=kinds,
                       machine=machine(seconds), survived=survived)  # fmt: skip
    for kind, block in blocks.items():
        text += f"\n## {kind.capitalize()}\n\n"
        text += (
            "| what was done | tries | promised | happened | survived |\n|---|---|---|---|---|\n"
        )
        text += "".join(_row(fault, lines) for fault, lines in block)
    text += "\n## Not tried\n\n" + "\n".join([*left_out, LEFT_OUT]) + "\n"
    path.write_text(text, encoding="utf-8")


def _counts(block):
    """Tries, and those that survived."""
    lines = [each for _, lines in block for each in lines]
    return sum(each.get("number", 1) for each in lines), sum(
        each.get("number", 1) for each in lines if each["survived"]
    )


def _row(fault, lines):
    tries, survived = _counts([(fault, lines)])
    said = collections.Counter(each["happened"].split(" ~ ")[0] for each in lines)
    told = "; ".join(f"{each} ({n})" if len(said) > 1 else each for each, n in said.most_common(4))
    told = told.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
    yes = "yes" if survived == tries else f"**{survived} of {tries}**"
    return f"| {fault.what} | {tries} | {fault.promise} | {told} | {yes} |\n"


def machine(seconds: float) -> str:
    """What it ran on, and for how long."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "zarr"))
    return (
        f"{seconds / 60:.0f} minutes on {os.cpu_count()} cores, {platform.system()}, Python "
        f"{platform.python_version()}, {packages}; one thread where nothing else is said."
    )
