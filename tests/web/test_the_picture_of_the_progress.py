"""The picture of the progress as a README shows it: by itself, in light and dark, and whatever it is of."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.web import seeding
from tests.web.looking import SCREENS, Scheme, Site
from tests.web.seeding_segments import EDGES, MOVED

# How far apart in brightness the ground and what stands on it are, by the formula of WCAG.
CONTRASTS = """() => {
  const light = (colour) => colour.match(/\\d+/g).slice(0, 3).map((each) => each / 255)
    .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
    .reduce((sum, each, index) => sum + each * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = light(getComputedStyle(document.querySelector(".ars-bg")).fill);
  return [...document.querySelectorAll("svg text")].map((each) => {
    const ink = light(getComputedStyle(each).fill);
    return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
  });
}"""


def _shown(site: Site, page: Page, path: str) -> str:
    """The picture at an address, put into a page of another site."""
    with site.served.http() as http:
        answer = http.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/svg+xml"
    page.set_content(f"<body style='margin:0'>{answer.text}</body>")
    return answer.text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_light_and_dark_of_whoever_reads(site: Site, scheme: Scheme) -> None:
    context = site.chromium.new_context(color_scheme=scheme)
    page = context.new_page()
    text = _shown(site, page, f"/v1/projects/{seeding.PROJECT}/progress.svg")
    ground = page.locator(".ars-bg").evaluate("it => getComputedStyle(it).fill")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 29)"}[scheme]
    assert min(page.evaluate(CONTRASTS)) >= 4.5
    assert "<script" not in text.replace("&lt;script", "")
    assert "http" not in text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENS / f"progress-{scheme}.png")
    context.close()


@pytest.mark.parametrize(
    "path", [f"/v1/projects/{EDGES}/progress.svg", f"/v1/projects/{MOVED}/progress.svg?segment=1"]
)
def test_numbers_at_the_end_of_what_there_is_and_earlier_segments_are_drawn(site: Site, path: str) -> None:
    context = site.chromium.new_context()
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text))
    text = _shown(site, page, path)
    assert wrong == []
    assert "nan" not in text.lower().replace("not finite", "")
    assert page.evaluate("window.struck") is None
    page.screenshot(path=SCREENS / f"progress-{path.split('/')[3]}.png")
    context.close()
