"""Documents: taking them in, and what workers report about them."""
