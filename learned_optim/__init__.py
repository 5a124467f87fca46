"""Learned optimizers for Keras models. Nothing is released in this package yet."""
