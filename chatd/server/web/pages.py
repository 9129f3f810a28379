"""The activation page: HTML that works without script, and whatever it shows is escaped."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from string import Template

from starlette.responses import HTMLResponse

_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0 auto; max-width: 30rem; padding: 2rem 1.25rem;
  font: 1.125rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; }
label { display: block; margin: 1rem 0; }
input, button { box-sizing: border-box; width: 100%; min-height: 3.25rem; padding: .5rem .75rem;
  font: inherit; border-radius: .5rem; border: 1px solid #767676; }
button { margin: 1rem 0; border: 0; font-weight: 600; color: #fff; background: #0b57d0;
  cursor: pointer; }
:focus-visible { outline: 3px solid #f9ab00; outline-offset: 2px; }
code { font-family: ui-monospace, monospace; }
.quiet { font-size: 1rem; opacity: .8; }
"""
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()

CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'"
)

_PAGE = Template(
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>$style</style>
</head>
<body>
<main>
<h1>$title</h1>
$body
</main>
</body>
</html>
"""
)

_CONFIRM = Template(
    """<p>The account <strong>$user</strong> on <strong>$server</strong> was registered with this
address. One click opens it.</p>
<form method="post" action="activate">
<input type="hidden" name="user" value="$user">
<input type="hidden" name="code" value="$code">
<button type="submit">Open the account</button>
</form>
<p class="quiet">Was it not you? Then close this page: nothing happens, and the account is gone
within a day.</p>"""
)

_ASK = Template(
    """<p>$why</p>
<form method="post" action="activate">
<label>Name <input name="user" value="$user" autocomplete="username" autocapitalize="none"
spellcheck="false" maxlength="128" required></label>
<label>Code <input name="code" inputmode="numeric" autocomplete="one-time-code"
maxlength="64" required></label>
<button type="submit">Open the account</button>
</form>
$more"""
)

_ANOTHER = Template(
    """<p class="quiet">For another code: <code>chatctl reset $user</code>, or type
<code>RESET|$user</code> at netcat.</p>"""
)


def confirm(server: str, user: str, code: str) -> HTMLResponse:
    """One button, which gives the code back."""
    body = _CONFIRM.substitute(server=escape(server), user=escape(user), code=escape(code))
    return _page("Open your account", body)


def ask(title: str, why: str, user: str = "", status: int = 200) -> HTMLResponse:
    """Two fields and a button, for who has no link that works."""
    more = _ANOTHER.substitute(user=escape(user)) if user and status != 200 else ""
    return _page(title, _ASK.substitute(why=escape(why), user=escape(user), more=more), status)


def tell(title: str, what: str, status: int = 200) -> HTMLResponse:
    """A sentence or two."""
    return _page(title, f"<p>{escape(what)}</p>", status)


def _page(title: str, body: str, status: int = 200) -> HTMLResponse:
    page = _PAGE.substitute(title=escape(title), style=_STYLE, body=body)
    return HTMLResponse(page, status, {"content-security-policy": CONTENT_SECURITY_POLICY})
