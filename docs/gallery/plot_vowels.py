"""
Letters that find their own kinds
=================================

If nobody had told you what a vowel is, could the order of letters tell you?
"""

# %%
# English prose, reduced to the letters a to z and spaces: 40,000 characters from the manual that comes with Python. Two
# states are learnt from the characters alone, with no other information.

import re
from pydoc_data.topics import topics

from chmm import Model, plot

text = re.sub("[^a-z]+", " ", " ".join(topics.values()).lower())[100_000:140_000]
model = Model(2, random_state=0).fit(text)

# %%
# One state emits the vowels and the space, the other the consonants. Markov (1913) counted vowels and consonants in
# Pushkin's *Onegin* to show that letters depend on their neighbours. Here this dependence reveals the vowels.

plot.emissions(model, n_symbols=12)

# %%
# They alternate: a vowel is followed by a consonant three times out of four, and vice versa.

plot.transitions(model)

# %%
# A line of the text, each letter on the colour of its most probable state.

plot.states(model, text[1000:1060], posterior=False)

# sphinx_gallery_thumbnail_number = 3
