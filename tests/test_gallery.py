"""The scripts of the gallery run, and draw."""

import runpy
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parent.parent / "docs" / "gallery").glob("plot_*.py"))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_of_the_gallery_runs(script):
    pytest.importorskip("matplotlib", reason="the gallery needs matplotlib").use("Agg")
    import matplotlib.pyplot as plt

    try:
        runpy.run_path(str(script))
        assert plt.get_fignums()
        for number in plt.get_fignums():
            plt.figure(number).canvas.draw()
    except ModuleNotFoundError as error:
        pytest.skip(f"its data come with {error.name}")
    finally:
        plt.close("all")
