"""The page in Debian's chromium: what it says and asks for, hostile texts, a busy server, keys, a keyboard, a phone.

`make test-browser` runs it; the default suite leaves it out, and has no playwright.
"""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from axe import axe_source
from frostline.cli.main import run
from page_site import CHROMIUM, HEARD_VIOLATIONS, MARKER_LABELS, NARROW, WIDE, Fault, Site, Visit, site_of, visit
from serve_processes import Running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

SENTENCE = "I went in expecting little, and came out wanting to see it again \N{WINKING FACE}"


COUNTED_TOGETHER = """() => {
    window.apart = []; window.looks = 0;
    new MutationObserver(() => {
        const done = /([\\d,]+) of 200 texts/.exec(document.querySelector('#job').innerText);
        const counted = [...document.querySelectorAll('#filter option')].slice(1);
        if (!done) return;
        looks += 1;
        const sum = counted.reduce((all, one) => all + Number(/\\(([\\d,]+)\\)$/.exec(one.textContent)[1]), 0);
        if (sum !== Number(done[1])) apart.push(`${done[1]} beside ${sum}`);
    }).observe(document.body, {subtree: true, childList: true});
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """The browser of the system; playwright would download its own, and never does here."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - the default suite imports this file without it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def opened_site(tmp_path_factory: pytest.TempPathFactory, reviews: Path, home: Path) -> Site:
    """A classifier trained on `reviews` with the bundled encoder, its training sentences kept."""
    out = tmp_path_factory.mktemp("served") / "reviews"
    assert run(["train", str(reviews), "--out", str(out), "--json", "-C", "0.001", "--keep-neighbours"]) == 0
    return site_of(out)


@pytest.fixture
def site(opened_site: Site) -> Site:
    """A server that behaves."""
    opened_site.faults.clear()
    opened_site.asked.clear()
    opened_site.key = None
    return opened_site


def classify(page: "Page", text: str) -> None:
    """Write a text, and wait until all is said of it."""
    page.fill("#text", text)
    page.click("#ask button")
    page.wait_for_selector(".pieces, #said .notice, #answer .notice")


def give_file(page: "Page", name: str, content: str | bytes) -> None:
    """Choose a file among many texts, and wait for the question which columns."""
    page.click("#tab-many")
    content = content.encode() if isinstance(content, str) else content
    page.set_input_files("#file", {"name": name, "mimeType": "text/plain", "buffer": content})
    page.wait_for_selector("#job button.main, #heard .notice")


def run_through(page: "Page") -> None:
    """Classify, and wait for the end."""
    page.click("#job button.main")
    page.wait_for_selector("text=Save as CSV")


def saved(page: "Page", button: str) -> str:
    """What a button gives to save."""
    with page.expect_download() as coming:
        page.click(f"text={button}")
    return Path(coming.value.path()).read_bytes().decode("utf-8")


def texts_asked(site: Site) -> list[list[str]]:
    return [body["texts"] for path, body in site.asked if path == "/v1/classify"]


# --- one text


def test_a_sentence_is_answered_and_explained(chromium: "Browser", site: Site) -> None:
    """Pieces, unknown ones marked; a bar for each label; words; neighbours; and nothing else is asked for."""
    with visit(chromium, site) as opened:
        classify(opened.page, SENTENCE)
        page = opened.page
        answer = page.inner_text("#answer section >> nth=0")
        assert "positive" in answer
        assert "negative" in answer
        assert page.locator(".bars tbody tr").count() == 2
        pieces = page.locator(".pieces li").all_inner_texts()
        assert pieces[:4] == ["[CLS]", "i", "went", "in"]
        assert page.locator(".pieces .unknown").all_inner_texts() == ["[UNK]"]
        assert "1 piece ([UNK]) stands for what the model cannot spell" in page.inner_text("#answer")
        assert page.inner_text(".reading") == SENTENCE
        assert page.locator(".word.for, .word.against").count() >= 3
        assert page.locator(".near li").count() == 5
        assert [path for path, _ in site.asked] == ["/v1/models", "/v1/classify", "/v1/explain"]
        opened.is_quiet()


