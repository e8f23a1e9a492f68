"""Sphinx's configuration of the site; `python -m tools.website` stages the pages and builds it."""

from __future__ import annotations

from times_doctor_tasks import __version__

project = "times-doctor"
author = "the times-doctor contributors"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
myst_enable_extensions = ["colon_fence"]
# Links to headings of other pages, as GitHub names them.
myst_heading_anchors = 4
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
python_use_unqualified_type_names = True
highlight_language = "none"
html_theme = "furo"
html_title = f"times-doctor {__version__}"
html_show_sphinx = False
html_copy_source = False
# Relative to this folder.
html_static_path = ["site.css"]
html_css_files = ["site.css"]
