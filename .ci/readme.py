"""The README's code, run as it stands.

readme.py block NAME README.md    print the ```bash block that follows the comment <!-- NAME -->
readme.py links PAGE.md ...       is every file there that the pages link to? A folder: its pages, at any depth
readme.py python README.md        run the ```python blocks; where a ```text block follows, that must be what is printed
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "docs"))

from blocks import blocks, run


def block(name, text):
    found = re.findall(rf"^<!-- {re.escape(name)} -->\n+```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    if len(found) != 1 or not found[0].strip():
        sys.exit(f"the README has {len(found)} bash blocks after <!-- {name} -->; there must be one")
    return found[0]


def run_python(text):
    """Run all blocks in one namespace; complain where one prints other things than the README says."""
    found = blocks(text)
    if not any(block.shown for block in found):
        sys.exit("the README has no ```python block with its output in a ```text block after it")
    names = {"__name__": "__main__"}
    for number, block in enumerate(found, 1):
        printed = run(block, names, f"README block {number}")
        if block.shown and printed != block.shown:
            sys.exit(f"block {number} of the README prints\n{printed}\nand not\n{block.shown}")
    print(f"{len(found)} blocks of Python run, {sum(bool(b.shown) for b in found)} print what the README says")


def links(pages):
    broken = []
    for page in [page for path in map(Path, pages) for page in (path.rglob("*.md") if path.is_dir() else [path])]:
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
