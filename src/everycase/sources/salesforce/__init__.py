"""A living Salesforce organisation: sessions, queries by REST and Bulk, and the proof of every read."""
