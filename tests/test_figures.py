import hashlib
import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ilo_helpers import load_table, save_figure, save_table
from ilo_helpers.figures import figures_folder

TABLE = pd.DataFrame({"layer": [0, 1], "language": ["nan", "b"], "ilo": [1 / 3, 0.5]})
PARAMS = {"model": "some/model", "corpus": "udhr", "k": 5}


def drawing():
    fig, ax = plt.subplots(figsize=(2, 1))
    ax.plot([0, 1], [0, 1], color="#0072B2")
    return fig


def test_picture_numbers_and_settings_are_saved_together(data, tmp_path):
    picture = save_figure(drawing(), "03_x", TABLE, PARAMS)
    assert picture == tmp_path / "figures" / "some_model--udhr" / "03_x.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    numbers = pd.read_csv(picture.with_suffix(".csv"), keep_default_na=False)
    np.testing.assert_allclose(numbers["ilo"], TABLE["ilo"], rtol=1e-5)
    note = json.loads(picture.with_suffix(".json").read_text())
    assert note["parameters"] == PARAMS and "torch" in note["versions"]
    assert re.fullmatch(r"[0-9a-f]{12,}(-dirty)?", note["commit"])
    digest = hashlib.sha256(picture.with_suffix(".csv").read_bytes()).hexdigest()
    assert note["tables"] == {"03_x.csv": f"sha256:{digest}"}
    assert plt.get_fignums() == []


def test_the_same_figure_is_the_same_file_with_its_colours(data):
    picture = save_figure(drawing(), "03_x", TABLE, PARAMS)
    first = picture.read_bytes()
    assert save_figure(drawing(), "03_x", TABLE, PARAMS).read_bytes() == first
    colors = {color for _, color in Image.open(picture).convert("RGB").getcolors()}
    for drawn in ((0, 0x72, 0xB2), (255, 255, 255)):
        assert min(max(abs(a - b) for a, b in zip(drawn, c, strict=True)) for c in colors) <= 3


def test_a_table_comes_back_with_its_settings(data):
    save_table("03_x", TABLE, PARAMS)
    table = load_table("03_x", figures_folder(PARAMS))
    assert table.attrs == PARAMS
    np.testing.assert_allclose(table["ilo"], TABLE["ilo"], rtol=1e-5)
    assert table["language"].tolist()[1] == "b"
    with pytest.raises(FileNotFoundError, match="no table 05_y; notebook 05 writes it"):
        load_table("05_y", figures_folder(PARAMS))
