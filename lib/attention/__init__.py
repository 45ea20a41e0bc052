"""Attention: what each token takes from all others, and what that costs."""
