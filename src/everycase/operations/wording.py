"""How figures and reports are written: the same words on the command line and on a page."""

from __future__ import annotations

from everycase.reconcile.text import as_text, percent, provider_lines, whole_percent

__all__ = ["as_text", "percent", "provider_lines", "whole_percent"]
