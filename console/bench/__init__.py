"""Runs the hub's own processes beside what they are compared with, loads all of them alike, and says what came of it."""
