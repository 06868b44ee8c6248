"""Fixtures shared by all tests: where the real sample data are."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # no test may fail because the machine is busy
settings.load_profile("untimed")

DATA = Path(os.environ.get("PHASEWELL_TEST_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder of real sample data; skips by name where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"real sample data not at {DATA} (set PHASEWELL_TEST_DATA)")
    return DATA


AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"  # axe.min.js of axe-core 4.14.1
OWN_SERVICES = (".google.com", ".googleapis.com", ".gvt1.com")  # the browser asks them by itself, for no page


class Screen:
    """A headless Chromium that is driven: clicks, keys, what the console says, what is asked for, pictures."""

    def __init__(self, driver: Any, downloads: Path) -> None:
        self.driver, self.downloads = driver, downloads

    def open(self, address: Path | str) -> None:
        """Open a page from an empty log."""
        self.log()
        self.driver.get(address.as_uri() if isinstance(address, Path) else address)

    def wait(self, condition: str, seconds: float = 60) -> Any:
        """Return the first truthy value of a JavaScript expression; fails with the expression when none comes."""
        from selenium.common.exceptions import TimeoutException
        from selenium.webdriver.support.ui import WebDriverWait

        try:
            return WebDriverWait(self.driver, seconds, 0.05).until(lambda d: d.execute_script(f"return {condition}"))
        except TimeoutException:
            pytest.fail(f"never true on the page: {condition}; console: {self.driver.get_log('browser')}")

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript and return its value."""
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> Any:
        """Return the first element of a CSS selector."""
        return self.driver.find_element("css selector", selector)

    def press(self, *keys: str) -> None:
        """Press keys where the focus is; names such as "TAB" and "ENTER", or text."""
        from selenium.webdriver import ActionChains, Keys

        ActionChains(self.driver).send_keys(*(getattr(Keys, key, key) for key in keys)).perform()

    def console(self) -> list[str]:
        """Return what the console said since the page was opened."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def log(self) -> list[str]:
        """Return the addresses on a network asked for since the last look, and forget the console."""
        self.driver.get_log("browser")
        asked = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                address = message["params"]["request"]["url"]
                host = address.partition("://")[2].partition("/")[0]
                if address.startswith(("http", "ws", "ftp")) and not host.endswith(OWN_SERVICES):
                    asked.append(address)
        return asked

    def accessibility(self, axe: str) -> list[str]:
        """Return the serious and critical findings of axe-core, each with the first element it names."""
        self.run(axe)
        found = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run(document, {resultTypes: ['violations']}).then((r) => done(r.violations), (e) => done(String(e)))"
        )
        assert isinstance(found, list), found
        serious = [v for v in found if v["impact"] in ("serious", "critical")]
        return [f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]} x {len(v['nodes'])}" for v in serious]

    def faults(self, page: Path, axe: str) -> list[str]:
        """Open a page, wait for its charts, and return what it, the console, the network and axe-core find wrong."""
        self.open(page)
        about = "document.documentElement.dataset"
        self.wait(f"{about}.chartsDrawn && {about}.chartsDrawn === {about}.charts")
        told = str(self.run(f"return {about}.problems || ''"))
        return [*filter(None, [told]), *self.accessibility(axe), *self.console(), *self.log()]

    def picture(self, path: Path, width: int = 1280, height: int = 900) -> Path:
        """Write what the window shows as PNG; where PHASEWELL_SCREENSHOTS names a folder, there as well."""
        self.driver.set_window_size(width, height)
        path.write_bytes(self.driver.get_screenshot_as_png())
        if folder := os.environ.get("PHASEWELL_SCREENSHOTS"):
            shutil.copy(path, Path(folder) / path.name)
        return path


@pytest.fixture(scope="session")
def _driven_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("chromium and chromedriver are not installed (Debian: apt-get install chromium chromium-driver)")
    from selenium import webdriver

    folder = tmp_path_factory.mktemp("chromium")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-background-networking", "no-first-run",
                 "disable-component-update", "disable-dev-shm-usage", "window-size=1280,900",
                 "force-color-profile=srgb", "force-prefers-reduced-motion",
                 f"user-data-dir={folder / 'profile'}"):  # fmt: skip
        options.add_argument(f"--{flag}")
    options.add_experimental_option("prefs", {"download.default_directory": str(folder / "downloads")})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))
    driver.set_script_timeout(120)
    yield Screen(driver, folder / "downloads")
    driver.quit()


@pytest.fixture
def screen(_driven_browser: Screen) -> Screen:
    """Return a headless Chromium to click in; skips by name where it is not installed."""
    shutil.rmtree(_driven_browser.downloads, ignore_errors=True)
    _driven_browser.driver.set_window_size(1280, 900)
    return _driven_browser


@pytest.fixture(scope="session")
def axe() -> str:
    """Return axe-core as JavaScript; skips by name where `make` has not fetched it."""
    path = Path(os.environ.get("PHASEWELL_AXE", Path(sys.prefix) / "axe/node_modules/axe-core/axe.min.js"))
    if not path.is_file():
        pytest.skip(f"axe-core is not at {path} (make fetches it by npm)")
    text = path.read_bytes()
    assert hashlib.sha256(text).hexdigest() == AXE_SHA256, f"{path} is not axe-core 4.14.1"
    return text.decode("utf-8")
