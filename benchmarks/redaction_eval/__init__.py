"""How well redaction works, on texts that anyone can make or has: `make eval-redaction`."""
