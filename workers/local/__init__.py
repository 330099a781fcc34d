"""The embedded stack: PostgreSQL, Valkey and a language model from wheels, for one machine and one developer."""
