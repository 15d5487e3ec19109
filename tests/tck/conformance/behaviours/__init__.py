"""The behaviours themselves. Importing this package fills `conformance.behaviour.BEHAVIOURS`."""

from conformance.behaviours import (  # noqa: F401 - each fills the table
    accounts,
    amounts,
    catalog,
    damage,
    facts,
    fulfillments,
    live,
    orders,
    pulling,
    purity,
    refusals,
    requests,
    signatures,
    stock,
    times,
    tracking,
)
