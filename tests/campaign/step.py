"""One small run from text to figure, in an interpreter of its own: ``python step.py MODEL TEXT``.

Prints a line of JSON: hashes of all files it made, and the numbers that come out.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np


def main(model: str, text: str) -> None:
    """Vectors, neighbours, scores and a figure."""
    import ilo_helpers
    from ilo_helpers import open_study, plots
    from ilo_helpers.keep.digest import file_digest
    from ilo_helpers.keep.figures import save_figure
    from ilo_helpers.plots.style import _fonts

    study = open_study(model, text, sentences=8, k=3, tau=2)
    figure = plots.ilo_by_layer(study.scores, study.caption.title("A figure"))
    picture = save_figure(figure, "03_x", study.scores, study.caption)
    data = Path(os.environ["ILO_DATA"])
    made = {str(path.relative_to(data)): file_digest(path) for path in sorted(data.rglob("*"))
            if path.is_file() and path.suffix != ".lock"}  # fmt: skip
    made["table"] = file_digest(picture.with_suffix(".csv"))
    vectors = study.acts.values.astype(float)
    note = json.loads(picture.with_suffix(".json").read_text(encoding="utf-8"))
    print(json.dumps({
        "package": ilo_helpers.__file__, "commit": note["commit"], "fonts": _fonts(),
        "picture": picture.read_bytes()[:4] == b"\x89PNG" and picture.stat().st_size,
        "files": made, "norm": float(np.linalg.norm(vectors)),
        "sums": np.abs(vectors).sum((1, 2, 3)).tolist(), "ilo": study.scores["ilo"].tolist(),
        "neighbours": int(study.neighbors["index"].values.astype(np.int64).sum()),
    }))  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
