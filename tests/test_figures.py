import hashlib
import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ilo_helpers import load_table, save_figure, save_table
from ilo_helpers.keep import figures
from ilo_helpers.keep.captions import Caption
from ilo_helpers.keep.figures import TOLERANCE, figures_folder, png, shown
from ilo_helpers.keep.paths import ROOT

TABLE = pd.DataFrame({"layer": [0, 1], "language": ["nan", "b"], "ilo": [1 / 3, 0.5]})
CAPTION = Caption(model="some/model", corpus="udhr", k=5, provenance={"revision": "abc"})


def drawing(color="#0072B2"):
    fig, ax = plt.subplots(figsize=(2, 1))
    ax.plot([0, 1], [0, 1], color=color)
    return fig


def save(table=TABLE, caption=CAPTION, color="#0072B2", **details):
    """The three files, and their contents with the times they were written at."""
    picture = save_figure(drawing(color), "03_x", table, caption, **details)
    files = [picture.with_suffix(ending) for ending in (".png", ".csv", ".json")]
    return files, [(file.read_bytes(), file.stat().st_mtime_ns) for file in files]


def test_picture_numbers_and_settings_are_saved_together(data, tmp_path):
    picture = save_figure(drawing(), "03_x", TABLE, CAPTION, draws=100)
    assert picture == tmp_path / "figures" / "some_model--udhr" / "03_x.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    numbers = pd.read_csv(picture.with_suffix(".csv"), keep_default_na=False)
    np.testing.assert_allclose(numbers["ilo"], TABLE["ilo"], rtol=1e-5)
    note = json.loads(picture.with_suffix(".json").read_text())
    assert note["caption"] == {"model": "some/model", "corpus": "udhr", "k": 5}
    assert note["details"] == {"draws": 100} and "torch" in note["versions"]
    assert note["provenance"] == {"revision": "abc"}
    assert re.fullmatch(r"[0-9a-f]{12,}(-dirty)?", note["commit"])
    digest = hashlib.sha256(picture.with_suffix(".csv").read_bytes()).hexdigest()
    assert note["figure"] == "03_x" and note["table"] == f"sha256:{digest}"
    assert plt.get_fignums() == []


def test_the_same_figure_is_the_same_file_with_its_colours(data):
    picture = save_figure(drawing(), "03_x", TABLE, CAPTION)
    first = picture.read_bytes()
    picture.unlink()
    assert save_figure(drawing(), "03_x", TABLE, CAPTION).read_bytes() == first
    colors = {color for _, color in Image.open(picture).convert("RGB").getcolors()}
    for drawn in ((0, 0x72, 0xB2), (255, 255, 255)):
        assert min(max(abs(a - b) for a, b in zip(drawn, c, strict=True)) for c in colors) <= 3


def test_equal_numbers_leave_all_three_files_as_they_are(data):
    _, first = save(seed=0)
    close = TABLE.assign(ilo=TABLE["ilo"] + 1e-9)  # below the precision a table is kept at
    files, again = save(close, color="#D55E00", seed=0)
    assert again == first and plt.get_fignums() == []
    files[0].unlink()  # how a picture is drawn anew
    _, drawn = save(close, color="#D55E00", seed=0)
    assert drawn[1:] == first[1:] and drawn[0][0] != first[0][0]


@pytest.mark.parametrize(
    "change",
    [
        {"table": TABLE.assign(ilo=TABLE["ilo"] + 1e-4)},
        {"caption": CAPTION.but(k=None, tau=3)},
        {"seed": 1},
        {"tolerance": 0.1},
        {"caption": CAPTION.but(seed=0)},
    ],
)
def test_moved_numbers_or_settings_are_written_anew(change, data):
    _, first = save(**{"seed": 0})
    _, again = save(**{"seed": 0, "color": "#D55E00"} | change)
    png, csv, note = (
        (new[0] != old[0], new[1] != old[1]) for old, new in zip(first, again, strict=True)
    )
    assert png == (True, True) and note == (True, True)
    assert csv == ("table" in change, True)


