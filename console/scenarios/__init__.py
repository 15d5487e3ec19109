"""Scenarios: a real hub over simulated channels for simulated hours, judged by the channels' books."""
