"""Batch context processing: the stages from a file's bytes to searchable chunks."""
