"""Writes the corpus: named tricks, then forms put together at random from a fixed seed. One JSON object a line."""

import base64
import json
import random
import sys

SEED = 0x7464_6761_7465
RANDOM_FORMS = 1600
B = b"bb"
PLAIN = "multipart/form-data; boundary=bb"
FIELD = b'Content-Disposition: form-data; name="a"'
FILE = b'Content-Disposition: form-data; name="f"; filename="a.txt"'


def form(parts, boundary=B, opening=b"", closing=b"\r\n"):
    """A form of (head, content) pairs."""
    body = opening
    for number, (head, content) in enumerate(parts):
        body += (b"" if number == 0 else b"\r\n") + b"--" + boundary + b"\r\n" + head + b"\r\n\r\n" + content
    return body + b"\r\n--" + boundary + b"--" + closing


def one(head, content=b"x"):
    return form([(head, content)])


def disposition(parameters):
    return b"Content-Disposition: form-data; " + parameters


def boundaries():
    for value in [
        "bb", '"bb"', "bb;", "bb; charset=utf-8", '"bb"; x="; boundary=cc"', "bb; boundary=cc", "bb; boundary=bb", "", '""', "'bb'",
        "bb,cc", '"bb,cc"', "b b", '"b b"', '"bb "', " bb", "bb ", '"bb', 'bb"', '"b\\b"', "b*b", "=bb", "bb=", "(bb)", "b/b:b?",
        '"b/b:b?"', "b" * 70, "b" * 71, "b" * 5000, "--bb", "\u00fc",
    ]:
        for boundary in [B, value.strip(' "\';').encode(), b"cc"]:
            body = form([(FIELD, b"v"), (FILE, b"x")], boundary)
            yield f"boundary {value[:40]} read as {boundary[:40]!r}", "multipart/form-data; boundary=" + value, body
    for value in [
        "Multipart/Form-Data; Boundary=bb", "multipart/form-data", "multipart/mixed; boundary=bb", "multipart/form-data boundary=bb",
        "multipart/form-data; boundary*=UTF-8''bb", "multipart/form-data; boundary*0=b; boundary*1=b", "multipart/form-data;boundary=bb",
        "multipart/form-data; boundary =bb", "multipart/form-data; boundary= bb", 'multipart/form-data; x="\\"; boundary=cc"; boundary=bb',
        "multipart/form-data, text/plain; boundary=bb", "text/plain; multipart/form-data; boundary=bb",
    ]:
        yield f"type {value}", value, form([(FIELD, b"v"), (FILE, b"x")])


def delimiters():
    near = [
        b"--bb", b"--bb--", b"\r\n--b", b"\r\n--bbb", b"\r\n--bbb\r\n", b"\r\n--bb-", b"\r\n--bb-x", b"\r\n--bb\rx", b"\r\n--bb\nx",
        b"\n--bb\n", b"\n--bb--\n", b"\r--bb\r", b"\r\n--bb ", b"\r\n--bb \r\n", b"\r\n--bb\t--", b"\r\n--bb--x", b"\r\n--bb\r\n", b"\r\n--bb--",
        b"\r", b"\n", b"\r\n", b"\r\r\r", b"\r\n\r\n", b"-", b"--", b"\r\n-", b"\r\n--", b"\r\n--BB", b"\r\n -bb", b"\r\n\r\n--bb", b"\0--bb",
        b"\r\n--bb--\r\n--bb\r\n" + FILE + b"\r\n\r\ny", b"\r\n--bb\r\n" + FIELD + b"\r\n\r\ny", b"\r\n-\r\n-" * 50, b"\r\n--bbx" * 50,
    ]
    for middle in near:
        for content in [middle, b"x" + middle, middle + b"x", b"x" + middle + b"x"]:
            yield f"content {content[:60]!r}", PLAIN, one(FILE, content)
            yield f"field content {content[:60]!r}", PLAIN, form([(FIELD, content), (FILE, b"x")])
    for opening in [b"\r\n", b"\n", b"\r", b"x", b"preamble\r\n", b"--", b"--b\r\n", b" ", b"\0", b"--bb--\r\n", b"--bbx\r\n", b"\r\n\r\n"]:
        yield f"preamble {opening!r}", PLAIN, form([(FIELD, b"v"), (FILE, b"x")], opening=opening)
    for closing in [b"", b"\r", b"\n", b"\r\n\r\n", b"x", b"\r\nx", b"--", b" ", b" \r\n", b"\t\r\n", b"\0", b"\r\n--bb--\r\n"]:
        yield f"epilogue {closing!r}", PLAIN, form([(FIELD, b"v"), (FILE, b"x")], closing=closing)
    late = b"\r\n--bb\r\n" + FILE.replace(b"a.txt", b"late.txt") + b"\r\n\r\nlate\r\n--bb--\r\n"
    yield "file in the epilogue", PLAIN, form([(FILE, b"x")], closing=late)
    whole = form([(FIELD, b"v"), (FILE, b"xyz")])
    for length in range(len(whole)):
        yield f"cut after {length}", PLAIN, whole[:length]
    yield "line feeds alone", PLAIN, whole.replace(b"\r\n", b"\n")
    yield "carriage returns alone", PLAIN, whole.replace(b"\r\n", b"\r")
    for padding in [b" ", b"\t", b" \t "]:
        yield f"padding {padding!r}", PLAIN, whole.replace(b"--bb\r\n", b"--bb" + padding + b"\r\n")
        yield f"padding at the end {padding!r}", PLAIN, whole.replace(b"--bb--", b"--bb" + padding + b"--")


