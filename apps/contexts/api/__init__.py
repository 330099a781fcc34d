"""Contexts, documents and their ingest over REST."""
