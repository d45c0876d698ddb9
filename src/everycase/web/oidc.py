"""Sign-in with an organisation's identity provider (OpenID Connect), by Authlib: extra `everycase[oidc]`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response

from everycase.domain.access import Caller, Role, new_secret
from everycase.domain.errors import DependencyUnreachable, WrongUse
from everycase.operations import access
from everycase.settings import OidcSettings, ServeSettings
from everycase.web.auth import Everycase
from everycase.web.pages.frame import to
from everycase.web.pages.sign_in import set_cookie
from everycase.web.problems import RefusedRequest

router = APIRouter()

_NAME = "organisation"


def add(service: FastAPI, s: ServeSettings) -> None:
    """Let people sign in with the issuer of the settings; does nothing where none is set.

    Raises `WrongUse` where Authlib is not installed.
    """
    service.state.oidc = None
    if not s.oidc.issuer:
        return
    try:
        from authlib.integrations.starlette_client import OAuth
        from starlette.middleware.sessions import SessionMiddleware
    except ImportError:
        raise WrongUse("EVERYCASE_SERVE__OIDC__ISSUER needs Authlib: pip install 'everycase[oidc]'") from None
    oauth = OAuth()
    oauth.register(
        _NAME,
        server_metadata_url=f"{s.oidc.issuer.rstrip('/')}/.well-known/openid-configuration",
        client_id=s.oidc.client_id,
        client_secret=s.oidc.client_secret.get_secret_value() if s.oidc.client_secret else None,
        client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256"},
    )
    service.state.oidc = getattr(oauth, _NAME)
    service.state.oidc_claims = _claims_options(s.oidc)
    service.state.oidc_operators = frozenset(s.oidc.operators)
    # Holds state and nonce between the two steps of a sign-in, signed by a key of this process.
    service.add_middleware(
        SessionMiddleware,
        secret_key=s.oidc.state_secret.get_secret_value() if s.oidc.state_secret else new_secret(),
        session_cookie="everycase_oidc",
        max_age=600,
        same_site="lax",
        https_only=s.https,
    )
    service.include_router(router, include_in_schema=False)


@router.get("/oidc/sign-in")
async def begin(request: Request) -> Response:
    """Go to the identity provider."""
    try:
        response: Response = await request.app.state.oidc.authorize_redirect(
            request, request.url_for("finish")
        )
    except _network_errors() as e:
        raise _no_answer(e) from None
    return response


@router.get("/oidc/callback", name="finish")
async def finish(request: Request, app: Everycase) -> Response:
    """Come back from the identity provider, which vouches for somebody."""
    caller = _caller(await _claims(request), request.app.state.oidc_operators)
    session = access.sign_in_subject(app, caller)
    response = to("/")
    set_cookie(request, response, session.secret)
    return response


async def _claims(request: Request) -> Mapping[str, Any]:
    """What the signed identity token says; its signature, issuer, audience, nonce and time are checked.

    Raises `RefusedRequest` where it is not right, `DependencyUnreachable` where the issuer does not answer.
    """
    from authlib.common.errors import AuthlibBaseError
    from joserfc.errors import JoseError

    state = request.app.state
    try:
        token = await state.oidc.authorize_access_token(request, claims_options=state.oidc_claims)
    except (AuthlibBaseError, JoseError) as e:
        reason = str(getattr(e, "error", "")) or type(e).__name__
        raise RefusedRequest(403, f"the identity provider did not vouch for you ({reason})") from None
    except _network_errors() as e:
        raise _no_answer(e) from None
    claims: Mapping[str, Any] | None = token.get("userinfo")
    if not claims:
        raise RefusedRequest(403, "the identity provider did not vouch for you (it sent no identity token)")
    return claims


def _network_errors() -> tuple[type[Exception], ...]:
    """What Authlib's HTTP client raises: that of httpx2 where it is installed, else of httpx."""
    from authlib.integrations.httpx_client._compat import httpx2

    return (httpx2.HTTPError,)


def _no_answer(error: Exception) -> DependencyUnreachable:
    return DependencyUnreachable(
        f"the identity provider does not answer ({type(error).__name__}): sign in with a token meanwhile, or "
        "look at EVERYCASE_SERVE__OIDC__ISSUER"
    )


def _claims_options(s: OidcSettings) -> dict[str, Any]:
    """An identity token must be of this issuer and for this service; Authlib does not check for whom."""
    issuer = s.issuer.rstrip("/")
    return {
        "iss": {"essential": True, "values": [issuer, f"{issuer}/"]},
        "aud": {"essential": True, "values": [s.client_id]},
    }


def _caller(claims: Mapping[str, Any], operators: frozenset[str]) -> Caller:
    """Everybody the issuer vouches for may look; the operators of the settings may order as well."""
    is_operator = claims["sub"] in operators or (
        bool(claims.get("email_verified")) and claims.get("email") in operators
    )
    return Caller(name=str(claims["sub"]), role=Role.OPERATOR if is_operator else Role.VIEWER)
