"""Build the site into `site/`: `make docs`. A link that leads nowhere, like any other warning, ends it.

The pages are those of the repository, and some that are made from the code. They are staged in one folder first, with
the links between them turned to where they are on the site.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.website.generated import write
from tools.website.pages import HERE, TOP, pages, staged

OUT = TOP / "site"


def stage(folder: Path) -> None:
    """Write every page of the site, and the pictures, into a folder."""
    where = pages()
    for source, page in where.items():
        target = folder / page
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(staged(source, where), "utf-8")
    shutil.copytree(TOP / "docs" / "images", folder / "images")
    write(folder)


def main() -> int:
    """Build the site; Sphinx's exit code."""
    with tempfile.TemporaryDirectory(prefix="td-site-") as folder:
        stage(Path(folder))
        shutil.rmtree(OUT, ignore_errors=True)
        words = ["-b", "html", "-c", str(HERE), "-W", "--keep-going", "-q", folder, str(OUT)]
        code = subprocess.run([sys.executable, "-m", "sphinx", *words], check=False, cwd=TOP).returncode
    if code == 0:
        sys.stdout.write(f"{OUT.relative_to(TOP)}/index.html\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
