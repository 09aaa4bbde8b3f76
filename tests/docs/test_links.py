"""Links of the sources become links of the site, also where they leave docs/."""

from __future__ import annotations

import pytest

from website.outside import PAGES, ROOT, on_post_page, with_links_of_the_site


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("docs/a.md", "[b](b.md#c)", "[b](b.md#c)"),
        ("docs/a.md", "[security](../SECURITY.md)", "[security](security.md)"),
        ("docs/a.md", "[x](../layer/README.md#publish)", "[x](layer.md#publish)"),
        ("docs/a.md", "[x](../README.md#try-it)", "[x](readme.md#try-it)"),
        ("README.md", "![picture](docs/demo.png)", "![picture](demo.png)"),
        ("docs/a.md", "the [builder](../layer/build.py) does", "the builder does"),
        ("docs/a/b.md", "[x](../c.md#d)", "[x](../c.md#d)"),
        ("docs/a/b.md", "[x](c.yml)", "[x](c.yml)"),
        ("docs/a/b.md", "[x](../../SECURITY.md)", "[x](../security.md)"),
        ("docs/a.md", "[out](https://example.com/b.md)", "[out](https://example.com/b.md)"),
        ("docs/a.md", "[here](#here)", "[here](#here)"),
        ("docs/a.md", "![picture](demo.png)", "![picture](demo.png)"),
        ("docs/a.md", "```js\nf[0](x.md)\n```\n", "```js\nf[0](x.md)\n```\n"),
        ("layer/README.md", "[cw](../docs/cloudwatch.md)", "[cw](cloudwatch.md)"),
        ("layer/README.md", "[x](defer.py)", "x"),
        ("SECURITY.md", "[r](docs/secrets.md#redaction)", "[r](secrets.md#redaction)"),
    ],
)
def test_link(source: str, text: str, expected: str) -> None:
    """A page of the site is linked, any other file of the repository is only named."""
    assert with_links_of_the_site(text, source=source) == expected


def test_the_sources_exist() -> None:
    """Each page from outside of docs/ has its source, and none hides a page of docs/."""
    assert [source for source in PAGES if not (ROOT / source).is_file()] == []
    assert [page for page in PAGES.values() if (ROOT / "docs" / page).exists()] == []


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<td><code>A_B</code></td>", "<td><code>A_<wbr>B</code></td>"),
        ("<th><code>faas.trigger</code></th>", "<th><code>faas.<wbr>trigger</code></th>"),
        ("<td><code>a,b</code> c_d</td>", "<td><code>a,<wbr>b</code> c_d</td>"),
        ("<td><code>GET /a/b</code></td>", "<td><code>GET /a<wbr>/b</code></td>"),
        ("<p><code>A_B</code></p>", "<p><code>A_B</code></p>"),
    ],
)
def test_names_in_tables_break_between_words(html: str, expected: str) -> None:
    """And only there: in a narrow column a name stays readable."""
    assert on_post_page(html) == expected
