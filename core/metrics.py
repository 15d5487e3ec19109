"""What a process counts of itself for /metrics: how often and how long, never whose. Serves nothing.

Labels are words of closed lists (kinds, channels, codes), so that neither a merchant nor a flood makes new series.
"""

from __future__ import annotations

from prometheus_client import Counter, Histogram

# Bounds in seconds. A delivery has to be answered within 5 s; work may take as long as a lease.
_ANSWER = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_WORK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0)

# A web process ------------------------------------------------------------------------------------------------

DELIVERIES = Counter(
    "fairway_deliveries",
    "Deliveries answered: accepted, again (known already), refused (4xx), shed (503: come again), failed (500).",
    ("outcome", "reason"),
)
ACCEPTED, AGAIN = DELIVERIES.labels("accepted", ""), DELIVERIES.labels("again", "")
REQUEST_SECONDS = Histogram(
    "fairway_request_seconds", "From the read head of a delivery to its answer.", buckets=_ANSWER
)
COMMIT_DELIVERIES = Histogram(
    "fairway_commit_deliveries",
    "Deliveries that shared one commit.",
    buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500),
)
COMMIT_SECONDS = Histogram(
    "fairway_commit_seconds", "From taking a batch to the end of its commit.", buckets=_ANSWER
)

# Any process --------------------------------------------------------------------------------------------------

LOOP_LAG_SECONDS = Histogram(
    "fairway_loop_lag_seconds", "How much too late the event loop came back to a timer.", buckets=_ANSWER
)
RINGS_MISSED = Counter(
    "fairway_rings_missed", "Rings that Redis did not take; workers find the work by themselves."
)

# A worker -----------------------------------------------------------------------------------------------------

SPELLS = Counter("fairway_spells", "Spells of work that found some, by how they ended.", ("kind", "outcome"))
SPELL_SECONDS = Histogram("fairway_spell_seconds", "How long they took.", ("kind",), buckets=_WORK)
RUNS = Counter(
    "fairway_runs",
    "Runs under a lease: ok, failed, put_off, lost_lease, broken_off (the database).",
    ("kind", "outcome"),
)
RUN_SECONDS = Histogram("fairway_run_seconds", "How long they took.", ("kind",), buckets=_WORK)
DRAINED = Counter("fairway_drained", "Deliveries understood, by what became of them.", ("outcome",))
TOLD = Counter(
    "fairway_told",
    "Things told to channels and carriers: ok, rejected, throttled, unknown (no answer seen).",
    ("what", "outcome"),
)
CALLS = Counter(
    "fairway_calls", "Calls to channels, by the refusal that came of them, or ok.", ("channel", "code")
)
CALL_SECONDS = Histogram("fairway_call_seconds", "How long they took.", ("channel",), buckets=_WORK)


def refused(reason: str, status: int) -> None:
    """Count a delivery that was not taken, for *reason*, with HTTP *status*."""
    outcome = "shed" if status == 503 else "failed" if status >= 500 else "refused"
    DELIVERIES.labels(outcome, reason).inc()
