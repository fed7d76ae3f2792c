"""Formulas as MathML, which browsers show by themselves: no script, nothing from elsewhere."""

from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.errors import ExtensionError


def inline(translator, node):
    translator.body.append(str(mathml(node, False)))


def block(translator, node):
    translator.body.append(f'<div class="math">{mathml(node, True)}</div>')


def mathml(node, as_block):
    try:
        return tex2mathml(node.astext(), as_block=as_block)
    except MathError as error:
        raise ExtensionError(f"{node.source}, line {node.line}: {node.astext()!r}: {error}") from error


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
