"""One verb per file: read, decide, write. No SQL and no decision of their own."""
