"""Draws readme.svg, the picture of the project's README, of the model in its first block: python docs/readme.py"""

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import pandas as pd

from chmm import plot

HERE = Path(__file__).parent
GREY = "#808890"  # between light and dark: it can be read on white and on black


def main():
    page = (HERE.parent / "README.md").read_text(encoding="utf-8")
    names: dict = {}
    with redirect_stdout(StringIO()):
        exec(re.search(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[1], names)
    parts = ["text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"]
    matplotlib.rcParams.update(dict.fromkeys(parts, GREY) | {"svg.fonttype": "none", "svg.hashsalt": "readme"})
    quakes = pd.Series(names["quakes"], index=range(1900, 2007), name="earthquakes")
    figure = plot.states(names["model"], quakes).figure
    figure.axes[-1].set_xlabel("year")
    figure.savefig(HERE / "readme.svg", facecolor="none", metadata={"Date": None})


if __name__ == "__main__":
    main()
