"""What has to be nothing once a run has come to rest, and how a person calls it."""

COUNTED = (
    ("lost", "orders, units or acknowledged webhooks lost"),
    ("duplicated", "orders or units doubled"),
    ("duplicate_effects", "things that happened twice at a shop or the carrier"),
    ("wrong_states", "orders that are cancelled for one side only"),
    ("tracking_missing", "parcels that a shop does not know of, or whose way is not known"),
    ("wrong_levels", "listings that show a wrong count at the end"),
    ("invariants_violated", "invariants violated"),
)
