"""The floorplan widget in JupyterLab: what a click recomputes is what the library says."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("anywidget")
pytest.importorskip("jupyterlab")

import jupyterlab

from accelsim import Case, Decode, simulate
from accelsim.exploration import Exploration

CASE = Case("gpt2-xl", "cerebras-cs2", Decode(1, 64), "execution=spatial,granularity=layer,chunk=1")
CELLS = (
    "from accelsim import Decode, simulate\nfrom accelsim import explore\n"
    'floor = explore("gpt2-xl", "cerebras-cs2", Decode(1, 64), "granularity=layer,chunk=1")\nfloor',
    'simulate("gpt2-xl", "nvidia-a100-sxm-80gb", Decode(1, 64), what_ifs=False)',
)
SECONDS_TO_START, MS_TO_ANSWER = 60, 60_000


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Address of a JupyterLab of its own on this machine, with one notebook; it ends with the tests."""
    folder = tmp_path_factory.mktemp("lab")
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "floor.ipynb")
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"fetchNews": "false"}')  # nothing is fetched from elsewhere, nothing asks
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    share = Path(jupyterlab.__file__).parents[4] / "share" / "jupyter"
    homes = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    flags = {
        "ServerApp.ip": "127.0.0.1", "ServerApp.port": port, "ServerApp.port_retries": 0,
        "ServerApp.open_browser": False, "ServerApp.root_dir": folder, "IdentityProvider.token": token,
        "LabApp.expose_app_in_browser": True, "LabApp.user_settings_dir": folder / "settings",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }  # fmt: skip
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--allow-root", *(f"--{name}={value}" for name, value in flags.items())],
        env={**os.environ, **homes, "JUPYTER_PATH": str(share), "JUPYTERLAB_DIR": str(share / "lab"),
             "IPYTHONDIR": str(folder / "ipython")},
        stdout=subprocess.DEVNULL, stderr=(folder / "log").open("w"), start_new_session=True,
    )  # fmt: skip
    try:
        wait_for_server(server, f"http://127.0.0.1:{port}/api/status?token={token}", folder / "log")
        yield f"http://127.0.0.1:{port}/lab/tree/floor.ipynb?token={token}"
    finally:
        server.terminate()  # it shuts its kernels down
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(10)


def wait_for_server(server, address, log):
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def page(browser, lab):
    """The notebook, run to its end."""
    page = browser.new_page(viewport={"width": 1500, "height": 1100})
    page.set_default_timeout(MS_TO_ANSWER)
    page.wrong = []
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.goto(lab)
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_function("window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'")
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_selector(".accelsim-floor[data-revision]")
    yield page
    page.close()


@pytest.fixture
def floor(page):
    """The widget with nothing swapped, and the library's own exploration of the same placement."""
    while page.locator(".accelsim-floor button[name=undo]").is_enabled():
        act(page, lambda: page.locator(".accelsim-floor button[name=undo]").click())
    yield Exploration(CASE)
    assert page.wrong == []


def act(page, action):
    """Do something and wait for the simulator's answer."""
    before = page.locator(".accelsim-floor").get_attribute("data-revision")
    action()
    page.wait_for_function(
        "(before) => { const now = document.querySelector('.accelsim-floor').dataset.revision;"
        " return now !== undefined && now !== before; }",
        arg=before,
    )


def click(page, name):
    """Click the middle of a group, whatever lies over it."""
    box = page.locator(f".accelsim-floor g[data-name='{name}'] .edge").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def shown(page, column="now"):
    cells = page.locator(f".accelsim-floor td[data-column={column}]").all()
    return {cell.get_attribute("data-key"): float(cell.get_attribute("data-value")) for cell in cells}


def figures(step):
    return {
        "latency_s": step.latency_s,
        "byte_hops": step.report.byte_hops,
        "gap": step.report.gap,
        "mean_hops": step.report.mean_hops,
        "hottest_bytes": step.report.hottest[0].nbytes,
        "fullest": step.run.occupancy.fullest.fraction,
    }


def test_clicking_two_groups_swaps_them_and_shows_what_the_library_computes(page, floor, tmp_path):
    assert shown(page) == figures(floor.now)
    click(page, "decoder0")
    act(page, lambda: click(page, "decoder40"))
    floor.swap("decoder0", "decoder40")
    assert shown(page) == figures(floor.now)
    assert shown(page, "before") == figures(floor.placed)
    assert floor.now.report.byte_hops > floor.placed.report.byte_hops
    assert "Swapped decoder0 and decoder40" in page.inner_text(".accelsim-floor .message")
    page.locator(".accelsim-floor").screenshot(path=tmp_path / "swapped.png")
    act(page, lambda: page.locator(".accelsim-floor button[name=undo]").click())
    assert shown(page) == figures(floor.placed)
    assert shown(page, "before") == {}