def test_a_bar_is_as_long_as_its_label_is_probable(chromium: "Browser", site: Site) -> None:
    with visit(chromium, site) as opened:
        classify(opened.page, SENTENCE)
        widths = opened.page.evaluate(
            "[...document.querySelectorAll('.bar')].map(bar => bar.firstChild.offsetWidth / bar.offsetWidth)"
        )
        said = opened.page.locator(".bars tbody td.number").all_inner_texts()
        assert [round(100 * width) for width in widths] == pytest.approx(
            [float(share.removesuffix(" %")) for share in said], abs=1
        )


def test_a_text_that_is_too_long_shows_where_it_was_cut(chromium: "Browser", site: Site) -> None:
    text = "a good film . " * 400
    with visit(chromium, site) as opened:
        classify(opened.page, text)
        rest = opened.page.inner_text(".unread")
        assert "its end took no part" in opened.page.inner_text("#answer")
        assert 0 < len(rest) <= 400
        assert opened.page.locator(".pieces li").last.inner_text() == "… cut"
        opened.is_quiet()


def test_another_label_can_be_explained(chromium: "Browser", site: Site) -> None:
    """Also of several per text, one of them written to look like markup."""
    with visit(chromium, site) as opened:
        opened.page.select_option("#model", "topics")
        classify(opened.page, SENTENCE)
        opened.page.select_option("#of-label", label=MARKER_LABELS[0])
        opened.page.wait_for_selector("#of-label:focus")
        assert site.asked[-1][1] == {"model": "topics", "text": SENTENCE, "labels": [MARKER_LABELS[0]]}
        assert opened.page.evaluate("document.querySelector('#of-label').value") == MARKER_LABELS[0]
        opened.is_quiet()


def test_where_the_model_is_not_sure_the_page_says_so(chromium: "Browser", site: Site) -> None:
    """No answer, from which probability there would be one, and which label was nearest."""
    with visit(chromium, site) as opened:
        opened.page.select_option("#model", "topics")
        seen = set()
        for text in ("the film", "a train leaves at nine", SENTENCE, "bad", "x"):
            classify(opened.page, text)
            seen.add(opened.page.inner_text("#answer .big").partition(" ")[0])
            said = opened.page.inner_text("#answer section >> nth=0")
            assert ("Not sure enough" in said) == ("No answer" in said)
        assert "No" in seen


def test_no_text_and_too_long_a_text_are_told_before_anything_is_sent(chromium: "Browser", site: Site) -> None:
    with visit(chromium, site) as opened:
        opened.page.fill("#text", " \n ")
        opened.page.click("#ask button")
        assert "There is no text yet." in opened.page.inner_text("#said")
        opened.page.fill("#text", "\N{WINKING FACE}" * 100_001)
        opened.page.click("#ask button")
        assert "The text has 100,001 letters; 100,000 letters is the most." in opened.page.inner_text("#said")
        assert [path for path, _ in site.asked] == ["/v1/models"]
        classify(opened.page, "\N{WINKING FACE}" * 100_000)
        assert opened.page.locator(".big").count() == 1
        opened.is_quiet()


def test_a_text_that_the_model_cannot_take_is_refused_in_a_sentence(chromium: "Browser", site: Site) -> None:
    """Half a character, as JavaScript lets it be written."""
    with visit(chromium, site) as opened:
        opened.page.evaluate("document.querySelector('#text').value = 'half \\ud800 a letter'")
        opened.page.click("#ask button")
        opened.page.wait_for_selector("#said .notice")
        assert "Try again" in opened.page.inner_text("#said")
        assert opened.page.evaluate("violations") == []


