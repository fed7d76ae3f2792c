"""Tables with named rows and columns, for the other examples."""

from unicodedata import east_asian_width

import numpy as np


def show(title, values, rows, columns, decimals=6):
    """Print a table (a single row of values too) under its title."""
    values = np.atleast_2d(values)
    cells = [[str(v) if values.dtype.kind in "iu" else f"{v:.{decimals}f}" for v in row] for row in values.tolist()]
    columns, rows = list(map(str, columns)), list(map(str, rows))
    column = max(map(width, columns + sum(cells, [])))
    margin = max(map(width, rows))
    print(f"\n{title}")
    print(" " * (margin + 2) + "".join("  " + left(name, column) for name in columns))
    for name, row in zip(rows, cells, strict=True):
        print("  " + right(name, margin) + "".join("  " + left(cell, column) for cell in row))


def width(text):
    """Places that a text takes on the screen: Chinese characters take two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def left(text, places):
    return " " * (places - width(text)) + text


def right(text, places):
    return text + " " * (places - width(text))
