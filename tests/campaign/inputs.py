"""Bad input: the cases of tests/bad_input.py, each in a folder of its own."""

import collections
import functools
import json
import tempfile
from pathlib import Path

from .trial import Fault, fresh, run_whole


def faults(place: Path, inputs: Path, seed: int) -> list[Fault]:
    """One for each place that input comes from; nothing where there is no such table."""
    try:
        from bad_input import CASES
    except ImportError:
        return []
    groups = collections.defaultdict(list)
    for case in CASES:
        groups[case.where].append(case)
    promise = "one error of our own that names thing, place and remedy, or the value it stands for"
    return [Fault("inputs", f"{where}: {cases[0].what}, … ({len(cases)} inputs)", promise, 1,
                  functools.partial(tried, place, cases), len(cases))
            for where, cases in groups.items()]  # fmt: skip


def tried(place: Path, cases: list, number: int) -> tuple[str, list]:
    """All cases of a group; with place, input and what was said of each."""
    from bad_input import try_case

    said = place / "said"

    def do():
        found = [(case.what, *try_case(case, fresh(place / "input" / str(i))))
                 for i, case in enumerate(cases)]  # fmt: skip
        said.write_text(json.dumps(found))

    run_whole(do, place / "log", limit=600)
    found = json.loads(said.read_text())
    broken = [f"{what}: {told}" for what, kept, told in found if not kept]
    assert not broken, f"{len(broken)} of {len(cases)} not as promised, such as {broken[0][:200]}"
    found = [(what, kept, told.strip().splitlines()[-1] if told.startswith("usage: ") else told)
             for what, kept, told in found]  # fmt: skip
    return "as promised", [(cases[0].where, what, _anywhere(told, place / "input"))
                           for what, _, told in found]  # fmt: skip


def _anywhere(told, folder):
    """What was said, without the names of folders that are made for a try."""
    for part in (folder, tempfile.gettempdir()):
        told = told.replace(str(part), "…")
    return told