def test_the_keyboard_alone_swaps_groups(page, floor):
    page.locator(".accelsim-floor g[data-name='embedding']").focus()
    page.keyboard.press("ArrowRight")  # a snake: the first layer is right of the embedding, the next right of it
    page.keyboard.press("Enter")
    picked = page.locator(".accelsim-floor g[aria-pressed=true]").get_attribute("data-name")
    page.keyboard.press("ArrowRight")
    other = page.evaluate("document.activeElement.dataset.name")
    act(page, lambda: page.keyboard.press("Enter"))
    assert (picked, other) == ("decoder0", "decoder1")
    floor.swap(picked, other)
    assert shown(page) == figures(floor.now)


def test_dragging_a_group_onto_another_swaps_them(page, floor):
    boxes = [page.locator(f".accelsim-floor g[data-name={n}] .edge").bounding_box() for n in ("decoder3", "decoder20")]
    (x, y), (u, v) = ((box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(u, v, steps=4)
    act(page, page.mouse.up)
    floor.swap("decoder3", "decoder20")
    assert shown(page) == figures(floor.now)


def test_pointing_at_a_link_lists_what_loads_it(page, floor):
    link = floor.view()["links"][-1]
    line = page.locator(f".accelsim-floor line[data-link='{link['name']}']")
    (x1, y1), (x2, y2) = (
        line.evaluate("(l, i) => { const p = new DOMPoint(l[`x${i}`].baseVal.value, l[`y${i}`].baseVal.value)"
                      ".matrixTransform(l.getScreenCTM()); return [p.x, p.y]; }", i) for i in (1, 2)
    )  # fmt: skip
    page.mouse.move(x1 * 0.6 + x2 * 0.4, y1 * 0.6 + y2 * 0.4)
    told = page.inner_text(".accelsim-floor .details").splitlines()
    assert told == [link["name"], *link["details"]]
    page.locator(".accelsim-floor .hottest button").last.focus()  # the same for the keyboard
    name = page.locator(".accelsim-floor .hottest button").last.inner_text().split()[-1]
    assert page.inner_text(".accelsim-floor .details b") == name


def test_settings_place_anew_and_what_is_refused_changes_nothing(page, floor):
    fields = page.locator(".accelsim-floor form")
    fields.locator("[name=placer]").select_option("row_major")
    page.wait_for_selector(".accelsim-floor[data-revision]")
    floor.change(placer="row_major")
    assert shown(page) == figures(floor.now)

    act(page, lambda: (fields.locator("[name=batch]").fill("100000"), fields.locator("[name=batch]").blur()))
    assert "does not fit" in page.inner_text(".accelsim-floor .message.refused")
    assert shown(page) == figures(floor.now)
    assert fields.locator("[name=batch]").input_value() == "1"


def contrast(page, selector):
    """Luminance of the page and of the text of an element."""
    script = """(selector) => {
      const luminance = (colour) => { const [r, g, b] = colour.match(/[\\d.]+/g).map(Number);
        return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255; };
      const element = document.querySelector(selector), style = getComputedStyle(element);
      return [luminance(getComputedStyle(document.querySelector('.accelsim-floor')).backgroundColor),
              luminance(element instanceof SVGElement ? style.fill : style.color)]; }"""
    return page.evaluate(script, selector)


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_text_is_readable_in_both_themes(page, floor, theme, tmp_path):
    page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
    is_dark = theme.endswith("Dark")
    page.wait_for_function(
        f"document.querySelector('.accelsim-floor').classList.contains('dark') === {str(is_dark).lower()}"
    )
    for selector in (".accelsim-floor .names text", ".accelsim-floor td.now", ".accelsim-floor button[name=again]"):
        paper, ink = contrast(page, selector)
        assert (paper < ink) == is_dark
        assert abs(paper - ink) > 0.6
    page.screenshot(path=tmp_path / "page.png")


def test_no_two_labels_overlap_and_none_leaves_its_group(page, floor):
    boxes = page.evaluate("""[...document.querySelectorAll('.accelsim-floor .names text')].filter((t) => t.textContent)
        .map((t) => { const b = t.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; })""")
    assert len(boxes) == len(floor.now.run.pipeline.groups)
    for index, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[index + 1 :]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top


def test_a_result_is_a_table_in_the_notebook(page, floor):
    result = simulate("gpt2-xl", "nvidia-a100-sxm-80gb", Decode(1, 64), what_ifs=False)
    assert result.bottleneck.sentence in page.locator(".jp-Notebook .jp-Cell").nth(1).inner_text()
