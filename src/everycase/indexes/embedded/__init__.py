"""The embedded index: pgvector in PostgreSQL, in a schema of its own."""