def test_the_real_server_serves_it_all(chromium: "Browser", server: Running) -> None:
    """A sentence, a file, card and report, over a socket; nothing is asked of another host."""
    context = chromium.new_context()
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.add_init_script(HEARD_VIOLATIONS)
    messages: list[str] = []
    urls: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("request", lambda request: urls.append(request.url))
    page.goto(f"{server.url}/")
    page.wait_for_selector("#work:not([hidden])")
    assert page.locator("#model option").all_inner_texts()[:2] == ["model", "second"]
    classify(page, SENTENCE)
    assert page.locator(".pieces .unknown").count() == 1
    assert "kept none of its training texts" in page.inner_text("#answer")
    give_file(page, "reviews.csv", TABLE)
    run_through(page)
    page.click("#tab-about")
    page.wait_for_selector("#about h3")
    with context.expect_page() as coming:
        page.click("text=Open the report")
    coming.value.wait_for_load_state()
    assert coming.value.locator("main section").count() > 2
    assert [url for url in urls if not url.startswith(server.url)] == []
    assert page.evaluate("violations") == []
    assert messages == []
    context.close()


# --- hostile texts

NUL, RTL = "\x00", "\u202e"
SEEDS = [
    "<script>document.title = 'run'</script>",
    "<img src=x onerror=\"document.title='run'\">",
    "</textarea><script>alert(1)</script>",
    "<svg/onload=alert(1)>",
    "<style>*{display:none}</style>",
    '<a href="javascript:alert(1)">x</a>',
    "<iframe src=http://example.com></iframe>",
    "<base href=http://example.com/><link rel=stylesheet href=x>",
    '<meta http-equiv="refresh" content="0;url=http://example.com">',
    "javascript:alert(1)",
    "{{7*7}} ${7*7} #{7*7} <%= 7*7 %>",
    "'; DROP TABLE texts; --",
    "=cmd|' /C calc'!A0",
    f"{RTL}txet desrever \u2066 \u2067 \u2069",
    "z\u0300\u0301\u0302" + "\u0353\u0354\u033e" * 60 + " algo",
    f"a{NUL}b{NUL}",
    "\N{WINKING FACE}\N{ZERO WIDTH JOINER}\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}" * 20,
    "\ufeff\u200b\u2028\u2029\x85",
    "__proto__ constructor toString",
    "مرحبا بالعالم <b>bold</b> שלום",
]
WRAPPED = ("{}", 'x="{}"', "<b>{}</b>", "\n\t{}\n", "{}" * 3, "<!--{}", "{}-->", "&lt;{}&gt;", "\\{}", "1 {} 2")
HOSTILE = [wrap.replace("{}", seed) for seed in SEEDS for wrap in WRAPPED]
HUGE = ("<script>" * 12_500, "é" * 100_000, "a" * 100_000, RTL * 100_000)


def test_of_two_hundred_hostile_texts_none_is_more_than_text(chromium: "Browser", site: Site) -> None:
    """One by one, with all that is said of them: nothing refused by the policy, nothing asked elsewhere, no element."""
    assert len(HOSTILE) == 200
    with visit(chromium, site) as opened:
        opened.page.on("dialog", lambda dialog: opened.messages.append(f"dialog: {dialog.message}"))
        counted = opened.page.evaluate(
            "document.querySelectorAll('script, img, iframe, svg, base, link, meta, style').length"
        )
        for text in (*HOSTILE, *HUGE):
            opened.page.evaluate("text => { document.querySelector('#text').value = text; }", text)
            opened.page.click("#ask button")
            opened.page.wait_for_selector("#said p:not(.busy)")
            opened.page.wait_for_selector(".pieces, #said .notice, #answer .notice")
            assert opened.page.locator("#answer .pieces").count() == 1, (
                text[:80],
                opened.page.inner_text("main")[:300],
            )
        assert "run" not in opened.page.title()
        assert (
            opened.page.evaluate(
                "document.querySelectorAll('script, img, iframe, svg, base, link, meta, style').length"
            )
            == counted
        )
        opened.is_quiet()


def test_a_hostile_file_is_shown_and_saved_as_text(chromium: "Browser", site: Site) -> None:
    """Names of columns, of the file, labels and cells; the table is sorted and filtered with all of it."""
    with visit(chromium, site, width=NARROW) as opened:
        opened.page.select_option("#model", "topics")
        rows = [["<script>alert(1)</script>", "text"], *[["=1+1", text.strip() or "x"] for text in HOSTILE]]
        content = io.StringIO()
        csv.writer(content).writerows(rows)
        give_file(opened.page, "<img src=x onerror=alert(1)>.csv", content.getvalue())
        run_through(opened.page)
        opened.page.click("text=Probability")
        opened.page.fill("#search", "<script>")
        assert opened.page.locator(".results tbody tr").count() == 20
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= NARROW
        opened.is_quiet()


