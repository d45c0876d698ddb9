"""How figures and reports are written: the same words on the command line and on a page."""

from __future__ import annotations

from everycase.domain.completeness import percent, whole_percent
from everycase.reconcile.text import as_text, few_fields, provider_lines

__all__ = ["as_text", "few_fields", "percent", "provider_lines", "whole_percent"]
