"""Measures the hub on this machine, beside what it is compared with. Asserts nothing."""
