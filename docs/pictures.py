"""The code blocks of a page are run while it is read. They print what the page says, and what one drew is shown after it."""

from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

from blocks import blocks, run
from sphinx.errors import ExtensionError

FOLDER = "_pictures"  # in the source folder, where Sphinx looks for images; git does not know it
INCH = 96  # pixels of the page
DENSITY = 2  # pixels of the picture for each


def hook(app, name, source):
    """For source-read."""
    path = Path(app.env.doc2path(name))
    if path.suffix == ".md":
        source[0] = illustrated(source[0], name, Path(app.srcdir).resolve() / FOLDER)


def illustrated(page, name, folder):
    """The page with an image after each block that drew one. What the code saves goes into a folder of its own."""
    with TemporaryDirectory() as room, chdir(room):
        return drawn(page, name, folder)


def drawn(page, name, folder):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    folder.mkdir(exist_ok=True)
    plt.close("all")
    names, out, at, n_drawn = {}, [], 0, 0
    for block in blocks(page):
        if block.is_example or block.lacks:
            continue
        try:
            printed = run(block, names, f"{name}.md")
        except Exception as error:
            raise ExtensionError(f"{name}.md, the block at line {block.line + 1}: {error!r}") from error
        if block.shown not in (None, printed):
            raise ExtensionError(f"{name}.md, the block at line {block.line + 1} prints\n{printed}")
        out.append(page[at : block.end])
        at = block.end
        for number in plt.get_fignums():
            figure, n_drawn = plt.figure(number), n_drawn + 1
            file = f"{name.replace('/', '-')}-{n_drawn}.png"
            figure.savefig(folder / file, dpi=DENSITY * INCH, bbox_inches="tight")
            out.append(picture(f"/{FOLDER}/{file}", figure, block))
        plt.close("all")
    return "".join([*out, page[at:]])


def picture(path, figure, block):
    drawing = [line.strip() for line in block.source.split("\n") if "plot." in line] or ["the figure of this code"]
    width = round(figure.get_figwidth() * INCH)
    return f"\n\n```{{image}} {path}\n:alt: the picture drawn by {'; '.join(drawing)}\n:width: {width}px\n```\n"
