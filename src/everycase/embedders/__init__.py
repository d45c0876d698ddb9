"""Turning text into vectors. Each provider has its own space; spaces never mix."""