def test_a_script_would_be_refused(chromium: "Browser", site: Site) -> None:
    """The policy holds, should markup ever get through: no script within the page, no style, no picture, no sink."""
    with visit(chromium, site) as opened:
        opened.page.evaluate("""() => {
            const script = document.createElement('script');
            try { script.textContent = "document.title = 'run'"; } catch {}
            document.body.append(script);
            const image = document.createElement('img');
            image.src = 'http://example.com/x.png';
            document.body.append(image);
            try { document.body.insertAdjacentHTML('beforeend', '<b>x</b>'); } catch {}
            const styled = document.createElement('p');
            styled.setAttribute('style', 'color: red');
        }""")
        opened.page.wait_for_timeout(100)
        assert opened.page.title() != "run"
        found = set(opened.page.evaluate("violations"))
        assert {"img-src", "require-trusted-types-for"} <= found, found


# --- many texts

TABLE = "id,text,label\n" + "".join(
    f'{number},"It was {word}, really",{label}\n'
    for number, (word, label) in enumerate(
        [("dull", "negative"), ("great", "positive"), ("wonderful", "negative")] * 30
    )
)


def test_a_file_becomes_a_table_that_can_be_sorted_filtered_and_saved(chromium: "Browser", site: Site) -> None:
    with visit(chromium, site) as opened:
        page = opened.page
        give_file(page, "reviews.csv", TABLE)
        assert page.is_checked("#has-names")
        assert page.locator("#text-column option:checked").inner_text() == "text"
        page.select_option("#truth-column", label="label")
        run_through(page)
        assert [len(texts) for texts in texts_asked(site)] == [32, 32, 26]
        assert "90 texts classified in" in page.inner_text("#job")
        assert "answers with a known label agree" in page.inner_text("#job")
        page.click("text=Probability")
        assert page.get_attribute("th.sure", "aria-sort") == "descending"
        shares = [float(share.removesuffix(" %")) for share in page.locator("td.sure").all_inner_texts()]
        assert shares == sorted(shares, reverse=True)
        assert len(shares) == 50
        page.click("text=Later")
        assert page.locator(".results tbody tr").count() == 40
        page.fill("#search", "dull")
        assert "30 of 90 rows." in page.inner_text("#job")
        rows = list(csv.reader(io.StringIO(saved(page, "Save as CSV").removeprefix("\ufeff"))))
        assert rows[0] == ["id", "text", "label", "label_", "probability", "cut", "fault", "p(negative)", "p(positive)"]
        assert len(rows) == 91
        assert rows[1][:3] == ["0", "It was dull, really", "negative"]
        documents = [json.loads(line) for line in saved(page, "Save as JSON Lines").splitlines()]
        assert documents[0]["row"] == {"id": "0", "text": "It was dull, really", "label": "negative"}
        assert [str(document["label"]) for document in documents] == [row[3] or "None" for row in rows[1:]]
        opened.is_quiet()


@pytest.mark.parametrize("cell", ["=1+1", "+A1", "-A1", "@SUM(A1)", "\tx", "\x00x", "|x", "%x", ' "=1+1'])
def test_a_formula_is_saved_as_text_unless_the_bare_cells_are_wanted(
    chromium: "Browser", site: Site, cell: str
) -> None:
    with visit(chromium, site) as opened:
        give_file(opened.page, "x.jsonl", json.dumps({"text": "a good film", "note": cell}) + "\n")
        run_through(opened.page)
        for is_safe, expected in ((True, f"'{cell}"), (False, cell)):
            opened.page.set_checked("#safe", is_safe)
            rows = list(csv.reader(io.StringIO(saved(opened.page, "Save as CSV").removeprefix("\ufeff"), newline="")))
            assert rows[1][1] == expected


