"""Tables with named rows and columns, for the other examples."""

from unicodedata import east_asian_width

import numpy as np


def show(title, values, rows, columns, decimals=0):
    """Print a table (a single row of values too) under its title, with at most so many decimals."""
    values = np.atleast_2d(values)
    while decimals > 1 and (np.round(values, decimals) == np.round(values, decimals - 1)).all():
        decimals -= 1
    cells = [[f"{value:.{decimals}f}" for value in row] for row in values]
    columns, rows = list(map(str, columns)), list(map(str, rows))
    column = max(width(cell) for row in [columns, *cells] for cell in row)
    margin = max(map(width, rows))
    print(f"\n{title}")
    print(" " * (margin + 2) + "".join("  " + fill(name, column) + name for name in columns))
    for name, row in zip(rows, cells, strict=True):
        print("  " + name + fill(name, margin) + "".join("  " + fill(cell, column) + cell for cell in row))


def width(text):
    """Places that a text takes on the screen: Chinese characters take two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def fill(text, places):
    return " " * (places - width(text))
