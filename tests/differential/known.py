"""Differences that are known, each with the reason why our reading is the right or the stricter one.

An entry applies to what was compared (`what`) by certain parsers, on forms of which its condition says why they are read in two
ways. Those that are not `of_written` never reach an upstream: the gateway
writes each form anew, under a boundary of its own.
"""

import base64
import re
from typing import Callable, NamedTuple


class Known(NamedTuple):
    name: str
    parsers: tuple
    what: tuple
    why: str
    applies: Callable
    # Whether it is one of forms that we write as well.
    of_written: bool = False


ALL = ("field names", "field values", "number of files", "sha256", "size", "field", "filename", "type")


def whole(case):
    return base64.b64decode(case["body"])


def boundary(case):
    return re.search(r'boundary="?([^";]*)', case["content_type"], re.IGNORECASE).group(1).encode()


def has_near_boundary(case, *_):
    """The boundary stands in content: at its beginning, after a lone CR or LF, or goes on behind its end."""
    body, dashes = whole(case), re.escape(b"--" + boundary(case))
    beginnings = rb"\r\n\r\n" + dashes, rb"(?<!\r)\n" + dashes, rb"\r" + dashes, rb"\r\n" + dashes + rb"(?!\r\n|--)"
    return any(re.search(pattern, body) for pattern in beginnings)


def has_star_alone(case, *_):
    return re.search(rb"filename\*=", whole(case), re.IGNORECASE) and not re.search(rb"[; ]filename=", whole(case), re.IGNORECASE)


def is_escaped_quote(_, ours, theirs):
    """The readings are the same but for `%22` in the place of a quote."""
    return str(ours).replace('"', "%22").replace("'", "%22") == str(theirs).replace("'", "%22").replace('"', "%22")


KNOWN = [
    Known(
        "near boundaries",
        ("werkzeug", "busboy", "fastify-busboy"),
        ALL,
        "RFC 2046 section 5.1.1: a delimiter is CRLF, two hyphens, the boundary, and then CRLF or two hyphens. These parsers also end a "
        "part where the boundary follows a lone CR or LF or the head itself, or where it is the beginning of a longer line.",
        has_near_boundary,
    ),
    Known(
        "filename* alone",
        ("python-multipart", "multipart"),
        ("field names", "field values", "number of files"),
        "They do not know `filename*` in forms (RFC 7578 section 4.2 asks senders not to write it) and take the part for a text field. "
        "Clients do write it, and the contract accepts it; the file's bytes are the same.",
        has_star_alone,
    ),
    Known(
        "%22 in quotes",
        ("python-multipart", "busboy", "fastify-busboy"),
        ("field names", "filename", "field"),
        "The WHATWG's encoding, which all browsers use, writes a quote as `%22`; these parsers leave it as it stands.",
        is_escaped_quote,
        of_written=True,
    ),
]
