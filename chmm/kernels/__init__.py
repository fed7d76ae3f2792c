"""Compiled recursions. Plain arrays in, plain arrays out; they know nothing of `Model` and check nothing."""
