"""A real browser for the pages: the system's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable() -> str | None:
    """Where this machine has a Chromium."""
    return next(
        (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None
    )


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable(), args=list(ARGUMENTS))
        try:
            yield started
        finally:
            started.close()


def watch(context: BrowserContext, own: str) -> list[str]:
    """Everything that a page should not do: console errors, and requests that leave the service."""
    faults: list[str] = []
    context.on("console", lambda m: faults.append(f"console: {m.text}") if m.type == "error" else None)
    context.on("weberror", lambda e: faults.append(f"script: {e.error}"))
    context.on("request", lambda r: None if r.url.startswith(own) else faults.append(f"request: {r.url}"))
    return faults


def fits(page: Page) -> bool:
    """Nothing is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))
