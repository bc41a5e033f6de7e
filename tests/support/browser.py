"""A real Chromium without a window, driven by selenium."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from needs import AXE, PATH
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By

if TYPE_CHECKING:
    from collections.abc import Iterator

PHONE, DESKTOP = 360, 1280
"""Widths in CSS pixels: a small phone's, and a laptop's."""

# Chromium must not look for anything but the page: without these it asks its maker's servers on and on.
_OPTIONS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


class Browser:
    """One tab of a Chromium."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        self.driver.get(url)

    def show(self, *, width: int = DESKTOP, height: int = 800, dark: bool = False) -> None:
        """Set the width of the page in CSS pixels, and whether the reader likes it dark."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < DESKTOP}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def allow_scripts(self, *, allowed: bool) -> None:
        """Switch JavaScript in pages on or off."""
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not allowed})

    def click(self, selector: str) -> None:
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def text(self, selector: str = "body") -> str:
        """The text of an element, as a reader sees it."""
        return self.driver.find_element(By.CSS_SELECTOR, selector).text

    def texts(self, selector: str) -> list[str]:
        return [element.text for element in self.driver.find_elements(By.CSS_SELECTOR, selector)]

    def evaluate(self, expression: str) -> Any:
        return self.driver.execute_script(f"return {expression}")

    def complaints(self) -> list[str]:
        """What the browser has complained of since the last call, such as a breach of the page's policy."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def violations(self, *, without: tuple[str, ...] = ()) -> list[str]:
        """What axe finds inaccessible in the page: the rule and the element. Some rules can be left out."""
        self.driver.execute_script(AXE.read_text())
        rules = {rule: {"enabled": False} for rule in without}
        found = self.driver.execute_async_script(
            "const [rules, done] = arguments; axe.run(document, {rules}).then(done)", rules
        )
        assert found["passes"]
        return [f"{rule['id']}: {node['html']}" for rule in found["violations"] for node in rule["nodes"]]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a Chromium with an empty profile, and end it with the block."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = shutil.which("chromium", path=PATH) or ""
        for option in (*_OPTIONS, f"--user-data-dir={profile}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        # Named, so that selenium does not look for a driver in the network.
        service = ChromeService(executable_path=shutil.which("chromedriver", path=PATH))
        driver = Chrome(options=options, service=service)
        try:
            yield Browser(driver)
        finally:
            driver.quit()
