"""How Schemathesis sends files, and what every answer has besides what the document says of its operation."""

import schemathesis

FILES = ["*/*", "image/png", "application/pdf"]


@schemathesis.serializer(*FILES)
def send_as_it_is(ctx, value):
    """A file is bytes, whatever else was made up for it."""
    content = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    kind = "application/octet-stream" if ctx.case.media_type == "*/*" else ctx.case.media_type
    return {"data": content, "headers": {"Content-Type": kind}}


@schemathesis.check
def has_an_upload_id_and_is_no_bug(ctx, response, case):
    """Every request whose head could be read has an id; no request finds a bug."""
    problem = response.headers.get("content-type", [""])[0].startswith("application/problem+json")
    body = response.json() if problem else {}
    if body.get("type") == "urn:tidegate:problem:internal":
        raise AssertionError(f"the gateway failed: {body}")
    if problem and body["status"] != response.status_code:
        raise AssertionError(f"the problem says {body['status']}, the answer {response.status_code}")
    if "tidegate-upload-id" not in response.headers and not case.path.startswith("/-/"):
        raise AssertionError("the answer has no Tidegate-Upload-Id")
