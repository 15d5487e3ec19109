"""The table of commands. A command's module is imported only when it runs, so that --help is quick."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from console.cli.table import Table
from core.errors import ChannelError, FairwayError

# name -> (module, function, one line for --help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("demo", "demo", "Two simulated shops, one hub, and the books that must balance."),
    "chaos": ("chaos", "chaos", "Strike everything the hub is made of, and compare the books afterwards."),
    "up": ("serve", "up", "Run the whole hub here, with its own PostgreSQL and Valkey."),
    "web": ("serve", "web", "Run one web process: takes webhooks."),
    "worker": ("serve", "worker", "Run one worker process: does everything else."),
    "migrate": ("serve", "migrate_command", "Bring the database to the newest schema."),
    "backup": ("backup", "backup", "Write the whole database to one file."),
    "restore": ("backup", "restore", "Put a backup back; nothing is told twice afterwards."),
    "connect": ("accounts", "connect", "Link an account of a channel."),
    "connections": (
        "accounts",
        "connections_command",
        "List linked accounts; allow or forbid writing to them.",
    ),
    "channels": ("channels", "channels", "What each channel and carrier can do, and how well it is tested."),
    "channel": ("channels", "channel", "Measure one connector with the conformance kit."),
    "catalog": ("catalog", "catalog", "Listings, their match by SKU, and what a person must look at."),
    "stock": (
        "stock",
        "stock",
        "What is on the shelves, and everything that is done there: count, receive, ...",
    ),
    "incidents": (
        "incidents",
        "incidents",
        "Units that were sold and are not there, and what becomes of their orders.",
    ),
    "locations": ("locations", "locations", "Where stock is, whose count holds, and who sells from it."),
    "stop-sell": ("brakes", "stop_sell", "Take listings off sale, before anything else is told."),
    "resume": ("brakes", "resume", "Take a stop back."),
    "freeze": ("brakes", "freeze", "Write no stock to channels, at once."),
    "unfreeze": ("brakes", "unfreeze", "Take a freeze back."),
    "waves": ("brakes", "waves", "Changes of many listings at once that wait for an answer."),
    "reconcile": (
        "reconcile",
        "reconcile",
        "Read back what channels show, and compare it with what they should.",
    ),
    "drifts": (
        "drifts",
        "drifts",
        "Counts at channels that are not what they should be, and whose count is right.",
    ),
    "certificates": (
        "certificates",
        "certificates",
        "For each closed hour, whether every order a channel lists is here.",
    ),
    "orders": ("orders", "orders", "The newest orders, or one whole."),
    "ship": ("ship", "ship", "Goods of an order left in a parcel: stock, channel and carrier follow."),
    "outbox": ("ship", "outbox", "What channels and carriers still have to be told, and what they refused."),
    "rules": ("rules", "rules", "What orders come in as: ship, reserve, record, ignore."),
    "words": ("rules", "words", "What a merchant's own status words and SKU patterns mean."),
    "pull": ("orders", "pull", "Ask the channels now for what webhooks may have lost."),
    "parse": ("parse", "parse", "What a channel's payload means to Fairway (no database)."),
    "schema": ("parse", "schema", "The JSON Schema of the canonical order."),
    "parked": ("deliveries", "parked", "Deliveries that wait for a person, and why."),
    "replay": ("replay", "replay", "Have stored deliveries read again; nothing is counted twice."),
    "listen": ("listen", "listen", "Show deliveries as they arrive and what becomes of them."),
    "trigger": ("trigger", "trigger", "Send this hub a signed webhook, as a channel would."),
    "runs": ("runs", "runs", "What the jobs did: every run with its outcome, or one with all it said."),
    "log": ("runs", "log", "What the jobs say, as it is said with --follow."),
    "doctor": ("doctor", "doctor", "Look at everything an operator would check, and say what to do."),
    "verify": ("verify", "verify", "Check every invariant of the stored data."),
    "scenario": (
        "scenario",
        "scenario",
        "Live through simulated hours with a real hub, judged by the books.",
    ),
    "simulate": ("simulate", "simulate", "Play what happens by chance, and say what the hub makes of it."),
    "bench": ("bench", "bench", "Measure this machine."),
}


@click.group(
    cls=Table,
    commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def fairway() -> None:
    """Fairway takes in every order, keeps one true count of stock, and tells every channel.

    Try it: ./fairway demo
    """


def main(argv: list[str] | None = None) -> None:
    """Run a command; errors are sentences on standard error, and the exit code says their kind."""
    try:
        if armed := os.environ.get("FAIRWAY_FAILPOINT"):
            from core.failpoints import arm

            arm(armed)
        result: Any = fairway.main(args=argv, prog_name="fairway", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except FairwayError as error:
        click.echo(f"fairway: {error}", err=True)
        sys.exit(error.exit_code)
    except ChannelError as error:
        click.echo(f"fairway: the channel refused: {error}", err=True)
        sys.exit(5)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever read us has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        from core.store.database import TAKEN_BACK

        if not isinstance(error, TAKEN_BACK):
            raise
        sentence = "The database took this back, since others change the same at this moment. Say it again."
        click.echo(f"fairway: {sentence} ({type(error).__name__})", err=True)
        sys.exit(FairwayError.exit_code)
    sys.exit(result if isinstance(result, int) else 0)
