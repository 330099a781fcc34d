"""The REST API of tools: reading what is registered."""
