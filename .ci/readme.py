"""The README's code, run as it stands.

readme.py block NAME README.md    print the ```bash block that follows the comment <!-- NAME -->
readme.py links PAGE.md ...       is every file there that the pages link to?
readme.py python README.md        run the ```python blocks; where a ```text block follows, that must be what is printed
"""

import io
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path


def block(name, text):
    found = re.findall(rf"^<!-- {re.escape(name)} -->\n+```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    if len(found) != 1 or not found[0].strip():
        sys.exit(f"the README has {len(found)} bash blocks after <!-- {name} -->; there must be one")
    return found[0]


def run_python(text):
    """Run all blocks in one namespace; complain where one prints other things than the README says."""
    pattern = r"^```python\n(.*?)^```\n(?:\n*```text\n(.*?)^```\n)?"
    blocks = re.findall(pattern, text, re.DOTALL | re.MULTILINE)
    if not any(shown for _, shown in blocks):
        sys.exit("the README has no ```python block with its output in a ```text block after it")
    names = {"__name__": "__main__"}
    for number, (source, shown) in enumerate(blocks, 1):
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile(source, f"README block {number}", "exec"), names)
        if shown and printed.getvalue() != shown:
            sys.exit(f"block {number} of the README prints\n{printed.getvalue()}\nand not\n{shown}")
    print(f"{len(blocks)} blocks of Python run, {sum(bool(shown) for _, shown in blocks)} print what the README says")


def links(pages):
    broken = []
    for page in map(Path, pages):
        targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
        broken += [f"{page} links to {t}" for t in targets if ":" not in t and not (page.parent / t).exists()]
    sys.exit("\n".join(broken) or None)


if __name__ == "__main__":
    what, *name, path = sys.argv[1:]
    if what == "links":
        links([*name, path])
    text = Path(path).read_text(encoding="utf-8")
    if what == "block":
        print(block(*name, text), end="")
    else:
        run_python(text)
