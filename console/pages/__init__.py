"""The operator's status pages: read-only, on this machine only. They change nothing and open no sealed body."""
