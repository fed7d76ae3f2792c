"""
Letters that find their own kinds
=================================

If nobody had told you what a vowel is, could the order of letters tell you?
"""

# %%
# English prose, of which only the letters a to z and spaces are kept: 40,000 characters from the manual that comes with
# Python. Two states are learnt from the characters alone, with nothing said about them.

import re
from pydoc_data.topics import topics

from chmm import Model, plot

text = re.sub("[^a-z]+", " ", " ".join(topics.values()).lower())[100_000:140_000]
model = Model(2, random_state=0).fit(text)

# %%
# One state shows the vowels and the space, the other the consonants. Markov (1913) counted vowels and consonants of
# Pushkin's *Onegin* to show that letters depend on their neighbours. Here the dependence finds the vowels.

plot.emissions(model, n_symbols=12)

# %%
# They alternate: after a vowel there comes a consonant three times in four, and the reverse.

plot.transitions(model)

# %%
# A line of the text, each letter on the colour of its most probable state.

plot.states(model, text[1000:1060], posterior=False)

# sphinx_gallery_thumbnail_number = 3
