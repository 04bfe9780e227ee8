"""The Python of READMEs and of the site's pages runs, each page in a namespace of its own."""

import re
import shutil
import textwrap

import pytest
from workspaces import REPOSITORY

EXAMPLE = REPOSITORY / "examples" / "search.json"
READMES = [REPOSITORY / "README.md", REPOSITORY / "python" / "README.md"]
# the page of the command reads a file that the command writes
PAGES = sorted(p for p in (REPOSITORY / "docs").rglob("*.md") if p.stem != "cli")
# in a tab a block is indented
BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```", re.M | re.S)


def blocks(page):
    return [textwrap.dedent(text) for _, text in BLOCK.findall(page.read_text())]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib import pyplot

    (tmp_path / "examples").mkdir()
    shutil.copy(EXAMPLE, tmp_path / "examples")
    shutil.copy(EXAMPLE, tmp_path / "workspace.json")
    for name in ("unbinned", "tmd"):
        shutil.copytree(EXAMPLE.parent / name, tmp_path / "examples" / name)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    pyplot.close("all")


def run(page, names):
    for number, block in enumerate(blocks(page), 1):
        # what would take longest
        code = block.replace("100_000", "1000")
        exec(compile(code, f"{page.relative_to(REPOSITORY)}, block {number}", "exec"), names)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda p: p.stem)
def test_pages(page, folder):
    run(page, {})


@pytest.mark.parametrize("page", READMES, ids=lambda p: p.parent.name)
def test_readmes(page, folder):
    cabinetry, iminuit = pytest.importorskip("cabinetry"), pytest.importorskip("iminuit")
    import pyhf

    pdf, data = cabinetry.model_utils.model_and_data(cabinetry.workspace.load(EXAMPLE))
    # blocks after the first are excerpts
    run(page, {"pdf": pdf, "data": data, "pyhf": pyhf, "iminuit": iminuit})


def test_there_are_blocks():
    assert {"index", "tutorial", "pyhf", "data", "gpu", "cluster", "unbinned", "tmd"} <= {p.stem for p in PAGES if blocks(p)}
    assert all(blocks(page) for page in READMES)
