"""Removing personal data: sanitise, protect, find, mask, and scan what is left (contract §6)."""
