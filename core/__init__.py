"""The hub's own words, decisions and machinery. Knows no channel by name."""
