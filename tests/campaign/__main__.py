"""Break it: faults made on purpose, and a table of what survived."""

import argparse
import functools
import json
import os
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

from tqdm import tqdm

os.environ.setdefault("OMP_NUM_THREADS", "1")  # children are forked off: see trial.fork

ROOT = Path(__file__).parents[2]
KINDS = ["kills", "workers", "disk", "damage", "memory", "machines", "load", "inputs"]


def main() -> int:
    """Run what has no result yet, and write the table; the exit status is 1 if anything broke."""
    parser = argparse.ArgumentParser(prog="python -m campaign", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of moments and places")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS, help="kinds of fault")
    parser.add_argument("--minutes", type=float, default=40, help="begin nothing after so many")
    parser.add_argument(
        "--results",
        type=Path,
        default=ROOT / "build/campaign.jsonl",
        help="what was done: no try that stands here is repeated; delete it to begin anew",
    )
    parser.add_argument("--table", type=Path, default=ROOT / "benchmarks/campaign.md")
    parser.add_argument(
        "--again",
        action="store_true",
        help="repeat what did not survive; what it was at first stays in the table",
    )
    options = parser.parse_args()
    tqdm.set_lock(threading.RLock())  # not one between processes, which a kill may leave taken
    options.results.parent.mkdir(exist_ok=True)
    from . import report

    lines = _results(options.results)
    for each in lines if options.again else ():
        each["repeated"] = each.get("repeated", False) or each["survived"] is False
    options.results.write_text("".join(json.dumps(each) + "\n" for each in lines))
    with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
        faults = _faults(Path(folder), options.seed)
        _run(faults, options)
    results = _of_this_code(_results(options.results), options)
    report.write(options.table, faults, results, options.seed)
    broken = [each for each in results if each["survived"] is False]
    print(f"{len(results)} tries, {len(broken)} broke a promise; {options.table.name} is written")
    return int(any(not each.get("repeated") for each in broken))


def _of_this_code(results, options):
    """Lines of this seed, and of the code as it lies here."""
    return [each for each in results
            if (each["seed"], each.get("code")) == (options.seed, code())]  # fmt: skip


@functools.cache
def code() -> str:
    """Hash of the package, of the campaign and of the table of bad input."""
    from ilo_helpers.keep.digest import files_digest
    from ilo_helpers.keep.paths import PACKAGE

    tests = Path(__file__).parents[1]
    files = [*PACKAGE.rglob("*.py"), *tests.glob("campaign/*.py"), *tests.glob("bad_*.py")]
    return files_digest(sorted(files))


def _faults(folder, seed):
    import importlib

    import torch

    from .scenes import make_inputs
    from .trial import run_whole

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    _import_all()
    from ilo_helpers.keep.paths import data_dir

    os.environ["CAMPAIGN_DATA"], os.environ["CAMPAIGN_PLACE"] = (
        str(data_dir()),
        str(folder / "place"),
    )
    (folder / "inputs").mkdir()
    (folder / "place").mkdir()
    run_whole(lambda: make_inputs(folder / "inputs"), folder / "log")
    faults = []
    for kind in KINDS:
        module = importlib.import_module(f".{kind}", __package__)
        faults += module.faults(folder / "place", folder / "inputs", seed)
    return faults


def _import_all():
    """What the steps import when they run: a child then begins at once."""
    import matplotlib.pyplot
    import peft
    import psutil
    import pyarrow.parquet
    import zarr
    from transformers import AutoModel, AutoTokenizer, LlamaForCausalLM, LlamaModel, Trainer

    from ilo_helpers.arithmetic import matmul_precision

    assert [matplotlib.pyplot, peft, psutil, pyarrow.parquet, zarr, AutoModel, AutoTokenizer]
    assert [LlamaForCausalLM, LlamaModel, Trainer]
    matmul_precision("cpu")


def _run(faults, options):
    from .trial import NotTried

    there = {(each["kind"], each["what"], each["try"])
             for each in _of_this_code(_results(options.results), options)
             if not each.get("repeated")}  # fmt: skip
    end = time.monotonic() + 60 * options.minutes
    for fault in faults:
        for number in range(fault.tries):
            if fault.kind not in options.only or (fault.kind, fault.what, number) in there:
                continue
            if time.monotonic() > end:
                return
            start, details = time.monotonic(), None
            try:
                survived, happened = True, fault.run(number)
                happened, details = happened if isinstance(happened, tuple) else (happened, None)
            except NotTried as reason:
                survived, happened = None, str(reason)
            except AssertionError as failure:
                survived, happened = False, str(failure)
            line = {"kind": fault.kind, "what": fault.what, "try": number, "seed": options.seed,
                    "code": code(), "survived": survived, "happened": happened,
                    "number": fault.inputs, "details": details,
                    "seconds": round(time.monotonic() - start, 2)}  # fmt: skip
            with options.results.open("a") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
            mark = {True: "ok", False: "BROKEN", None: "not tried"}[survived]
            print(f"{mark}: {fault.what} [{number + 1}/{fault.tries}] {happened}", flush=True)


def _results(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    sys.exit(main())
