"""Links of pages that lead out of docs/, as they do in the repository: to the page that includes the file, to the
repository if its address is known, and else they become plain text."""

import os
import re
from pathlib import Path

LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#\s:]+)(#[^)\s]*)?\)")
INCLUDED = {
    "README.md": "index.md",
    "README.md#what-to-pass": "passing.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}


def hook(app, name, source):
    """For source-read."""
    page = Path(app.env.doc2path(name))
    if page.suffix == ".md":
        source[0] = followed(source[0], page.parent, page.parent, app)


def included(app, path, name, source):
    """For include-read."""
    docs = Path(app.srcdir)
    source[0] = followed(source[0], (docs / path).resolve().parent, (docs / name).parent, app)


def followed(text, base, here, app):
    """base : the folder that links of the text start from; here : the folder of the page that shows it."""
    docs = Path(app.srcdir).resolve()
    root, repository = docs.parent, app.config.chmm_repository

    def link(found):
        label, target, anchor = found[1], (base / found[2]).resolve(), found[3] or ""
        if not target.exists() or not target.is_relative_to(root):
            return found[0]
        if not target.is_relative_to(docs):
            inside = target.relative_to(root).as_posix()
            page = INCLUDED.get(inside + anchor) or (INCLUDED.get(inside) if inside != "README.md" else None)
            if page is None:
                return f"[{label}]({repository}/blob/main/{inside}{anchor})" if repository else label
            target = docs / page
        return f"[{label}]({Path(os.path.relpath(target, here)).as_posix()}{anchor})"

    return LINK.sub(link, text)
