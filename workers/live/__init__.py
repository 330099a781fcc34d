"""The `live` process: whatever waits for a run, outside Django's request handling."""
