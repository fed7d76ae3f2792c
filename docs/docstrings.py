"""chmm's docstrings, taken apart, and put together as reStructuredText for Sphinx.

A docstring is made of paragraphs. One with "name : " lists arguments or fields, each of which begins a line or follows
a full stop; one whose lines all say what something equals is formulas; columns held apart by spaces are a table; ">>>"
starts an example. Everything else is text, with `code` in single backticks.
"""

import inspect
import re
import textwrap
from itertools import groupby

NAME = r"\*{0,2}[A-Za-z_]\w*(?:\(\))?(?:=\"\w+\")?"
ITEM = re.compile(rf"(?:^|(?<=[.;] )|(?<=\n))({NAME}(?:, {NAME})*) :(?: |$)")
FORMULA = re.compile(r"\s*[A-Za-z_]\w*(\[[^\]]*\]|\([^)]*\))? = \S")
FULL_STOP = re.compile(r"[a-z)]\. |\.$")
TABLE = re.compile(r"\S {3,}\S")
CALL = r"[A-Za-z_][\w.]*\((?:[^()`]|\([^()`]*\))*\)"
CODE = re.compile(
    r"`[^`]+`"
    r"|(?P<strong>\*\*[^*\s][^*]*\*\*)"
    rf"|\b[a-z]\w*=(?:{CALL}|\"[^\"]*\"|\([^)]*\)|\[[^\]]*\]|\{{[^}}]*\}}|[\w.-]*\w)"  # an argument and its value
    r"|\b[a-z]\w*=(?=[\s,.;)]|$)"
    rf"|\b{CALL}"
    r"|\b[a-z]\w*\[[^\]]+\]"  # an entry
    r"|\(n_[a-z]+,[^()]*\)"  # a shape
    r"|\b(?:n|[a-z]{2,})(?:_[a-z]{2,})+_?\b(?!\()|\b[a-z]{2,}_(?![\w(])"  # a name with an underscore
)


def parts(docstring):
    """[(kind, content)]: a "list" has a list of texts, "items" have a list of (names, text), and "heading", "text",
    "formula", "table", "example" and "literal" have a text."""
    found = []
    for paragraph in paragraphs(inspect.cleandoc(docstring)):
        lines = paragraph.split("\n")
        if len(lines) > 1 and re.fullmatch("-{3,}", lines[1]):
            found += [("heading", lines[0]), ("items", indented("\n".join(lines[2:])))]
        elif lines[0].startswith(">>>"):
            found.append(("example", paragraph))
        elif lines[0].startswith("- "):
            found.append(("list", [joined(item) for item in re.split(r"^- ", paragraph, flags=re.M)[1:]]))
        elif all(line.startswith("    ") for line in lines):
            found.append(("literal", inspect.cleandoc("\n" + paragraph)))
        elif any(TABLE.search(line) for line in lines):
            found.append(("table", paragraph))
        elif all(FORMULA.match(line) for line in lines) and not FULL_STOP.search(paragraph):
            found.append(("formula", paragraph))
        elif first := ITEM.search(paragraph):
            found += [("text", joined(paragraph[: first.start()]))] * (first.start() > 0)
            found.append(("items", items(paragraph)))
        else:
            found.append(("text", joined(paragraph)))
    return found


def paragraphs(text):
    """Lines between blank ones."""
    stretches = groupby(text.split("\n"), key=lambda line: not line.strip())
    return ["\n".join(lines) for blank, lines in stretches if not blank]


def indented(text):
    """Items of a section: each begins at the margin, and goes on indented."""
    return [item for one in re.split(r"\n(?! )", text) for item in items(one)]


def items(text):
    _, *found = ITEM.split(text)
    return [(names, joined(told)) for names, told in zip(found[::2], found[1::2], strict=True)]


def joined(text):
    return " ".join(line.strip() for line in text.strip().split("\n"))


def reading(docstring):
    """The docstring as lines of reStructuredText."""
    out = []
    for kind, content in parts(docstring):
        if kind == "heading":
            out.append(f".. rubric:: {content}")
        elif kind == "example":
            out.append(content)
        elif kind in ("formula", "table", "literal"):
            out.append(".. code-block:: none\n\n" + textwrap.indent(content, "   "))
        elif kind == "list":
            out.append("\n".join(f"- {inline(item)}" for item in content))
        elif kind == "items":
            out.append("\n".join(f"{terms(names)}\n   {inline(told)}" for names, told in content))
        else:
            out.append(inline(content))
    return "\n\n".join(out).split("\n") + [""]


def terms(names):
    return ", ".join(map(literal, names.split(", ")))


def inline(text):
    """A line of text: code as code, names as links where they lead somewhere, and nothing that reStructuredText would
    take for markup."""
    text = text.replace(" ... ", " … ")  # which a summary would take for the end of its sentence
    out, at = [], 0
    for found in CODE.finditer(text):
        out += [escaped(text[at : found.start()]), marked(found)]
        at = found.end()
    return "".join([*out, escaped(text[at:])])


def marked(found):
    if found["strong"]:
        return f"**{escaped(found['strong'][2:-2])}**"
    code = found[0].strip("`")
    name = re.fullmatch(r"([A-Za-z_][\w.]*)(\([^()]*\))?", code)
    if not name:
        return literal(code) + "\\ "
    target = f".{name[1]}" if re.match("[A-Z][a-z]", name[1]) else name[1]  # a class, in whatever module
    return f":py:obj:`{code} <{target}>`\\ "


def literal(text):
    return f"``{text}``"


def escaped(text):
    return re.sub(r"([\\*|`]|_\b|(?<=\w)_)", r"\\\1", text)


def hook(app, what, name, obj, options, lines):
    """For autodoc-process-docstring."""
    lines[:] = reading("\n".join(lines)) if any(lines) else []
