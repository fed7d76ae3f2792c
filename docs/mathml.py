"""Formulas as MathML, which browsers show by themselves: no script, nothing from elsewhere."""

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.errors import ExtensionError


def inline(translator, node):
    translator.body.append(mathml(node, False))
    raise nodes.SkipNode


def block(translator, node):
    translator.body.append(f'<div class="math">{mathml(node, True)}</div>')
    raise nodes.SkipNode


def mathml(node, as_block):
    try:
        written = tex2mathml(node.astext(), as_block=as_block)
    except MathError as error:
        raise ExtensionError(f"{node.source}, line {node.line}: {node.astext()!r}: {error}") from error
    return written.replace("<mo>&ApplyFunction;</mo>", '<mo lspace="0" rspace="0.17em">&ApplyFunction;</mo>')


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