def dispositions():
    parameters = [
        b'name="a"', b"name=a", b"name='a'", b"name=a'b", b'name=""', b"name=", b"name", b'name="a', b'name=a"', b'name="a"b"', b'name="a"; name="b"',
        b'NAME="a"', b'name ="a"', b'name= "a"', b'name="a";', b';name="a"', b'name="a";;x=y', b'name="a", filename="b"', b'name="a" filename="b"',
        b'name="a"; filename="b"', b'name="a"; filename=b', b"name=\"a\"; filename='b'", b'name="a"; filename=""', b'name="a"; filename=',
        b'name="a"; filename="b"; filename="c"', b'name="a"; Filename="b"; filename="c"', b'filename="b"; name="a"', b'filename="b"',
        b'name="a"; filename="x; name=evil"', b'name="a; filename=evil"', b'name="a\\"; filename=\\"evil"', b'name="a\\"; filename="evil"',
        b'name="a"; filename="b\\"c"', b'name="a"; filename="b\\\\c"', b'name="a"; filename="b\\c"', b'name="a"; filename="b\\"', b'name="a"; filename="C:\\x\\y.txt"',
        b'name="a"; filename="b%22c"', b'name="a"; filename="b%2522c"', b'name="a"; filename="b%0D%0Ac"', b'name="a"; filename="b%c"', b'name="a%22b"', b"name=a%22b",
        b"name=\"a\"; filename*=UTF-8''b", b"name=\"a\"; filename=\"b\"; filename*=UTF-8''b", b"name=\"a\"; filename=\"b\"; filename*=UTF-8''c",
        b"name=\"a\"; filename*=UTF-8''c; filename=\"b\"", b"name=\"a\"; filename*=iso-8859-1''%E9", b"name=\"a\"; filename*=UTF-8''%C3%BC", b"name=\"a\"; filename*=utf-8'en'%e2%82%ac",
        b"name=\"a\"; filename*=UTF-8''%ff", b"name=\"a\"; filename*=UTF-7''a", b"name=\"a\"; filename*=a", b"name=\"a\"; filename*=\"UTF-8''a\"", b"name=\"a\"; filename*=UTF-8''a%",
        b'name="a"; filename*0="b"; filename*1="c"', b"name=\"a\"; filename*0*=UTF-8''b; filename*1=c", b"name*=UTF-8''a", b"name=\"a\"; name*=UTF-8''b", b"name*0=a; name*1=b",
        b'name="a"; filename="b\0c"', b'name="a"; filename="\xff"', b'name="\xff"', b'name="a"; filename="\xc3\xbc.txt"', b'name="\xc3\xbc"', b'name="a"; filename="b\tc"', b'name="a"; filename="b\x1bc"',
        b'name="a"; filename="../b"', b'name="a"; filename="/b"', b'name="a"; filename=".."', b'name="a"; filename="b/../c"', b'name="a"; filename=" b "', b'name="a"; filename="b."',
        b'name="a"; filename="b;c"', b'name="a"; filename="b,c"', b'name="a"; filename="b=c"', b'name="a"; filename="b\'c"', b'name="a"; filename=b;c', b'name="a"; filename=b c', b'name="a"; filename=b/c',
        b'name="__proto__"', b'name="constructor"', b'name="a[b]"', b'name="a[__proto__][x]"', b'name="_charset_"', b'name="a.b"', b'name="  a  "', b'name="a"; x="y"', b'name="a"; x', b'name="a"; x=',
        b'name="a"; filename="\xe2\x80\xaeb"', b'name="a"; filename="b\xe2\x80\xa8c"', b'name="' + b"n" * 300 + b'"', b'name="a"; filename="' + b"n" * 300 + b'"',
    ]
    for value in parameters:
        for before, after in [([], []), ([(FIELD, b"v")], []), ([], [(FIELD, b"v")])]:
            parts = before + [(disposition(value), b"utf-8")] + after
            yield f"disposition {value[:70]!r} {len(before)} before {len(after)} after", PLAIN, form(parts)
    for head in [
        b"Content-Disposition: attachment; name=a", b"Content-Disposition: form-data", b"Content-Disposition: FORM-DATA; name=a", b"Content-Disposition:form-data;name=a",
        b"content-disposition: form-data; name=a", b"Content-Disposition : form-data; name=a", b" Content-Disposition: form-data; name=a", b"Content-Disposition: form-data;\r\n name=a",
        b"Content-Disposition form-data; name=a", b"X-A: b", b"", b": b", b"Content-Type: text/plain", b"Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b",
        b"Content-Disposition: name=a", b"Content-Disposition: form-data; name=a\nContent-Disposition: form-data; name=b", b"Content-Disposition: form-data; name=a\r", b"X: y\r\n" * 20 + FIELD, b"X: " + b"y" * 9000 + b"\r\n" + FIELD,
    ]:
        yield f"head {head[:70]!r}", PLAIN, form([(head, b"x"), (FILE, b"y")])