@pytest.mark.parametrize("cell", ["-1", "+1.5e-3", "a=1", "", "x@y.z", "1-2"])
def test_a_number_or_a_word_is_saved_as_it_is(chromium: "Browser", site: Site, cell: str) -> None:
    with visit(chromium, site) as opened:
        give_file(opened.page, "x.jsonl", json.dumps({"text": "a good film", "note": cell}) + "\n")
        run_through(opened.page)
        rows = list(csv.reader(io.StringIO(saved(opened.page, "Save as CSV").removeprefix("\ufeff"), newline="")))
        assert rows[1][1] == cell


def test_what_was_answered_stays_where_another_model_is_chosen(chromium: "Browser", site: Site) -> None:
    """It says whose answers they are, and goes on with that model."""
    with visit(chromium, site) as opened:
        page = opened.page
        give_file(page, "x.txt", "".join(f"a good film {number}\n" for number in range(40)))
        site.faults += [Fault(status=503, headers={"Retry-After": "60"})]
        page.click("#job button.main")
        page.wait_for_selector("text=asking again in 60 s")
        page.select_option("#model", "topics")
        page.wait_for_selector("text=Stopped.")
        page.click("text=Go on")
        page.wait_for_selector("text=40 texts classified")
        assert "Answers of reviews" in page.inner_text("#job")
        assert {body["model"] for path, body in site.asked if path == "/v1/classify"} == {"reviews"}
        give_again = page.get_by_role("button", name="Another file")
        give_again.click()
        give_file(page, "y.txt", "a good film\n")
        run_through(page)
        assert site.asked[-1][1] == {"model": "topics", "texts": ["a good film"]}


def test_a_file_beside_the_card_does_not_take_the_place_of_the_page(chromium: "Browser", site: Site) -> None:
    with visit(chromium, site) as opened:
        assert opened.page.evaluate("""() => {
            const event = new DragEvent('drop', {bubbles: true, cancelable: true, dataTransfer: new DataTransfer()});
            document.querySelector('h1').dispatchEvent(event);
            return event.defaultPrevented;
        }""")


def test_a_busy_server_is_asked_again_in_smaller_parts(chromium: "Browser", site: Site) -> None:
    """After the time that it names; the user is told; no row is lost or asked twice in vain."""
    with visit(chromium, site) as opened:
        give_file(opened.page, "x.txt", "".join(f"a good film {number}\n" for number in range(70)))
        site.faults += [
            Fault(status=503, headers={"Retry-After": "1"}),
            Fault(status=503, headers={"Retry-After": "0"}),
        ]
        opened.page.click("#job button.main")
        opened.page.wait_for_selector("text=The server is busy; asking again in 1 s.")
        opened.page.wait_for_selector("text=Save as CSV")
        assert [len(texts) for texts in texts_asked(site)] == [32, 16, 8, 12, 16, 20, 14]
        assert "70 texts classified" in opened.page.inner_text("#job")
        assert opened.page.evaluate("violations") == []


def test_a_text_that_makes_a_request_fail_stands_alone_with_its_fault(chromium: "Browser", site: Site) -> None:
    with visit(chromium, site) as opened:
        lines = [f"a good film {number}" for number in range(20)]
        lines[13] = site.poison
        lines[5] = " "
        give_file(opened.page, "x.txt", "\n".join(lines))
        run_through(opened.page)
        said = opened.page.inner_text("#job")
        assert "18 texts classified" in said
        assert "2 rows could not be classified" in said
        opened.page.select_option("#filter", "fault")
        assert opened.page.locator("td.answer").all_inner_texts() == [
            "The text is empty: it was not sent.",
            "A text is poisoned.",
        ]


def test_a_job_can_be_stopped_and_gone_on_with(chromium: "Browser", site: Site) -> None:
    with visit(chromium, site) as opened:
        page = opened.page
        give_file(page, "x.txt", "".join(f"a good film {number}\n" for number in range(64)))
        site.faults += [Fault(status=503, headers={"Retry-After": "60"})]
        page.click("#job button.main")
        page.wait_for_selector("text=asking again in 60 s")
        page.get_by_role("button", name="Stop").click()
        page.wait_for_selector("text=Stopped.")
        assert page.locator("td.answer").first.inner_text() == "not yet"
        assert saved(page, "Save as CSV").count("not sent") == 64
        page.click("text=Go on")
        page.wait_for_selector("text=64 texts classified")


