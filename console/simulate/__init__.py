"""Simulations over the real rules: what a way of sharing stock costs, before a merchant pays for it."""
