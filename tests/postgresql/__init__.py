"""Django's PostgreSQL backend, which empties tables quickly between tests."""
