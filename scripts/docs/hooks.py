"""What the site holds beside docs/: notebooks, KaTeX, and links into the repository."""

import base64
import json
import os
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(#[^)]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for notebook in sorted((ROOT / "examples" / "notebooks").glob("*.ipynb")):
        text, pictures = page_of(notebook)
        files.append(File.generated(config, f"notebooks/{notebook.stem}.md", content=text))
        for name, picture in pictures.items():
            files.append(File.generated(config, f"notebooks/{name}", content=picture))
    katex = Path(os.environ["NEYMAN_KATEX"])
    for path in (katex / "katex.min.css", katex / "katex.min.js", katex / "contrib" / "auto-render.min.js"):
        files.append(File.generated(config, f"assets/katex/{path.relative_to(katex)}", abs_src_path=str(path)))
    for path in sorted((katex / "fonts").glob("*.woff2")):
        files.append(File.generated(config, f"assets/katex/fonts/{path.name}", abs_src_path=str(path)))
    return files


def page_of(notebook: Path) -> tuple[str, dict[str, bytes]]:
    """A notebook as it is committed, its outputs with it: a page and its figures."""
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for number, cell in enumerate(json.loads(notebook.read_text())["cells"]):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        if cell["execution_count"] is None:
            raise ValueError(f"{notebook.name} was not executed: scripts/docs.sh write")
        shown = "\n".join(line for line in source.splitlines() if not line.startswith("%"))
        parts.append(f"```python\n{shown}\n```")
        for output in cell["outputs"]:
            data = output.get("data", {})
            if output["output_type"] == "error":
                raise ValueError(f"{notebook.name}, cell {number}: {output['evalue']}")
            if "image/png" in data:
                name = f"{notebook.stem}-{number}.png"
                pictures[name] = base64.b64decode(data["image/png"])
                parts.append(f"![Figure of the cell above]({name})")
            elif "text/html" in data:
                # no blank line may end the block
                table = "".join(data["text/html"]).replace("\n\n", "\n")
                parts.append(f'<div style="overflow-x: auto">{table}</div>')
            else:
                text = output.get("text") or data["text/plain"]
                parts.append(f"```text\n{''.join(text).rstrip()}\n```")
    where = f"../../examples/notebooks/{notebook.name}"
    parts.append(f"*The notebook: [`examples/notebooks/{notebook.name}`]({where}).*")
    return "\n\n".join(parts) + "\n", pictures


def on_page_markdown(markdown: str, page, config: MkDocsConfig, files: Files) -> str:
    """Links to files of the repository that are no pages go to where the repository is, if it is anywhere."""
    here = posixpath.dirname(posixpath.join("docs", page.file.src_uri))

    def outside(match: re.Match) -> str:
        text, target, anchor = match.groups()
        path = posixpath.normpath(posixpath.join(here, target))
        if re.match(r"[a-z]+:", target) or path.startswith("docs/"):
            return match.group()
        if not (ROOT / path).exists():
            raise FileNotFoundError(f"{page.file.src_uri}: {target} is not there")
        repository = config.repo_url
        return f"[{text}]({repository.rstrip('/')}/blob/main/{path}{anchor or ''})" if repository else text

    return LINK.sub(outside, markdown)
