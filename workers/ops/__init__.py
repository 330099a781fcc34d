"""Housekeeping that any process of the queue `ops` may do at any time, twice or not at all."""
