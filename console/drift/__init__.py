"""Drifts of every class, injected through running shops, and a real hub that has to find and tell them apart."""
