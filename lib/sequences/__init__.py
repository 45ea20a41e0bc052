"""Sequences: models of labels, tokens and paths."""
