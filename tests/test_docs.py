"""The code in the documentation runs."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
NEEDS = re.compile(r"# needs (\w+)\n")  # the first line of a block for those who have another library
PAGES = sorted(page.name for page in DOCS.glob("*.md"))


@pytest.mark.parametrize("name", PAGES)
def test_the_code_of_a_page_runs_from_top_to_bottom(name):
    if name == "pictures.md":
        pytest.importorskip("matplotlib", reason="pictures need matplotlib").use("Agg")
        pytest.importorskip("pandas")
    namespace: dict = {}
    left_out = set()
    for block in BLOCK.findall((DOCS / name).read_text(encoding="utf-8")):
        needed = NEEDS.match(block)
        if needed and find_spec(needed[1]) is None:
            left_out.add(needed[1])
        elif not block.startswith(">>>"):  # examples of docstrings run as doctests where they stand
            exec(compile(block, name, "exec"), namespace)
    if left_out:
        pytest.skip(f"all but the blocks that need {' and '.join(sorted(left_out))} ran")
