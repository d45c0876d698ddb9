"""The pages: server-rendered, usable by links and forms alone."""

from __future__ import annotations

from fastapi import APIRouter

from everycase.web.pages import case_pages, failure_pages, home, reference, run_pages, search_page, sign_in

router = APIRouter()
for part in (home, case_pages, failure_pages, run_pages, search_page, sign_in, reference):
    router.include_router(part.router)
