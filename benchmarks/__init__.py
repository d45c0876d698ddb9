"""Measurements: each prints its figures beside a peer or a limit, as a ratio, from one run."""