def test_a_server_that_stays_away_is_told_and_what_was_answered_stays(chromium: "Browser", site: Site) -> None:
    with visit(chromium, site) as opened:
        page = opened.page
        give_file(page, "x.txt", "".join(f"a good film {number}\n" for number in range(40)))
        site.faults += [Fault(status=404, error="There is no model of this name.")] * 6
        page.click("#job button.main")
        page.wait_for_selector("text=There is no model of this name.")
        page.wait_for_selector("text=Go on")


FILES: dict[str, tuple[bytes, int, str]] = {
    "plain.txt": (b"one\ntwo\n\nthree", 3, "one"),
    "windows.txt": (b"one\r\ntwo\r\n", 2, "one"),
    "utf16.csv": ("text;n\r\nm\u00fcde;1\r\n".encode("utf-16"), 1, "m\u00fcde"),
    "bom.csv": (b'\xef\xbb\xbftext,n\n"a ""b"", c\nd",1\n', 1, 'a "b", c\nd'),
    "quotes.tsv": (b'text\tn\nsay "no\t1\n', 1, 'say "no'),
    "objects.jsonl": (b'{"n": 1, "text": "one"}\n{"text": "two", "x": null}\n', 2, "one"),
    "strings.jsonl": (b'"one"\n"two"\n', 2, "one"),
    "list.json": (b'[{"text": "one"}, "two"]', 2, "one"),
    "separators.txt": ("a\u2028b\x85c\x0bd\n".encode(), 1, "a\u2028b\x85c\x0bd"),
}


@pytest.mark.parametrize("name", FILES)
def test_each_kind_of_file_is_read(chromium: "Browser", site: Site, name: str) -> None:
    content, n_rows, first = FILES[name]
    with visit(chromium, site) as opened:
        give_file(opened.page, name, content)
        run_through(opened.page)
        texts = texts_asked(site)[0]
        assert len(texts) == n_rows
        assert texts[0] == first
        opened.is_quiet()


