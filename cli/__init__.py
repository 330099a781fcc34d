"""The `cef` command: speaks REST and imports nothing of the platform."""
