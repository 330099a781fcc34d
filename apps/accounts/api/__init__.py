"""The REST API of accounts, and the base of every other app's."""
