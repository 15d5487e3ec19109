"""The operator's status pages: on this machine only. They change nothing and open no sealed body."""
