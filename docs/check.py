"""Does the built site work? python docs/check.py OUT

Without a browser: every internal link and anchor leads somewhere, and every public name has its place in the API. In a
headless Chromium, if there is one: no page has an error in its console, asks another host for anything, lacks an image
or is wider than a phone, and the search finds what people look for. --browser: an error where there is none.
"""

import functools
import http.server
import importlib.util
import inspect
import os
import posixpath
import shutil
import sys
import threading
import zlib
from contextlib import contextmanager, suppress
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import chmm
import chmm.emissions
import chmm.testing

DESKTOP, PHONE = {"width": 1400, "height": 1000}, {"width": 390, "height": 844}
WORDS = "viterbi", "lengths", "hmmlearn", "missing", "forecast"
BROWSERS = "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge"
PASSED_ON = {"Shards"}  # classes whose methods are for the package itself
OURS = "http://127.0.0.1"


def main(out, *options):
    out = Path(out)
    pages = sorted(page.relative_to(out).as_posix() for page in out.rglob("*.html") if "_static" not in page.parts)
    complaints = broken_links(out, pages) + undocumented(out)
    print(f"{len(pages)} pages: their links and anchors were followed, and public names looked up in the API")
    browser = find_browser()
    if browser is None:
        why = "there is no Chromium, or no playwright to open it: no page was opened, and nothing searched"
        print(f"Skipped: {why}")
        complaints += [why] * ("--browser" in options)
    else:
        complaints += in_browser(browser, out, pages)
        widths = f"{DESKTOP['width']} and {PHONE['width']} pixels"
        print(f"All pages were opened, {widths} wide, and {len(WORDS)} words were searched")
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    sys.exit(bool(complaints))


# Without a browser ----------------------------------------------------------------------------------------------------


class Anchors(HTMLParser):
    """The ids of a page, and where its links and images lead."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.targets = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids |= {found.get("id"), found.get("name")} - {None}
        self.targets |= {found.get("href"), found.get("src")} - {None}


def broken_links(out, pages):
    anchors = {page: Anchors((out / page).read_text(encoding="utf-8")) for page in pages}
    complaints = []
    for page, found in anchors.items():
        for target in sorted(found.targets):
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            path, anchor = unquote(parts.path), unquote(parts.fragment)
            path = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page
            if not (out / path).is_file():
                complaints.append(f"{page} leads to {target}: there is no such file")
            elif anchor and path in anchors and anchor not in anchors[path].ids:
                complaints.append(f"{page} leads to {target}: {path} has no such place")
    return complaints


def undocumented(out):
    """Public names without an entry in the API."""
    _, _, _, _, packed = (out / "objects.inv").read_bytes().split(b"\n", 4)
    entries = {line.split(" ")[0] for line in zlib.decompress(packed).decode().splitlines()}
    return [f"the API lacks {name}" for name in sorted(public()) if name not in entries]


def public():
    """Names that a user may call: of the package, of its public modules, and the methods of classes; those of families
    are told at `Emission`."""
    for module in (chmm, *filter(inspect.ismodule, (getattr(chmm, name) for name in chmm.__all__))):
        for name in getattr(module, "__all__", None) or own_functions(module):
            thing = getattr(module, name)
            yield f"{module.__name__}.{name}"
            family = inspect.isclass(thing) and issubclass(thing, chmm.Emission) and thing is not chmm.Emission
            if inspect.isclass(thing) and not family and name not in PASSED_ON:
                yield from (f"chmm.{name}.{method}" for method in methods(thing))
    yield "chmm.testing.check_emission"
    yield from (f"chmm.emissions.{name}" for name in chmm.emissions.__all__ if name.startswith("check_"))


def own_functions(module):
    return [name for name, f in inspect.getmembers(module, inspect.isfunction)
            if f.__module__ == module.__name__ and not name.startswith("_")]  # fmt: skip


def methods(kind):
    """Its own public methods and properties, as far as they have a docstring."""
    for name, thing in vars(kind).items():
        told = isinstance(thing, property | classmethod | staticmethod) or inspect.isfunction(thing)
        if told and not name.startswith("_") and inspect.getdoc(thing) and getattr(thing, "__doc__", None):
            yield name


# In a browser ---------------------------------------------------------------------------------------------------------


def find_browser():
    """A program that playwright can drive."""
    if importlib.util.find_spec("playwright") is None:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        own = play.chromium.executable_path
    return own if os.path.exists(own) else next(filter(None, map(shutil.which, BROWSERS)), None)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *about):
        pass

    def handle(self):
        with suppress(ConnectionError):  # the browser went on to another page
            super().handle()


@contextmanager
def served(out):
    """The address of the site, on a free port of this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=out)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"{OURS}:{server.server_port}"
        server.shutdown()


def in_browser(browser, out, pages):
    from playwright.sync_api import sync_playwright

    complaints, now = [], ["", ""]

    def complain(what):
        complaints.append(f"{now[0]}: {what}")

    def ours(route):
        if route.request.url.startswith((OURS, "data:")):
            return route.continue_()
        complain(f"asks for {route.request.url}")
        return route.abort()

    with served(out) as site, sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        tab = chromium.new_page(viewport=DESKTOP)
        tab.route("**/*", ours)
        tab.on("console", lambda told: complain(told.text) if told.type == "error" else None)
        tab.on("pageerror", lambda error: complain(str(error)))
        tab.on("response", lambda answer: complain(f"{answer.url}: {answer.status}") if answer.status >= 400 else None)
        for page in pages:
            now[0] = page
            tab.set_viewport_size(DESKTOP)
            tab.goto(f"{site}/{page}")
            for image in tab.evaluate(LACKING):
                complain(f"the image {image} does not load")
            tab.set_viewport_size(PHONE)
            wide = tab.evaluate(WIDE)
            if wide:
                complain(f"is {wide['width']} pixels wide on a phone of {PHONE['width']}, because of {wide['by']}")
        for word in WORDS:
            now[0] = f"search for {word!r}"
            tab.goto(f"{site}/search.html?q={word}")
            try:
                tab.wait_for_selector("#search-results ul.search li a", timeout=15_000)
            except Exception as error:
                complain(f"finds nothing within 15 s ({type(error).__name__})")
        chromium.close()
    return complaints


LACKING = """async () => {
    const images = [...document.images];
    images.forEach(image => image.loading = "eager");
    await Promise.all(images.map(image => image.complete || new Promise(done => image.onload = image.onerror = done)));
    return images.filter(image => !image.naturalWidth).map(image => image.getAttribute("src"));
}"""

WIDE = """() => {
    const room = document.documentElement.clientWidth, width = document.documentElement.scrollWidth;
    if (width <= room) return null;
    const beyond = [...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > room + 1);
    const deepest = beyond.filter(e => !beyond.some(other => other !== e && e.contains(other)));
    return {width, by: deepest.slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join(" and ")};
}"""


if __name__ == "__main__":
    main(*sys.argv[1:])
