"""The README's code, run as it stands.

readme.py block NAME README.md    print the ```bash block that follows the comment <!-- NAME -->
readme.py python README.md        run the ```python blocks, one after the other; those with >>> as doctests
"""

import doctest
import re
import sys
from pathlib import Path


def block(name, text):
    found = re.findall(rf"<!-- {re.escape(name)} -->\s*```(?:bash|sh|console)\n(.*?)```", text, re.DOTALL)
    if len(found) != 1 or not found[0].strip():
        sys.exit(f"the README has {len(found)} command blocks after <!-- {name} -->; there must be one")
    return found[0]


def run_python(text):
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    if not blocks:
        sys.exit("the README has no ```python block")
    names = {"__name__": "__main__"}
    failures = 0
    for number, source in enumerate(blocks, 1):
        if ">>>" in source:
            test = doctest.DocTestParser().get_doctest(source, names, f"README block {number}", "README.md", 0)
            runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
            failures += runner.run(test, clear_globs=False).failed
            names |= test.globs
        else:
            exec(compile(source, f"README block {number}", "exec"), names)
    print(f"{len(blocks)} blocks of Python in the README, {failures} examples failed")
    return failures


if __name__ == "__main__":
    what, *name, path = sys.argv[1:]
    text = Path(path).read_text(encoding="utf-8")
    if what == "block":
        print(block(*name, text), end="")
    else:
        sys.exit(run_python(text) > 0)