BROKEN: dict[str, tuple[bytes, str]] = {
    "latin.csv": ("text\nm\u00fcde\n".encode("latin-1"), "latin.csv is not UTF-8 text."),
    "open.csv": (b'text\n"one\n', "open.csv: the quotation mark opened in line 2 is never closed."),
    "bad.jsonl": (b'{"text": "one"}\n{nope\n', "bad.jsonl: line 2 is not JSON."),
    "numbers.jsonl": (b"1\n2\n", "numbers.jsonl: each entry must be an object or a string."),
    "nothing.json": (b"[{}]", "nothing.json holds no text."),
    "empty.txt": (b"\n\n", "empty.txt holds no text."),
    "torn.csv.gz": (b"\x1f\x8b\x08\x00torn", "torn.csv.gz is damaged: it cannot be unpacked."),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_read_is_told_in_a_sentence(chromium: "Browser", site: Site, name: str) -> None:
    content, said = BROKEN[name]
    with visit(chromium, site) as opened:
        give_file(opened.page, name, content)
        assert said in opened.page.inner_text("#heard")
        opened.is_quiet()


def test_lines_can_be_pasted(chromium: "Browser", site: Site) -> None:
    with visit(chromium, site) as opened:
        opened.page.click("#tab-many")
        opened.page.fill("#lines", "a good film\na bad film")
        opened.page.click("#take")
        run_through(opened.page)
        assert texts_asked(site) == [["a good film", "a bad film"]]


def test_a_file_can_be_dropped(chromium: "Browser", site: Site) -> None:
    with visit(chromium, site) as opened:
        opened.page.click("#tab-many")
        opened.page.evaluate("""() => {
            const data = new DataTransfer();
            data.items.add(new File(['a good film\\n'], 'dropped.txt'));
            document.querySelector('#drop').dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true}));
        }""")
        opened.page.wait_for_selector("text=dropped.txt: 1 row.")


def test_a_row_can_be_explained(chromium: "Browser", site: Site) -> None:
    with visit(chromium, site) as opened:
        give_file(opened.page, "x.txt", "a good film\na bad film\n")
        run_through(opened.page)
        opened.page.click("[aria-label='Why? Row 2']")
        opened.page.wait_for_selector(".pieces")
        assert opened.page.input_value("#text") == "a bad film"


# --- states, keys, the model


def test_a_key_is_asked_for_and_kept_nowhere(chromium: "Browser", site: Site) -> None:
    """A wrong one is told; a right one opens; loaded anew the page asks again."""
    site.key = "sesame-sesame-sesame"
    with visit(chromium, site) as opened:
        page = opened.page
        page.wait_for_selector("dialog[open]")
        assert page.evaluate("document.activeElement.id") == "key"
        page.keyboard.type("wrong-wrong-wrong-wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=The server does not take this key.")
        page.fill("#key", site.key)
        page.keyboard.press("Enter")
        classify(page, "a good film")
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
        assert all("sesame" not in url for url in opened.requests)
        assert "sesame" not in page.content()
        page.click("#tab-about")
        page.click("text=Save the report")
        page.reload()
        page.wait_for_selector("dialog[open]")
        page.keyboard.press("Escape")
        page.wait_for_selector("text=Without a key this server answers nothing.")


def test_a_server_that_is_not_ready_is_waited_for_and_one_that_is_gone_is_told(chromium: "Browser", site: Site) -> None:
    def down(route: Any) -> None:
        route.abort()

    with visit(chromium, site) as opened:
        opened.context.route("**/v1/models", down)
        opened.page.reload()
        opened.page.wait_for_selector("text=The server cannot be reached; asking again in 1 s.")
        opened.context.unroute("**/v1/models", down)
        opened.page.wait_for_selector("#work:not([hidden])")
        opened.context.route("**/v1/classify", down)
        opened.page.fill("#text", "a good film")
        opened.page.click("#one button.main")
        opened.page.wait_for_selector("text=The server cannot be reached; asking again in 1 s.")
        opened.page.click("#tab-many")
        give_file(opened.page, "x.txt", "a good film\na film\n")
        opened.page.click("#job button.main")
        opened.page.wait_for_selector("#job >> text=The server cannot be reached; asking again in 1 s.")
        opened.context.unroute("**/v1/classify", down)
        opened.page.wait_for_selector("text=2 texts classified")


def test_what_is_counted_is_counted_at_one_time(chromium: "Browser", site: Site) -> None:
    """How many are done, and how many have each answer, while it goes on: drawn together, and seldom."""
    with visit(chromium, site) as opened:
        page = opened.page
        give_file(page, "x.txt", "".join(f"a good film {number}\n" for number in range(200)))
        page.evaluate(COUNTED_TOGETHER)
        page.click("#job button.main")
        page.wait_for_selector("text=200 texts classified")
        assert page.evaluate("apart") == []
        assert page.evaluate("looks") > 1


def test_the_card_and_the_report_are_a_click_away(chromium: "Browser", site: Site) -> None:
    """The report in a sandbox of its own: nothing in it runs, whatever it holds."""
    with visit(chromium, site) as opened:
        opened.page.click("#tab-about")
        opened.page.wait_for_selector("#about h3")
        assert "How good it is" in opened.page.inner_text("#about")
        with opened.context.expect_page() as coming:
            opened.page.click("text=Open the report")
        coming.value.wait_for_load_state()
        assert coming.value.url.endswith("/v1/models/reviews/report")
        assert coming.value.locator("main section").count() > 2
        assert coming.value.evaluate("origin") == "null"
        opened.is_quiet()


# --- a keyboard, a screen reader, a phone


def test_a_keyboard_reaches_everything(chromium: "Browser", site: Site) -> None:
    """From the top: text, answer, tabs by arrows, a file's table; what has the focus is outlined."""
    with visit(chromium, site) as opened:
        page = opened.page
        page.wait_for_selector("#work:not([hidden])")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        for _ in range(3):
            page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "text"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.type("a good film")
        page.keyboard.press("Control+Enter")
        page.wait_for_selector(".pieces")
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.id") == "tab-many"
        assert page.is_visible("#many")
        page.keyboard.press("End")
        assert page.is_visible("#about")
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        page.focus("#lines")
        page.keyboard.type("a good film\na bad film")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("#job button.main")
        page.keyboard.press("Enter")  # the button has the focus
        page.wait_for_selector("text=Save as CSV")
        page.focus("th.sure button")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.dataset.part") == "by-sure"
        opened.is_quiet()


def test_what_happens_is_told_to_a_screen_reader(chromium: "Browser", site: Site) -> None:
    """Live regions hold the answer and the end of a job; every field, table and bar has a name."""
    with visit(chromium, site) as opened:
        classify(opened.page, SENTENCE)
        assert "Answered by reviews" in opened.page.inner_text("[role=status]#said")
        give_file(opened.page, "reviews.csv", TABLE)
        run_through(opened.page)
        live = opened.page.locator("#job [role=status]").all_inner_texts()
        assert any("90 texts classified" in said for said in live)
        nameless = opened.page.evaluate("""
            [...document.querySelectorAll('input, select, textarea, progress, table')].filter(one =>
                !one.labels?.length && !one.ariaLabel && !one.caption).map(one => one.outerHTML.slice(0, 80))
        """)
        assert nameless == []
        assert opened.page.evaluate("new Set([...document.querySelectorAll('[id]')].map(one => one.id)).size") == (
            opened.page.locator("[id]").count()
        )


def walk_through(opened: Visit) -> Iterator[str]:
    """Every state of the page in turn, by name."""
    page = opened.page
    page.wait_for_selector("#work:not([hidden])")
    yield "empty"
    classify(page, SENTENCE)
    page.click("summary")
    yield "one"
    page.click("#tab-many")
    yield "many-empty"
    give_file(page, "reviews.csv", TABLE)
    page.select_option("#truth-column", label="label")
    yield "columns"
    run_through(page)
    yield "answers"
    page.click("#tab-about")
    page.wait_for_selector("#about h3")
    yield "about"


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_every_state_fits_and_is_photographed(
    chromium: "Browser", site: Site, tmp_path_factory: pytest.TempPathFactory, *, width: int, is_dark: bool
) -> None:
    """Nothing sticks out sideways; the pictures lie in pytest's folder for whoever wants to look at them."""
    folder = tmp_path_factory.mktemp("page")
    with visit(chromium, site, width=width, is_dark=is_dark) as opened:
        for name in walk_through(opened):
            opened.page.screenshot(path=folder / f"{name}-{width}-{'dark' if is_dark else 'light'}.png", full_page=True)
            assert opened.page.evaluate("document.documentElement.scrollWidth") <= width, name
            small = opened.page.evaluate("""
                [...document.querySelectorAll('button, select, input, summary, a')].filter(one => one.checkVisibility())
                    .filter(one => one.className !== 'skip')
                    .filter(one => Math.min(one.offsetHeight, one.offsetWidth) < 18).map(one => one.outerHTML)
            """)
            assert small == [], name
        opened.is_quiet()


def test_nothing_moves_where_motion_is_unwanted(chromium: "Browser", site: Site) -> None:
    with visit(chromium, site, reduced_motion="reduce") as opened:
        classify(opened.page, SENTENCE)
        assert opened.page.evaluate("getComputedStyle(document.querySelector('.bar > div')).transitionDuration") == "0s"


def test_no_accessibility_rule_is_broken(chromium: "Browser", site: Site) -> None:
    """By the rules of axe-core, in every state, light and dark; left out where it could not be fetched."""
    axe = axe_source()
    for is_dark in (False, True):
        with visit(chromium, site, is_dark=is_dark, bypass_csp=True) as opened:
            for name in walk_through(opened):
                opened.page.evaluate(axe)
                found = opened.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
                told = [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found["violations"]]
                assert told == [], name
