"""Kernels: similarities between samples, and what they measure."""
