"""The Weaviate index: one collection, a named vector for each embedding space."""
