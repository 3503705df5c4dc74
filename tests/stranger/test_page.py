"""The page of an archive shows the texts of a run as text: none of them runs, ends an element or fills a template."""

import base64
import hashlib
import html.parser
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from poet.errors import RunError
from poet.view.open import open_run
from tests.view.archive.fake_archive import fake_archive, write_elites
from tests.view.run_folder import edit_json

HACK = "document.documentElement.setAttribute('hacked','')"
PAYLOADS = [
    f"</script><script>{HACK}</script>",
    f"<img src=x onerror={HACK}>",
    f'"><svg onload="{HACK}">',
    f"<iframe srcdoc='<script>parent.{HACK}</script>'>",
    f"'];{HACK};//",
    f"${{{HACK}}}`\\",
    "<!--<script>",
    "{{data}} {{title}} {{policy}}",
    "&lt;b&gt; &amp;quot;",
    f"\u2028{HACK}\u2029",
    f"javascript:{HACK}",
]
ALL = " ".join(PAYLOADS)
NAME = f"{{{{data}}}}<img src=x onerror={HACK}>&lt;{{{{title}}}}"  # a folder's name has no "/"


@pytest.fixture(scope="module")
def folder(originals: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with the payloads in each text, ids among them."""
    run = shutil.copytree(originals / "archive", tmp_path_factory.mktemp("hostile") / NAME)
    rows = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    for row in rows:
        row["emitters"] = {f"{name} {ALL}": report for name, report in row["emitters"].items()}
    (run / "journal.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    edit_json(run / "config.json", problem={"id": ALL})
    for iteration in (2, 4):
        poison(run, iteration)
    return run


def poison(run: Path, iteration: int) -> None:
    record = open_run(run).archive(iteration)
    columns = {name: np.array(column) for name, column in record.columns.items()}
    columns["id"] = np.array([[f"id {ALL}", str(row)] for row in range(len(record))])
    meta = record.meta | {"descriptor_names": [f"left {ALL}", f"right {ALL}"], "iteration": ALL}
    meta["spec"] = meta["spec"] | {"id": f"grid {ALL}"}
    shutil.rmtree(run / "elites" / str(iteration))
    write_elites(run / "elites" / str(iteration), meta, columns)


class Elements(html.parser.HTMLParser):
    """The tags of a page, with the text of each element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: dict[str, str] = {}
        self.attributes: dict[str, str | None] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= attrs

    def handle_data(self, data: str) -> None:
        tag = self.tags[-1] if self.tags else ""
        self.texts[tag] = self.texts.get(tag, "") + data


def test_the_page_has_the_elements_of_any_other_page(folder: Path, originals: Path) -> None:
    text = open_run(folder).explore(0).text
    page, other = Elements(text), Elements(open_run(originals / "archive").explore(0).text)
    assert page.tags == other.tags
    assert page.attributes.keys() == other.attributes.keys()
    for place in ("title", "h1"):
        assert page.texts[place].startswith(f"{NAME}: grid {ALL}, iteration {ALL}")
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert not set("<>&\u2028") & set(data)
    found = json.loads(data)
    assert found["names"] == found["axes"]["names"] == [f"left {ALL}", f"right {ALL}"]
    assert all(emitter.endswith(ALL) for emitter in found["emitters"])
    assert found["ids"][0] == f"id {ALL}:0"


def test_the_policy_allows_the_script_of_the_page_alone(folder: Path) -> None:
    text = open_run(folder).explore(0).text
    (script,) = re.findall("<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in text
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|\bFunction\(", script)


@pytest.mark.parametrize("column", ["fitness", "descriptor"])
def test_texts_in_place_of_numbers_are_refused_in_words(originals: Path, tmp_path: Path, column: str) -> None:
    run = shutil.copytree(originals / "archive", tmp_path / "run")
    record = open_run(run).archive()
    columns = {name: np.array(values) for name, values in record.columns.items()}
    columns[column] = np.full(columns[column].shape, ALL)
    shutil.rmtree(run / "elites" / "4")
    write_elites(run / "elites" / "4", record.meta, columns)
    with pytest.raises(RunError, match=f"its {column} should be numbers"):
        open_run(run).explore(0)


def test_a_name_that_is_not_utf_8(originals: Path, tmp_path: Path) -> None:
    run = shutil.copytree(originals / "archive", tmp_path / "caf\udce9")
    page = open_run(run).explore(0).save(tmp_path / "page.html")
    assert "<h1>caf?: grid" in page.read_text()


# --- in a browser ---

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# What a user can do with the page: an older snapshot, every elite, zoom, and the newest snapshot again.
USE = """<script>{
const range = document.getElementById("time"), times = document.getElementById("times");
const use = (element, kind, event = new Event(kind, { bubbles: true })) => element.dispatchEvent(event);
for (const value of [0, range.max]) {
  range.value = value;
  use(range, "input");
  for (const elite of document.querySelectorAll(".elite")) { use(elite, "mouseover"); use(elite, "click"); }
  times.setAttribute(`seen-${value}`, document.querySelectorAll(".elite:not([style*=none])").length);
}
document.getElementById("in").click();
use(document.getElementById("field"), "wheel", new WheelEvent("wheel", { deltaY: -1, cancelable: true }));
document.documentElement.setAttribute("used", "");
}</script>"""


def in_browser(page: str, folder: Path) -> str:
    """The page as HTML, after its scripts have run."""
    (folder / "page.html").write_text(page)
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'user'}"]
    command = [CHROMIUM, *options, "--virtual-time-budget=5000", "--dump-dom", f"file://{folder / 'page.html'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.parametrize("guard", ["with its policy", "without its policy"])
def test_no_text_runs_in_a_browser(folder: Path, tmp_path: Path, guard: str) -> None:
    text = open_run(folder).explore(2).text
    if guard == "without its policy":
        text = re.sub("<meta http-equiv.*?>", "", text) + USE
    shown = in_browser(text, tmp_path)
    page = Elements(shown)
    assert "hacked" not in page.attributes
    assert ("used" in page.attributes) == (guard == "without its policy")
    visible = [
        " ".join(part.split()) for part in (page.texts["h1"], page.texts["text"], page.texts["div"] + page.texts["b"])
    ]
    for payload in PAYLOADS:
        literal = " ".join(payload.split())
        assert literal in visible[0], "in the heading"
        assert visible[1].count(literal) >= 2, "as names of axes"
        assert visible[2].count(literal) >= 4, "as facts: two names, an emitter, an id"
    assert NAME in page.texts["h1"]
    if guard == "without its policy":
        assert page.attributes["seen-0"] != page.attributes[f"seen-{page.attributes['max']}"]
        assert 'viewBox="0 0 460 460"' not in shown.replace("viewbox", "viewBox"), "it was zoomed"


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_the_policy_stops_what_would_run(tmp_path: Path) -> None:
    """Also shows that a browser runs the payloads, and that the test above would see it."""
    text = open_run(fake_archive(tmp_path / "run", iterations=2, batch=9, snapshots=(2,))).explore(0).text
    hostile = text.replace("<h1>", f"<h1>{''.join(PAYLOADS[:3])}")
    open_door = re.sub("<meta http-equiv.*?>", "", hostile)
    assert "hacked" in Elements(in_browser(open_door, tmp_path)).attributes
    assert "hacked" not in Elements(in_browser(hostile, tmp_path)).attributes
