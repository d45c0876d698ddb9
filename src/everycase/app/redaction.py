"""The redactor, with the redaction settings as the rules take them."""

from __future__ import annotations

from everycase.domain.catalogue import Catalogue
from everycase.redaction import presidio
from everycase.redaction.options import Keep, Options, read_allow_list, read_deny_list
from everycase.redaction.redactor import TableRedactor
from everycase.settings import Settings
from everycase.settings.redaction import RedactionSettings


def make_redactor(settings: Settings, catalogue: Catalogue) -> TableRedactor:
    """Raises `WrongUse` where a list or the model cannot be had."""
    return TableRedactor(
        catalogue=catalogue,
        options=make_options(settings.redaction),
        keep_hardware_addresses=settings.keep_hardware_addresses,
    )


def make_options(settings: RedactionSettings) -> Options:
    """Lists are read from their files. Raises `WrongUse` where a list or the model cannot be had."""
    detectors = (presidio.load(),) if settings.model == "presidio" else ()
    return Options(
        keep=frozenset(Keep(k) for k in settings.keep),
        own_domains=frozenset(settings.own_domains),
        deny=read_deny_list(settings.deny) if settings.deny else (),
        allow=read_allow_list(settings.allow) if settings.allow else frozenset(),
        detectors=detectors,
        detector_seconds=settings.model_seconds,
    )
