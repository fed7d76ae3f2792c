"""The code in the documentation runs."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
PAGES = sorted(page.name for page in DOCS.glob("*.md"))


@pytest.mark.parametrize("name", PAGES)
def test_the_code_of_a_page_runs_from_top_to_bottom(name):
    if name == "pictures.md":
        pytest.importorskip("matplotlib", reason="pictures need matplotlib").use("Agg")
        pytest.importorskip("pandas")
    namespace: dict = {}
    for block in BLOCK.findall((DOCS / name).read_text(encoding="utf-8")):
        if not block.startswith(">>>"):  # examples of docstrings run as doctests where they stand
            exec(compile(block, name, "exec"), namespace)
