"""The page stands alone, escapes everything, and says what the record holds."""

import re
import time
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from report_records import NASTY, nasty, single, usual

from headway.bundle.record import RunRecord
from headway.report.figures import label, shown
from headway.report.page import render

VOID = {"meta", "circle", "line", "path"}


class Page(HTMLParser):
    """Collects a page's text, elements and attributes; each element must be closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags, self.attributes, self.open = "", [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", self.text.replace("\u2060", ""))


RECORDS = {
    "usual": usual,
    "nasty": nasty,
    "single": single,
    "two": lambda: usual(2, 60),
    "many": lambda: usual(150, 600),
}


@pytest.mark.parametrize("name", RECORDS)
def test_every_page_stands_alone(name: str) -> None:
    html = render(RECORDS[name]())
    html.encode()
    page = Page(html)
    assert not {"script", "img", "link", "iframe", "a", "object", "image", "use"} & set(page.tags)
    assert not [key for key, _ in page.attributes if key.startswith("on") or key in {"src", "href", "srcdoc"}]
    assert "url(" not in html
    assert "@import" not in html
    assert not re.search(r"https?:", html)
    ids = [value for key, value in page.attributes if key == "id"]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("nasty_text", NASTY)
def test_what_users_write_is_shown_and_never_becomes_markup(nasty_text: str) -> None:
    record = usual(2, 60, names=["a", nasty_text], texts=[nasty_text])
    data = replace(
        record.data,
        source=nasty_text,
        test_source=nasty_text,
        text_column=nasty_text,
        label_column=nasty_text,
        dropped={nasty_text: 1},
        notes=(nasty_text,),
        split=nasty_text,
    )
    rungs = tuple(
        replace(
            rung,
            title=f"{rung.title} {nasty_text}",
            reason=rung.reason and nasty_text,
            settings={nasty_text: nasty_text},
        )
        for rung in record.rungs
    )
    verdict = replace(record.verdict, sentence=nasty_text, undecided=(nasty_text,), metric_why=nasty_text)
    plain = Page(render(record))
    hostile = Page(
        render(
            replace(
                record,
                data=data,
                rungs=rungs,
                verdict=verdict,
                command=nasty_text,
                machine={nasty_text: nasty_text},
                versions={nasty_text: nasty_text},
            )
        )
    )
    assert set(hostile.tags) <= set(plain.tags)
    assert {key for key, _ in hostile.attributes} <= {key for key, _ in plain.attributes}
    assert re.sub(r"\s+", " ", label(nasty_text)) in hostile.words


def test_the_page_says_what_the_record_holds() -> None:
    record = usual()
    words = Page(render(record)).words
    assert record.verdict.sentence in words
    for sentence in record.verdict.undecided:
        assert sentence in words
    for rung in record.rungs:
        assert rung.title in words
        assert rung.reason is None or rung.reason in words
    for expected in [
        "estimate 15 m",
        "90.9 MB",
        "8.1 ms",
        "22.7 M parameters",
        "22 November 2026, 10:24 UTC",
        "19: no text",
        "2,131 read, 2,100 used",
        "off by 2.1 points",
        record.command,
        record.data.sha256 or "",
        "2.13.0",
        "read as Windows-1252",
        "line 17",
    ]:
        assert expected in words
    assert words.count("ships") >= 1
    assert Page(render(record)).tags.count("svg") == 4


def test_many_classes_are_listed_and_folded() -> None:
    few, many = render(usual(25, 500)), render(usual(26, 520))
    assert 'class="confusion' in few
    assert 'class="confusion' not in many
    assert "Most confused" in many
    assert "All 26 classes" in many
    longest = render(nasty())
    assert "… (12,345 characters)" in longest
    assert len(longest) < 100_000


def test_a_bare_record_renders() -> None:
    words = Page(render(single())).words
    assert "100.0 % 93.0–100.0" in words
    assert "gets wrong" in words
    bare: RunRecord = replace(single(), machine={}, versions={}, created="some day", seconds=0.0)
    assert "some day" in render(bare)


def test_rendering_is_quick() -> None:
    record = usual(150, 600)
    render(record)
    started = time.perf_counter()
    render(record)
    assert time.perf_counter() - started < 1.0


def test_control_characters_are_made_visible() -> None:
    assert shown("a\x00b\x1bc\ud800\nd") == "a␀b␛c\ufffd\nd"
    assert shown("x" * 20, 10) == "xxxxxxxxxx … (20 characters)"
