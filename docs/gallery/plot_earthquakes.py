"""
How many kinds of years does the earth have?
============================================

Counts of major earthquakes vary more than chance allows. Are there quiet and restless times, and how many kinds?
"""

# %%
# Earthquakes of magnitude 7 or more in each year from 1900 to 2006 (Zucchini & MacDonald 2009, *Hidden Markov Models for
# Time Series*, table 1.1). If they came independently at a constant rate, the variance would equal the mean.

import pandas as pd

from chmm import Model, Poisson, plot, select

counts = [
    13, 14, 8, 10, 16, 26, 32, 27, 18, 32, 36, 24, 22, 23, 22, 18, 25, 21, 21, 14, 8, 11, 14, 23, 18, 17, 19, 20, 22, 19,
    13, 26, 13, 14, 22, 24, 21, 22, 26, 21, 23, 24, 27, 41, 31, 27, 35, 26, 28, 36, 39, 21, 17, 22, 17, 19, 15, 34, 10, 15,
    22, 18, 15, 20, 15, 22, 19, 16, 30, 27, 29, 23, 20, 16, 21, 21, 25, 16, 18, 15, 18, 14, 10, 15, 8, 15, 6, 11, 8, 7, 18,
    16, 13, 12, 13, 20, 15, 16, 12, 18, 15, 16, 13, 15, 16, 11, 11,
]  # fmt: skip
quakes = pd.Series(counts, index=pd.date_range("1900", periods=107, freq="YS"), name="earthquakes a year")
print(f"mean {quakes.mean():.1f}, variance {quakes.var():.1f}")

# %%
# So the rate changes. Compare models with one to five states; the criteria penalise each parameter. BIC selects three
# states, and so does AIC. ICL also penalises states that cannot be told apart, and selects two.

found = select(Model(emission=Poisson(), startprob="stationary", random_state=0), quakes, n_states=range(1, 6))
plot.selection(found)

# %%
# With three states, the 1940s were restless, and the time since 1980 has been quiet.

model = found.best.relabel({0: "quiet", 1: "average", 2: "restless"})
plot.states(model, quakes)

# %%
# The three rates, and how often each applies: their sum (grey line) follows the histogram.

plot.emissions(model, quakes)

# sphinx_gallery_thumbnail_number = 2
