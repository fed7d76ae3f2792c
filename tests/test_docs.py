"""The code in the documentation runs, and prints what the pages say."""

import ast
import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
sys.path.insert(0, str(DOCS))

from blocks import blocks, run  # noqa: E402
from docstrings import parts  # noqa: E402

import chmm  # noqa: E402

WRITTEN = [page for page in DOCS.rglob("*.md") if "auto_gallery" not in page.parts]
PAGES = sorted(page.relative_to(DOCS).as_posix() for page in WRITTEN if blocks(page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", PAGES)
def test_the_code_of_a_page_runs_from_top_to_bottom(name, tmp_path, monkeypatch):
    """A block that needs another library is left out where that is missing; a page that cannot go on without one is
    skipped from there on."""
    monkeypatch.chdir(tmp_path)  # pages save files
    page = (DOCS / name).read_text(encoding="utf-8")
    if "plot." in page:
        pytest.importorskip("matplotlib", reason="pictures need matplotlib").use("Agg")
    namespace: dict = {"__name__": "__main__"}
    left_out = set()
    for block in blocks(page):
        if block.is_example:
            continue
        if block.lacks:
            left_out.add(block.lacks)
            continue
        try:
            printed = run(block, namespace, name)
        except ModuleNotFoundError as error:
            if error.name.startswith("chmm"):
                raise
            pytest.skip(f"from line {block.line} on the page needs {error.name}")
        if block.shown is not None:
            assert printed == block.shown, f"line {block.line + 1}"
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")
    if left_out:
        pytest.skip(f"all but the blocks that need {' and '.join(sorted(left_out))} ran")


def test_blocks_and_what_they_print_are_found():
    page = "```python\nprint(1)\n```\n\n```text\n1\n```\n\n```python\n2\n```\n\nText.\n\n```text\nnot its output\n```\n"
    first, second = blocks(page)
    assert (first.source, first.shown, first.line) == ("print(1)\n", "1\n", 1)
    assert (second.source, second.shown) == ("2\n", None)
    assert run(first, {}, "page") == "1\n" and page[: first.end].endswith("1\n```")


def public_docstrings():
    for thing in map(chmm.__dict__.get, chmm.__all__):
        for told in (thing, *vars(thing).values()):
            ours = isinstance(told, property) or (getattr(told, "__module__", None) or "").startswith("chmm")
            if ours and told.__doc__:
                yield told.__doc__


def flat(content):
    return content if isinstance(content, str) else " ".join(map(flat, content))


def test_what_the_api_pages_make_of_docstrings_has_every_word_of_them():
    for docstring in public_docstrings():
        found = parts(docstring)
        assert re.findall(r"\w+", flat([content for _, content in found])) == re.findall(r"\w+", docstring)


def test_arguments_formulas_and_examples_of_a_docstring_are_told_apart():
    docstring = """Summary, with log P.

    x : what it is; more. y, z : others,
    which go on: here.

    a[i] = b[i] + 1
    c = d

        indented = 1

    >>> 1
    1
    """
    assert parts(docstring) == [
        ("text", "Summary, with log P."),
        ("items", [("x", "what it is; more."), ("y, z", "others, which go on: here.")]),
        ("formula", "a[i] = b[i] + 1\nc = d"),
        ("literal", "indented = 1"),
        ("example", ">>> 1\n1"),
    ]


def test_every_file_is_in_a_layer_and_imports_from_its_own_or_lower_ones():
    package = DOCS.parent / "chmm"
    rows = (DOCS / "architecture.md").read_text(encoding="utf-8").partition("| layer |")[2].partition("\n\n")[0]
    layers = [re.findall(r"`(\w+)(?:\.py|/)", row.split(" | ")[1]) for row in rows.splitlines()[2:]]
    layer = {name: k for k, names in enumerate(layers) for name in names}
    assert layer.keys() - {"kernels"} == {path.stem for path in package.glob("*.py")} - {"__init__"} | {"emissions"}
    for path in [*package.glob("[!_]*.py"), *package.glob("emissions/*.py")]:
        inside = path.parent != package
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 1 + inside:
                for name in [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]:
                    assert layer[name] >= layer["emissions" if inside else path.stem], f"{path.stem} imports {name}"
