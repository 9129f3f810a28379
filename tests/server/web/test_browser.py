"""The activation page in a real browser: a phone, without script, by one tap."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.wait import WebDriverWait

from tests.peer import PATIENCE_SECONDS
from tests.server.web.world import Letter, is_open, register, web_server
from tests.serving import Server

WIDTH, HEIGHT = 360, 640
TOUCH_PIXELS_MIN = 44
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_SCRIPT = "profile.managed_default_content_settings.javascript"


def executable(*names: str) -> str:
    """A program; where there is none the tests are skipped, but not in CI."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        why = f"no {names[0]} here"
        pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)
    return found or ""


@contextmanager
def browsing(folder: Path, width: int = WIDTH, dark: bool = False) -> Iterator[Chrome]:
    """A phone's browser that runs no script."""
    options = ChromeOptions()
    options.binary_location = executable("chromium", "google-chrome")
    for flag in (*FLAGS, f"--user-data-dir={folder / 'browser'}"):
        options.add_argument(flag)
    metrics = {"width": width, "height": HEIGHT, "pixelRatio": 2.0, "touch": True}
    options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
    options.add_experimental_option("prefs", {_SCRIPT: 2})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, ChromeService(executable("chromedriver")))
    try:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with web_server(tmp_path) as server:
        yield server


def overflows(browser: Chrome) -> bool:
    """Whether the page scrolls sideways. (The tests' own script runs outside of the page.)"""
    layout = browser.execute_cdp_cmd("Page.getLayoutMetrics", {})
    return bool(layout["cssContentSize"]["width"] > layout["cssLayoutViewport"]["clientWidth"])


def complaints(browser: Chrome) -> list[str]:
    """What the browser holds against the page: a style that the policy does not allow, say."""
    found = [entry["message"] for entry in browser.get_log("browser")]  # type: ignore[no-untyped-call]
    return [message for message in found if "favicon" not in message]


def tap(browser: Chrome) -> None:
    """Press the one button, which is there to be pressed."""
    (button,) = browser.find_elements(By.TAG_NAME, "button")
    assert button.is_displayed()
    box = button.rect
    assert box["height"] >= TOUCH_PIXELS_MIN
    assert box["width"] >= TOUCH_PIXELS_MIN
    assert box["y"] + box["height"] <= HEIGHT
    assert not overflows(browser)
    point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    for kind, points in (("touchStart", [point]), ("touchEnd", [])):
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def comes_to(browser: Chrome, heading: str) -> None:
    """Wait until the page with this heading is there. While one page follows another, the driver
    may complain in several ways of what it has just found."""
    by, gone = (By.TAG_NAME, "h1"), [WebDriverException]
    wait = WebDriverWait(browser, PATIENCE_SECONDS, ignored_exceptions=gone)
    wait.until(expected_conditions.text_to_be_present_in_element(by, heading))


def test_the_browser_here_runs_no_script(tmp_path: Path) -> None:
    page = "<h1>none</h1><script>document.querySelector('h1').textContent = 'some'</script>"
    with browsing(tmp_path) as browser:
        browser.get(f"data:text/html,{quote(page)}")
        comes_to(browser, "none")
        assert browser.find_element(By.TAG_NAME, "h1").text == "none"


@pytest.mark.parametrize("width", [320, WIDTH, 1280])
def test_one_tap_opens_the_account(server: Server, tmp_path: Path, width: int) -> None:
    letter = register(server, "alice")
    with browsing(tmp_path, width) as browser:
        browser.get(letter.link)
        comes_to(browser, "Open your account")
        assert "alice" in browser.find_element(By.TAG_NAME, "main").text
        assert not is_open(server, "alice")
        tap(browser)
        comes_to(browser, "Your account is open")
        assert letter.code not in browser.current_url
        assert not overflows(browser)
        assert complaints(browser) == []
    assert is_open(server, "alice")


def colours(browser: Chrome) -> tuple[str, str]:
    """Of the text, and of the page behind it."""
    html = browser.find_element(By.TAG_NAME, "h1")
    return html.value_of_css_property("color"), str(
        browser.find_element(By.TAG_NAME, "input").value_of_css_property("background-color")
    )


def test_it_follows_the_phone_into_the_dark(server: Server, tmp_path: Path) -> None:
    seen = []
    for dark in (False, True):
        with browsing(tmp_path / str(dark), dark=dark) as browser:
            browser.get(f"{server.web}/activate")
            seen.append(colours(browser))
    assert seen[0] == ("rgba(0, 0, 0, 1)", "rgba(255, 255, 255, 1)")
    assert seen[1][0] == "rgba(255, 255, 255, 1)"
    assert seen[1] != seen[0]


def type_in(browser: Chrome, letter: Letter, code: str) -> None:
    for name, text in (("user", letter.user), ("code", code)):
        field = browser.find_element(By.NAME, name)
        field.clear()
        field.send_keys(text)
    tap(browser)


def test_a_name_and_a_code_can_be_typed_in(server: Server, tmp_path: Path) -> None:
    """Also once it went wrong."""
    letter = register(server, "alice")
    wrong = "00000000" if letter.code != "00000000" else "11111111"
    with browsing(tmp_path) as browser:
        browser.get(f"{server.web}/activate")
        type_in(browser, letter, wrong)
        comes_to(browser, "That did not work")
        assert not is_open(server, "alice")
        type_in(browser, letter, letter.code)
        comes_to(browser, "Your account is open")
    assert is_open(server, "alice")
