"""What the site holds beside docs/: notebooks, KaTeX, and links into the repository."""

import os
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(#[^)]*)?\)")


@event_priority(100)  # before the plugin that reads notebooks
def on_files(files: Files, config: MkDocsConfig) -> Files:
    for notebook in sorted((ROOT / "examples" / "notebooks").glob("*.ipynb")):
        files.append(File.generated(config, f"notebooks/{notebook.name}", abs_src_path=str(notebook)))
    katex = Path(os.environ["NEYMAN_KATEX"])
    for path in (katex / "katex.min.css", katex / "katex.min.js", katex / "contrib" / "auto-render.min.js"):
        files.append(File.generated(config, f"assets/katex/{path.relative_to(katex)}", abs_src_path=str(path)))
    for path in sorted((katex / "fonts").glob("*.woff2")):
        files.append(File.generated(config, f"assets/katex/fonts/{path.name}", abs_src_path=str(path)))
    return files


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
