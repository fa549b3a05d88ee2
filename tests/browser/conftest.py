"""A headless Chromium, without a network, that reports everything a page says."""

import os
import shutil
from dataclasses import dataclass, field

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Opened:
    """A page with what it logged and asked for."""

    page: object
    complaints: list = field(default_factory=list)
    requests: list = field(default_factory=list)

    def go(self, path):
        """Open a file and wait until the page works."""
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("body[data-ready=true]")

    def chart(self, name):
        """A chart, scrolled to and drawn."""
        chart = self.page.locator(f"#chart-{name}")
        chart.scroll_into_view_if_needed()
        self.page.wait_for_selector(f"#chart-{name}[data-drawn]", timeout=60_000)
        return chart


@pytest.fixture(scope="session")
def browser():
    api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("ACCELSIM_NEEDS_BROWSER"):
            pytest.fail("no Chromium is installed, and ACCELSIM_NEEDS_BROWSER says that there has to be one")
        pytest.skip("no Chromium is installed")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser):
    """Open a file (None: nothing yet); whatever it logs, fails or fetches is kept, and in the end must be nothing."""
    opened = []

    def call(path, **options):
        page = browser.new_page(**options)
        page.set_default_timeout(60_000)
        this = Opened(page)
        page.on("console", lambda message: this.complaints.append(message.text))
        page.on("pageerror", lambda error: this.complaints.append(str(error)))
        page.on("dialog", lambda dialog: (this.complaints.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: this.requests.append(request.url))
        opened.append(this)
        if path is not None:
            this.go(path)
        return this

    yield call
    for this in opened:
        assert this.complaints == []
        assert [url for url in this.requests if not url.startswith(("file:", "data:", "blob:"))] == []
        this.page.close()
