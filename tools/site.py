"""Hooks of the documentation site (mkdocs.yml): pages from beside docs/, lists of folders, a check of the result."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parent.parent
FROM_ABOVE = {"README.md": "index.md"} | {name: name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")}
"""Pages that lie beside docs/, and what they are called in the site."""

LISTED = {"decisions": "Decisions", "formats": "Formats"}
"""Folders of docs/ that get a page with the titles of theirs."""


def on_files(files: Any, config: Any) -> Any:
    """Add the pages from beside docs/ and the lists of folders."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - the functions below are tested without it

    for source, name in FROM_ABOVE.items():
        files.append(File.generated(config, name, content=from_above((ROOT / source).read_text("utf-8"))))
    worker = ROOT / "tools" / "iframe-worker.js"
    files.append(File.generated(config, f"search/{worker.name}", abs_src_path=str(worker)))
    for folder, title in LISTED.items():
        files.append(File.generated(config, f"{folder}/README.md", content=listing(ROOT / "docs" / folder, title)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page, written for this reader of Markdown."""
    return as_read_here(markdown)


def on_post_build(config: Any) -> None:
    """Raise if a page leads nowhere or loads anything of another host."""
    site = Path(config["site_dir"])
    (site / "404.html").unlink(missing_ok=True)  # for servers alone: its links begin at their root
    wrong = sorted(faults(site))
    if wrong:
        raise SystemExit("\n".join(["The site is not whole:", *wrong]))


def from_above(markdown: str) -> str:
    """A page that lies beside docs/, with links as from within it."""
    markdown = re.sub(r"\]\(docs/(decisions|formats)/?\)", r"](\1/README.md)", markdown)
    markdown = re.sub(r"(\]\(|src=\")docs/", r"\1", markdown)
    return markdown.replace("](LICENSE)", "](https://www.apache.org/licenses/LICENSE-2.0)")


def listing(folder: Path, title: str) -> str:
    """A page with the titles of a folder's pages."""
    lines = [f"# {title}", ""]
    for path in sorted(folder.glob("*.md")):
        said = path.read_text("utf-8").partition("\n")[0].removeprefix("# ")
        lines.append(f"- [{said}]({path.name})")
    return "\n".join(lines) + "\n"


def as_read_here(markdown: str) -> str:
    """A file's name behind a fence as its title; Markdown within <details>; lists parted from what is above them."""
    markdown = re.sub(r"^```(\w+) ([\w.-]+)$", r'```\1 title="\2"', markdown, flags=re.MULTILINE)
    markdown = markdown.replace("<details><summary>", '<details markdown="1"><summary>')
    markdown = re.sub(r"\]\((?:\.\./)*decisions\)", "](decisions/README.md)", markdown)
    parts = re.split(r"^(```.*?^```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    parts[::2] = [re.sub(r"(?<=\n)((?![-|#>\s]|\* ).+\n)(?=- )", r"\1\n", part) for part in parts[::2]]
    return "".join(parts)


def faults(site: Path) -> Iterator[str]:
    """What is wrong with the pages: links to what is not there, and what another host would be asked for."""
    pages = {path: _Page.read(path) for path in site.rglob("*.html")}
    for path, page in pages.items():
        where = path.relative_to(site)
        yield from (f"{where} loads {url}" for url in page.loaded if urlsplit(url).netloc)
        for url in page.led_to | page.loaded:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            if not target.exists():
                yield f"{where} leads to {url}, which is not there"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
                yield f"{where} leads to {url}, a place that is not on that page"


class _Page(HTMLParser):
    """What a page leads to, loads, and has places for."""

    def __init__(self) -> None:
        super().__init__()
        self.led_to: set[str] = set()
        self.loaded: set[str] = set()
        self.places: set[str] = {"", "__top"}

    @classmethod
    def read(cls, path: Path) -> "_Page":
        """Of one file."""
        page = cls()
        page.feed(path.read_text("utf-8"))
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the addresses and the names of places."""
        told = {name: value for name, value in attrs if value}
        self.places |= {told[name] for name in ("id", "name") if name in told}
        if tag == "a" and "href" in told:
            self.led_to.add(told["href"])
        elif tag == "link" and told.get("rel") in {"canonical", "next", "prev"}:
            pass  # addresses of the same site, told to machines
        elif tag in {"link", "script", "img", "iframe", "source"}:
            self.loaded |= {
                told[name] for name in ("href", "src") if name in told and not told[name].startswith("data:")
            }
