"""What schemathesis cannot know about KPN Things: the API key of the simulator, and the 302."""

import os

import schemathesis

VARIABLES = {
    "audience": "KPN_THINGS_APPLICATION_ID",
    "client_id": "KPN_THINGS_KEY_ID",
    "client_secret": "KPN_THINGS_KEY_SECRET",
}


@schemathesis.hook
def map_body(context, body):
    """Puts the API key into generated token requests, so that valid ones get a token.

    Replaces texts only, so that a generated body that is invalid stays invalid.
    """
    if not context.operation.path.endswith("/token") or not isinstance(body, dict):
        return body
    key = {name: os.environ[variable] for name, variable in VARIABLES.items() if isinstance(body.get(name), str)}
    return {**body, **key}


@schemathesis.check
def missing_token_is_redirected(context, response, case):
    """A call without a token gets a 302. The built-in check `missing_required_header` knows only 401."""
    operation = case.operation
    if operation.path.endswith("/token") or case.method != operation.method.upper():
        return
    if "Authorization" not in response.request.headers and response.status_code != 302:
        raise AssertionError(f"a call without a token got {response.status_code}, not 302")
