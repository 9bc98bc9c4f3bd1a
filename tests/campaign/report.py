"""The table of what was tried: benchmarks/campaign.md."""

import collections
import datetime
import html
import os
import platform
import re
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

HEAD = """# Faults made on purpose

`make campaign` writes this table: {tried} faults and inputs in {rows} rows, {survived} survived. Each input has a row in [campaign_inputs.md](campaign_inputs.md).
*Survived*: what happened is what was promised, in every try. *Byte for byte*: every result is that of an undisturbed run; files of a name that says that somebody is writing them, and locks, are left out of the comparison. {machine}

Steps run on a text of 12 paragraphs in 6 languages and on a model of three blocks, from beginning to end in a second or two. Kills come at a random moment of an undisturbed run's length, half of the power losses just before a sync or a renaming; a try whose step had ended by then, or of which nothing was lost, is drawn again, and is no try if that goes on. *Power loss*: the process is killed, and of what it had not synced names are taken back and contents emptied, cut short or turned to zeros, at random, in these ways of ext4 and XFS (`tests/campaign/power.py`); no real machine lost its power.

| kind | faults | survived |
|---|---|---|
{kinds}
"""  # noqa: E501
INPUTS = """# Input that goes wrong, and some that only looks so

A row an input of `tests/bad_input.py`, as `make campaign` tried it{place}. *What was said*: the error, or what came out.

| where | input | what was said |
|---|---|---|
"""  # noqa: E501
#: What no module tries, and why.
LEFT_OUT = """
- disk, a slow one: control groups of version 1 do not slow writes that go through the page cache.
- disk, two clients of one cluster on one store: a test of its own (`tests/test_fill.py`).
- disk, quota of a user (a limit on files is tried, and what it would say: `tests/test_faults.py`), and a store on NFS: no such machine was at hand.
- disk, a clock set back under a running process: of files the times are tried, and of checkpoints (`tests/test_faults.py`).
- disk, stores of more than one older commit: one is tried, and one of another recipe.
- disk, two notebooks on one store: three processes are.
- kills, a real power cut: the simulated one fails in the ways that stand above, and in no others.
- machines, `environment.yml` solved by conda: its channels were out of reach; a test checks it against `pyproject.toml`.
- machines, a checkout under an odd path: the data folder is under one.
- machines, the newest versions of all packages, and `make reproduce --check` with the real model on each Python or across machines: hours.
- security, `pip-audit`: no database was to be had (SECURITY.md).
- load, the whole of `make reproduce` under stress: hours; each step is under it here.
""".strip()  # noqa: E501


def write(path: Path, faults: Iterable, results: list[dict], seed: int) -> None:
    """Write the table of all results there are, and beside it that of the inputs.

    Parameters
    ----------
    path : pathlib.Path
        The other has the name ``<its stem>_inputs.md``.
    faults : list of Fault
        In their order.
    results : list of dict
        Lines of the file of results, of one seed and one state of the code.
    seed : int
    """
    found = collections.defaultdict(list)
    for each in results:
        found[each["kind"], each["what"]].append(each)
    blocks, left_out = collections.defaultdict(list), []
    for fault in faults:
        lines = found[fault.kind, fault.what]
        tried = [each for each in lines if each["survived"] is not None]
        reasons = collections.Counter(e["happened"] for e in lines if e["survived"] is None)
        missing = fault.tries - len({each["try"] for each in lines})
        reasons.update({"not reached": missing} if missing > 0 else {})
        left_out += [f"- {fault.kind}, {fault.what}: {reason} ({n} of {fault.tries})"
                     for reason, n in sorted(reasons.items())]  # fmt: skip
        if tried:
            blocks[fault.kind].append((fault, tried))
    counts = {kind: _counts(block) for kind, block in blocks.items()}
    tried, survived = map(sum, zip(*counts.values(), strict=True)) if counts else (0, 0)
    kinds = "\n".join(f"| {kind} | {n} | {yes} |" for kind, (n, yes) in counts.items())
    place = machine(sum(each["seconds"] for each in results), seed)
    text = HEAD.format(tried=tried, rows=sum(map(len, blocks.values())), kinds=kinds,
                       machine=place, survived=survived)  # fmt: skip
    for kind, block in blocks.items():
        text += f"\n## {kind.capitalize()}\n\n"
        text += (
            "| what was done | tries | promised | happened | survived |\n|---|---|---|---|---|\n"
        )
        text += "".join(_row(fault, lines) for fault, lines in block)
    text += "\n## Not tried\n\n" + "\n".join([*left_out, LEFT_OUT]) + "\n"
    path.write_text(text, encoding="utf-8")
    rows = [row for each in results for row in each.get("details") or ()]
    text = INPUTS.format(place=f", with seed {seed}") + "".join(
        f"| {' | '.join(map(_cell, row))} |\n" for row in rows
    )
    path.with_name(f"{path.stem}_inputs.md").write_text(text, encoding="utf-8")


def _cell(text):
    """Some text as a cell of a table, shown as it is."""
    text = html.escape("".join(c if c.isprintable() else repr(c)[1:-1] for c in text), quote=False)
    text = re.sub(r"([\\`*_\[\]|])", r"\\\1", text)
    return text if len(text) <= 400 else f"{text[:400]}…"


def _counts(block):
    """Tries, and those that survived; of one that was repeated, what it was at first."""
    first = [each for _, lines in block for each in _first(lines)]
    return sum(each.get("number", 1) for each in first), sum(
        each.get("number", 1) for each in first if each["survived"]
    )


def _first(lines):
    return {each["try"]: each for each in reversed(lines)}.values()


def _row(fault, lines):
    tries, survived = _counts([(fault, lines)])
    said = collections.Counter(each["happened"].split(" ~ ")[0] for each in lines)
    told = "; ".join(f"{each} ({n})" if len(said) > 1 else each for each, n in said.most_common(4))
    told = told.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
    yes = "yes" if survived == tries else f"**{survived} of {tries}**"
    if len(lines) > len(_first(lines)):  # some were repeated
        _, at_last = _counts([(fault, lines[::-1])])
        yes = f"{yes}, then {at_last} of {tries}"
    return f"| {fault.what} | {tries} | {fault.promise} | {told} | {yes} |\n"


def commit() -> str:
    """The commit that lies here, with "-dirty" where something was changed since."""
    git = ["git", "-C", str(Path(__file__).parent)]
    options = {"capture_output": True, "text": True}
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], **options).stdout.strip()
    code = ["ilo_helpers", "tests/campaign", ":(glob)tests/bad_*.py"]
    status = [*git[:2], str(Path(__file__).parents[2]), "status", "-s", "--", *code]
    return head + "-dirty" * bool(subprocess.run(status, **options).stdout)


def machine(seconds: float, seed: int) -> str:
    """What it ran on, when, and for how long."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "zarr"))
    return (
        f"Seed {seed}, {datetime.date.today()}, commit {commit()}: {seconds / 60:.0f} minutes on "
        f"{os.cpu_count()} cores, {platform.system()}, Python "
        f"{platform.python_version()}, {packages}; one thread where nothing else is said."
    )
