import json
import re
import shutil
import subprocess

import pytest

from poet.errors import ConfigError
from poet.view.archive import commands
from poet.view.archive.explore import Page
from poet.view.open import open_run
from tests.view.archive.fake_archive import SPECS, fake_archive


def page_data(text):
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    return json.loads(data)


@pytest.mark.few(2)
@pytest.mark.parametrize("kind", ["grid 1", "grid 2", "grid 3", "cvt 2", "unstructured 2"])
def test_the_page_holds_every_elite(tmp_path, kind):
    run = open_run(
        fake_archive(tmp_path / "run", SPECS[kind], iterations=4, snapshots=(4,), **{"problem": {"id": "?"}})
    )
    data = page_data(run.explore(0).text)
    elites = run.archive()
    assert len(data["shapes"]) == len(data["colours"]) == len(data["descriptors"]) == len(elites)
    corners = {"grid 2": (8, 8), "cvt 2": (6, 24)}.get(kind, (2, 2))
    assert all(corners[0] <= len(shape) <= corners[1] for shape in data["shapes"])
    assert all(0 <= value <= 460 for shape in data["shapes"] for value in shape)
    assert data["pictures"] == {}


def test_the_page_contains_its_pictures_and_needs_nothing_else(archive, tmp_path, capsys):
    commands.plot(archive, what="explore", out=tmp_path, num_pictures=3)
    file = tmp_path / "explore.html"
    assert capsys.readouterr().out.strip() == str(file)
    text = file.read_text()
    data = page_data(text)
    assert len(data["pictures"]) == 3
    assert all(picture.startswith("data:image/png;base64,") for picture in data["pictures"].values())
    assert str(data["first"]) in data["pictures"]
    assert "{{" not in text
    assert not re.search("https?:", text.replace("http://www.w3.org/2000/svg", ""))


@pytest.mark.parametrize("name", ["a.png", "a.htm.txt", "a.pdf"])
def test_a_page_is_written_as_html_only(archive, tmp_path, name):
    for write in (lambda: commands.plot(archive, what="explore", out=tmp_path / name), lambda: Page("").save(name)):
        with pytest.raises(ConfigError, match=f"ends in .html, got .*{name}"):
            write()
    assert not list(tmp_path.iterdir())


def test_a_notebook_shows_the_page_in_a_frame(archive):
    shown = open_run(archive).explore(0)._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert "<script" not in shown, "it is escaped, or the frame would end in its middle"


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_script_is_sound(archive, tmp_path):
    text = open_run(archive).explore(0).text
    (script,) = re.findall("<script>(.*?)</script>", text, re.DOTALL)
    assert "JSON.parse" in script
    (tmp_path / "page.js").write_text(script)
    done = subprocess.run(["node", "--check", tmp_path / "page.js"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
