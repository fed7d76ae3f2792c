"""
Reading digits from left to right
=================================

A scanner that sees one column at a time: can it tell which digit passes by?
"""

# %%
# Handwritten digits, 8 × 8 pixels (scikit-learn's ``load_digits``). Each is a sequence of eight columns, each column a
# vector of eight values. Each class has a model, whose states can only lead on; Bayes' rule compares them.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from chmm import Gaussian, Model, SequenceClassifier

digits = load_digits()
columns = list(digits.images.transpose(0, 2, 1))  # (image, column, row)
model = Model(6, Gaussian(covariance="tied", prior=20), topology="left-right", n_init=1, random_state=0)
classifier = SequenceClassifier(model).fit(columns[::2], digits.target[::2])
print(f"right: {classifier.score(columns[1::2], digits.target[1::2]):.3f} of the other half")

# %%
# What the states of each class expect to see, side by side, is its idea of the digit.

figure, axes = plt.subplots(1, 10, figsize=(10, 1.8), layout="constrained")
for digit, ax in enumerate(axes):
    ax.imshow(classifier.models_[digit].emission_.means.T, cmap="Greys")
    ax.set(title=digit, xticks=[], yticks=[])

# %%
# One that it gets wrong, and what it holds possible.

wrong = np.flatnonzero(classifier.predict(columns) != digits.target)[0]
figure, (left, right) = plt.subplots(1, 2, figsize=(6, 2.5), layout="constrained")
left.imshow(digits.images[wrong], cmap="Greys")
left.set(title=f"a {digits.target[wrong]}", xticks=[], yticks=[])
right.bar(range(10), np.ravel(classifier.predict_proba([columns[wrong]])), color="0.4")
right.set(xticks=range(10), ylim=(0, 1), title="P(digit)")