def headers():
    for line in [
        "Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: quoted-printable", "Content-Transfer-Encoding: binary", "Content-Transfer-Encoding: 8bit", "Content-Transfer-Encoding: x",
        "Content-Type: text/plain", "Content-Type: text/plain; charset=utf-7", "Content-Type: text/plain; charset=utf-16le", "Content-Type: text/plain; charset=iso-8859-1", "Content-Type: text/plain; charset=utf-8",
        "Content-Type: multipart/mixed; boundary=cc", "Content-Type: application/octet-stream", "Content-Type: image/png; a=b", "Content-Type:", "Content-Type: x", "Content-Type: a/b\r\nContent-Type: c/d",
        "Content-Length: 0", "Content-Length: -1", "Content-Length: 4", "Content-Length: 99999", "Content-Length: 1", "Content-Encoding: gzip", "X-A: b", "X-A", "X-A: \0", "X-A : b", "X-A:\r\n b", "X-\xff: b",
    ]:
        raw = line.encode("latin-1")
        for content in [b"eHl6", b"=41=42", b"+ADw-", b"\xc3\xa9", b"\xe9", b"--cc\r\n" + FILE + b"\r\n\r\nevil\r\n--cc--"]:
            for head in [FIELD, FILE]:
                yield f"{line!r} {content[:10]!r} in {'file' if head is FILE else 'field'}", PLAIN, form([(head + b"\r\n" + raw, content)])


