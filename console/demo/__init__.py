"""The demo: two simulated shops share the stock of one merchant, and the books are compared at the end."""
