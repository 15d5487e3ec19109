"""Simulations as a command: what happens by chance, judged by the truth that only the simulation knows."""

from __future__ import annotations

import click

from console.cli.table import Table

# name -> (module, function, one line for --help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "stock": (
        "simulate_stock",
        "stock",
        "Seasons of sales for every way of sharing stock: what is oversold, left unsold, kept off the channels.",
    ),
    "drift": (
        "simulate_drift",
        "drift",
        "Drifts of every class at running shops: found, told apart, healed, and none of it by mistake.",
    ),
}


@click.group(cls=Table, commands=COMMANDS)
def simulate() -> None:
    """Simulations: the same seed, the same chances. Exit code 0 only when every figure is reached."""
