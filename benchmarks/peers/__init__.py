"""The same small agent run by others and by us, side by side: `make bench-peers`."""
