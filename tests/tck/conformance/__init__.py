"""The conformance kit: what every connector has to do, written once and knowing no channel."""
