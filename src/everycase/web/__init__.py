"""The HTTP service: API, pages, live progress, metrics (contract §17)."""
