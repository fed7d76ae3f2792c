"""
Reading digits from left to right
=================================

A scanner sees one column of pixels at a time. Can it tell which digit is passing by?
"""

# %%
# Handwritten digits, 8 × 8 pixels (scikit-learn's ``load_digits``). Each is a sequence of eight columns, and each
# column a vector of eight values. Each class has its own left-right model; Bayes' rule compares them.

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
# The means of the states of each class, side by side, show what the model expects the digit to look like.

figure, axes = plt.subplots(1, 10, figsize=(10, 1.8), layout="constrained")
for digit, ax in enumerate(axes):
    ax.imshow(classifier.models_[digit].emission_.means.T, cmap="Greys")
    ax.set(title=digit, xticks=[], yticks=[])

# %%
# A digit that it gets wrong, and the probabilities that it assigns.

wrong = np.flatnonzero(classifier.predict(columns) != digits.target)[0]
figure, (left, right) = plt.subplots(1, 2, figsize=(6, 2.5), layout="constrained")
left.imshow(digits.images[wrong], cmap="Greys")
left.set(title=f"a {digits.target[wrong]}", xticks=[], yticks=[])
right.bar(range(10), np.ravel(classifier.predict_proba([columns[wrong]])), color="0.4")
right.set(xticks=range(10), ylim=(0, 1), title="P(digit)")
