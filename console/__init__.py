"""For operators and developers: command line, status page, demo, and the servers that come along."""