def shapes():
    pair = [(FIELD, b"v"), (FILE, b"x")]
    yield "file first", PLAIN, form(list(reversed(pair)))
    yield "two files", PLAIN, form([(FILE, b"x"), (FILE.replace(b'"f"', b'"g"'), b"y")])
    yield "the same field twice", PLAIN, form([(FIELD, b"v"), (FIELD, b"w"), (FILE, b"x")])
    yield "many fields", PLAIN, form([(FIELD, b"v")] * 100 + [(FILE, b"x")])
    yield "too many fields", PLAIN, form([(FIELD, b"v")] * 2000 + [(FILE, b"x")])
    yield "no part", PLAIN, b"--bb--\r\n"
    yield "nothing", PLAIN, b""
    yield "an empty part", PLAIN, b"--bb\r\n\r\n--bb--\r\n"
    yield "no head", PLAIN, b"--bb\r\n\r\nx\r\n--bb--\r\n"
    for size in [0, 1, 4095, 4096, 65535, 65536, 200_000]:
        yield f"a file of {size}", PLAIN, one(FILE, random.Random(size).randbytes(size))


ATOMS = [
    b"--bb", b"\r\n--bb", b"\r\n--bb--", b"\r\n--bb\r\n", b"\r\n", b"\r", b"\n", b"--", b"-", b" ", b"\t", b";", b"=", b'"', b"'", b"\\", b'\\"', b"%22", b"%0D%0A", b"%", b"\0", b"\xc3\xbc", b"\xff", b",",
    b"name", b"filename", b"filename*", b"UTF-8''a", b"; name=b", b'; filename="b"', b"; filename=b", b"Content-Disposition: form-data; ", b"Content-Type: a/b", b":", b"a", b"x", b"Content-Length: 1", b"form-data",
]


def at_random():
    """Well-formed forms with up to four atoms put in, taken out or in place of something, anywhere."""
    dice = random.Random(SEED)
    names = [b"a", b"title", b"\xc3\xbc", b"a b", b"a;b", b"__proto__", b"a[0]"]
    filenames = [b"a.txt", b"\xc3\xbc \xe2\x82\xac.png", b"a;b.txt", b"it's.txt", b"a,b.txt", b"a b.txt", b"x" * 200, b"a=b.txt"]
    for number in range(RANDOM_FORMS):
        boundary = dice.choice([b"bb", b"----WebKitFormBoundary7MA4YWxkTrZu0gW", b"=_a.b", b"x" * 70])
        near = [b"", b"\r\n", b"\r\n--" + boundary[:-1], b"--" + boundary, b"\r\n--" + boundary + b"x", b"\r", b"\n--" + boundary + b"--\n", b"abc"]
        content = lambda: b"".join(dice.choice(near + [dice.randbytes(dice.randrange(20))]) for _ in range(dice.randrange(4)))
        text = lambda: content().decode("utf-8", "ignore").encode()
        parts = [(disposition(b'name="' + dice.choice(names) + b'"'), text()) for _ in range(dice.randrange(4))]
        head = disposition(b'name="f"; filename="' + dice.choice(filenames) + b'"')
        if dice.random() < 0.6:
            head += b"\r\nContent-Type: " + dice.choice([b"image/png", b"text/plain; charset=utf-8", b"application/octet-stream"])
        parts.append((head, content()))
        body = form(parts, boundary, closing=dice.choice([b"\r\n", b"\r\n", b""]))
        changes = dice.choice([0, 1, 1, 1, 2, 4])
        for _ in range(changes):
            # Heads are where readings differ: most changes go there.
            heads = [at for at in range(len(body)) if body.startswith(b"Content-Disposition", at)]
            begin = dice.choice(heads) if heads and dice.random() < 0.7 else 0
            at = min(len(body), begin + dice.randrange(90)) if begin else dice.randrange(len(body) + 1)
            body = body[:at] + dice.choice(ATOMS + [b""]) + body[at + dice.choice([0, 0, 1, 3]) :]
        quoted = b'"' + boundary + b'"' if b"=" in boundary else boundary
        yield f"random {number} with {changes} changes", "multipart/form-data; boundary=" + quoted.decode(), body


def main():
    number = 0
    for source in [boundaries, delimiters, dispositions, headers, shapes, at_random]:
        for name, content_type, body in source():
            case = {"id": number, "name": name, "content_type": content_type, "body": base64.b64encode(body).decode()}
            sys.stdout.write(json.dumps(case) + "\n")
            number += 1


main()
