"""The code blocks of a page, found and run as a reader runs them: from top to bottom, in one namespace."""

import io
import re
from contextlib import redirect_stdout
from importlib.util import find_spec
from typing import NamedTuple

BLOCK = re.compile(r"^```python\n(.*?)^```\n?(?:\n*```text\n(.*?)^```)?", re.DOTALL | re.MULTILINE)
NEEDS = re.compile(r"# needs (\w+)\n")  # the first line of a block for those who have another library


class Block(NamedTuple):
    """A ```python block, and what it prints: the ```text block right after it, or None."""

    source: str
    shown: str | None
    end: int  # of all of it in the page
    line: int  # of its first line in the page

    @property
    def lacks(self):
        """The library that the block needs and that is not here, or None."""
        needed = NEEDS.match(self.source)
        return needed[1] if needed and find_spec(needed[1]) is None else None

    @property
    def is_example(self):
        """An example of a docstring, which runs as a doctest where it stands."""
        return self.source.startswith(">>>")


def blocks(page):
    return [Block(*found.groups(), found.end(), page.count("\n", 0, found.start(1))) for found in BLOCK.finditer(page)]


def run(block, names, title):
    """What the block prints; an error has the lines of the page."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile("\n" * block.line + block.source, title, "exec"), names)
    return printed.getvalue()
