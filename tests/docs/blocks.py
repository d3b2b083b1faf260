"""Pages of Markdown, and what stands in their fenced blocks."""

import dataclasses
import pathlib
import re
import textwrap

FENCE = re.compile(r"^( *)```(\S*)\s*$")
MARK = re.compile(r"^\s*<!-- (not run|not tidegate|exits|given|file|append|set): (.+?) -->\s*$")
LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclasses.dataclass
class Block:
    """A fenced block, with the comments in front of it."""

    page: pathlib.Path
    line: int
    language: str
    text: str
    verbatim: str
    marks: dict

    def where(self, offset=0):
        return f"{self.page}:{self.line + offset}"


@dataclasses.dataclass
class Page:
    path: pathlib.Path
    text: str
    blocks: list
    prose: str

    def anchors(self):
        """The anchors of its headings, as renderers of Markdown make them."""
        seen = {}
        for line in self.prose.splitlines():
            if not re.match(r"#{1,6} ", line):
                continue
            title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line.lstrip("#").strip()).lower()
            slug = re.sub(r"[^\w\- ]", "", title).replace(" ", "-")
            count = seen[slug] = seen.get(slug, -1) + 1
            yield slug if count == 0 else f"{slug}-{count}"

    def shown(self):
        """What a reader sees."""
        return re.sub(r"<!--.*?-->", "", self.text, flags=re.DOTALL)

    def links(self):
        """Where its links lead, without those to other sites."""
        for target in LINK.findall(self.prose):
            if not re.match(r"[a-z]+:", target):
                yield target.partition("#")[::2]


def prose(text):
    """What is not in a fenced block."""
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)


def read(root, path):
    text = (root / path).read_text()
    blocks, marks, open_block = [], {}, None
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if open_block is not None:
            if fence and not fence[2]:
                begun, language, lines = open_block
                content = "".join(line.removeprefix(fence[1]) + "\n" for line in lines)
                blocks.append(Block(path, begun, language, textwrap.dedent(content), content, marks))
                open_block, marks = None, {}
            else:
                open_block[2].append(line)
        elif fence:
            open_block = (number, fence[2], [])
        elif mark := MARK.match(line):
            marks[mark[1]] = mark[2]
        else:
            if line.strip():
                marks = {}
    if open_block is not None:
        raise ValueError(f"{path}:{open_block[0]}: a block without an end")
    return Page(path, text, blocks, prose(text))
