"""The public edge: takes deliveries over HTTP, proves them, has them stored. Understands none of them."""