def test_what_rounding_moves_is_left_and_what_went_missing_is_not(data):
    _, first = save()
    assert save(TABLE.assign(ilo=[1 / 3 + 1e-6, 0.5]), color="#D55E00")[1] == first
    _, other = save(TABLE.assign(language=[None, "b"]))  # it was called "nan"
    assert other[1][0] != first[1][0]


def test_other_drawing_code_draws_anew(data, monkeypatch):
    _, first = save()
    monkeypatch.setattr(figures, "_drawing", lambda: "another")
    _, again = save(color="#D55E00")
    assert again[0][0] != first[0][0] and again[1][0] == first[1][0]


def test_numbers_that_repeat_on_one_machine_only_are_left_too(data):
    """Coordinates of a map: equal in all but the numbers is equal."""
    _, first = save(tolerance=None)
    _, again = save(TABLE.assign(ilo=[2.0, -1.0]), color="#D55E00", tolerance=None)
    assert again == first
    _, other = save(TABLE.assign(language="c"), tolerance=None)
    assert other[1][0] != first[1][0]


def test_tolerance_stands_in_the_note_and_not_among_the_details(data):
    for wanted, details in (
        (TOLERANCE, {}),
        (0.1, {"tolerance": 0.1}),
        (None, {"tolerance": None}),
    ):
        path = save_table("05_x", TABLE, CAPTION, seed=1, **details)
        note = json.loads(path.with_suffix(".json").read_text())
        assert note["tolerance"] == wanted and note["details"] == {"seed": 1}
        assert not path.with_suffix(".png").exists()


def test_a_table_comes_back_with_its_settings(data, tmp_path):
    save_table("03_x", TABLE, CAPTION, draws=100)
    table = load_table("03_x", figures_folder(CAPTION))
    assert table.attrs == {"caption": CAPTION, "details": {"draws": 100}}
    np.testing.assert_allclose(table["ilo"], TABLE["ilo"], rtol=1e-5)
    assert table["language"].tolist()[1] == "b"
    other = save_table("03_x", TABLE, CAPTION, folder=tmp_path / "figures" / "both")
    assert other == tmp_path / "figures" / "both" / "03_x.csv" and other.exists()
    with pytest.raises(FileNotFoundError, match="no table 05_y; .*make reproduce NOTEBOOKS=05"):
        load_table("05_y", figures_folder(CAPTION))


@pytest.mark.parametrize("ending", [".csv", ".json"])
def test_a_table_that_is_not_that_of_its_note_is_not_read(ending, data):
    path = save_table("03_x", TABLE, CAPTION, draws=100)
    right = {end: path.with_suffix(end).read_bytes() for end in (".csv", ".json")}
    file = path.with_suffix(ending)
    before, after = {".csv": (b"b", b"c"), ".json": (b'"sha256:', b'"sha256:0')}[ending]
    for damaged in (right[ending].replace(before, after), right[ending][:-9], b"", b"\xff"):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match="03_x.csv is not the table .*NOTEBOOKS=03, with"):
            load_table("03_x", figures_folder(CAPTION))
        save_table("03_x", TABLE, CAPTION, draws=100)
        assert {end: path.with_suffix(end).read_bytes() for end in right} == right


def test_every_committed_note_has_the_hash_of_its_table():
    notes = [
        path for path in (ROOT / "figures").rglob("*.json") if path.with_suffix(".csv").exists()
    ]
    assert len(notes) > 300
    for path in notes:
        text = path.with_suffix(".csv").read_text(encoding="utf-8")
        assert json.loads(path.read_text("utf-8"))["table"] == figures._hash_of(text), path


def test_shown_is_the_picture_in_few_colours():
    fig, ax = plt.subplots()
    ax.plot([0, 1])
    image = shown(fig, dpi=50)
    assert image.data == png(fig, 50, 64) and len(image.data) < len(png(fig, dpi=50))
    plt.close(fig)
