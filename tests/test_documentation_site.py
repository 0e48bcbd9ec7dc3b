"""The hooks of the documentation site, without mkdocs: what they make of pages, and what they find wrong."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "tools" / "site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_page_from_above_leads_to_the_same_places(site: ModuleType) -> None:
    said = site.from_above("[a](docs/figures.md) [b](docs/decisions) ![c](docs/images/x.png) [d](CONTRIBUTING.md)")
    assert said == "[a](figures.md) [b](decisions/README.md) ![c](images/x.png) [d](CONTRIBUTING.md)"


def test_the_name_of_a_file_stands_over_its_block(site: ModuleType) -> None:
    assert site.as_read_here("```csv reviews.csv\na,b\n```\n") == '```csv title="reviews.csv"\na,b\n```\n'


def test_a_list_is_parted_from_the_line_above_it_but_not_in_a_block(site: ModuleType) -> None:
    assert site.as_read_here("\n**Choice.**\n- one\n- two\n") == "\n**Choice.**\n\n- one\n- two\n"
    block = "\n```text\nChoice.\n- one\n```\n"
    assert site.as_read_here(block) == block


def test_a_folder_is_listed_with_the_titles_of_its_pages(site: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "0002-b.md").write_text("# Second\n", "utf-8")
    (tmp_path / "0001-a.md").write_text("# First\n\nMore.\n", "utf-8")
    assert site.listing(tmp_path, "All") == "# All\n\n- [First](0001-a.md)\n- [Second](0002-b.md)\n"


def test_what_leads_nowhere_or_asks_another_host_is_found(site: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="b.html#there"></a><a href="b.html#gone"></a><a href="no.html"></a><a href="#here"></a>'
        '<a href="https://example.org"></a><script src="//cdn.example/x.js"></script><img src="data:image/png,">',
        "utf-8",
    )
    (tmp_path / "b.html").write_text('<h2 id="there">', "utf-8")
    assert sorted(site.faults(tmp_path)) == [
        "a.html leads to b.html#gone, a place that is not on that page",
        "a.html leads to no.html, which is not there",
        "a.html loads //cdn.example/x.js",
    ]


def test_every_page_of_a_task_is_in_the_menu() -> None:
    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    told = set(re.findall(r"how-to/[\w-]+\.md", str(menu)))
    assert told == {f"how-to/{path.name}" for path in (ROOT / "docs" / "how-to").glob("*.md")}
