"""The platform as an OAuth 2.0 server, and the workers' dashboard as its first client."""
