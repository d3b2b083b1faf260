"""Reads the corpus with a Python parser and writes one verdict a line: `parsers.py werkzeug|python-multipart|multipart`."""

import base64
import hashlib
import io
import json
import logging
import sys


def file_of(field, filename, content_type, content):
    return {"field": field, "filename": filename, "type": content_type or None, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def werkzeug(content_type, body):
    from werkzeug.formparser import FormDataParser
    from werkzeug.http import parse_options_header

    mimetype, options = parse_options_header(content_type)
    if mimetype != "multipart/form-data":
        raise ValueError("no form")
    parser = FormDataParser(silent=False, max_form_memory_size=None)
    _, form, files = parser.parse(io.BytesIO(body), mimetype, len(body), options)
    fields = list(form.items(multi=True))
    found = [file_of(name, item.filename, item.content_type, item.stream.read()) for name, item in files.items(multi=True)]
    return fields, found


def python_multipart(content_type, body):
    from python_multipart import create_form_parser

    fields, found = [], []

    def on_field(field):
        fields.append((text(field.field_name), text(field.value or b"")))

    def on_file(item):
        item.file_object.seek(0)
        found.append(file_of(text(item.field_name), text(item.file_name or b""), getattr(item, "content_type", None), item.file_object.read()))

    parser = create_form_parser({"Content-Type": content_type.encode("utf-8")}, on_field, on_file)
    parser.write(body)
    parser.finalize()
    # It stays silent about a form without its last boundary.
    if parser.parser.state < 12 and parser.parser.state != parser.parser.state.END:
        raise ValueError("no closing boundary")
    return fields, found


def multipart(content_type, body):
    from multipart import MultipartParser, parse_options_header

    mimetype, options = parse_options_header(content_type)
    if mimetype != "multipart/form-data":
        raise ValueError("no form")
    fields, found = [], []
    for part in MultipartParser(io.BytesIO(body), options["boundary"], strict=True, charset="utf8", header_limit=64, headersize_limit=20000):
        if part.filename is None:
            fields.append((part.name, part.value))
        else:
            found.append(file_of(part.name, part.filename, part.content_type, part.raw))
    return fields, found


def text(raw):
    return raw.decode("utf-8")


def main():
    logging.disable()
    parse = {"werkzeug": werkzeug, "python-multipart": python_multipart, "multipart": multipart}[sys.argv[1]]
    for line in sys.stdin:
        case = json.loads(line)
        try:
            fields, files = parse(case["content_type"], base64.b64decode(case["body"]))
            verdict = {"id": case["id"], "ok": True, "fields": fields, "files": files}
            json.dumps(verdict).encode()
        except Exception as error:  # Whatever a parser throws is its way to refuse.
            verdict = {"id": case["id"], "ok": False, "error": f"{type(error).__name__}: {error}"[:200]}
        sys.stdout.write(json.dumps(verdict) + "\n")


main()
