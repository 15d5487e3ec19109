"""Chaos: everything the hub is made of is struck for a while, from a seed, and then the books are compared."""
