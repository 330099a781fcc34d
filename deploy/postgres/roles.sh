#!/bin/sh
# Run once by the database's image: the role that owns the tables and the role that the platform runs as.
set -eu
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" -v ON_ERROR_STOP=1 \
    -v owner_password="$CEF_OWNER_PASSWORD" -v app_password="$CEF_APP_PASSWORD" <<'SQL'
CREATE ROLE cef_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE cef_app LOGIN PASSWORD :'app_password';
CREATE DATABASE cef OWNER cef_owner;
REVOKE ALL ON DATABASE cef FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE cef TO cef_app;
\connect cef
CREATE EXTENSION IF NOT EXISTS vector;
ALTER DEFAULT PRIVILEGES FOR ROLE cef_owner IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO cef_app;
ALTER DEFAULT PRIVILEGES FOR ROLE cef_owner IN SCHEMA public GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO cef_app;
SQL
