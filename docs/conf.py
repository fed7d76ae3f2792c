"""The site: python -m sphinx -W --keep-going -b html docs OUT. Needs chmm[docs], installed."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import docstrings
import links
import mathml
import pictures

import chmm

project = "chmm"
author = copyright = "the chmm authors"
version = release = chmm.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["gallery/*", "_pictures"]
smartquotes = False  # they would change code that stands in the text of docstrings
nitpicky = False  # names in docstrings that lead nowhere are code

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 4
html_math_renderer = "mathml"

autosummary_generate = False  # pages are written by hand, in an order that can be read
autodoc_typehints = "none"  # docstrings tell shapes and forms, which types cannot
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
add_module_names = False
python_maximum_signature_line_length = 100
toc_object_entries_show_parents = "hide"
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = f"chmm {version}"
html_logo = html_favicon = "logo.svg"
html_static_path = ["_static"]
html_css_files = ["site.css", "math.css"]
html_show_sphinx = html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "chmm"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc", "edit-this-page"],
}
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system
html_sidebars = {"index": [], "start": []}  # which have no section to navigate

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "image_srcset": ["2x"],
    "thumbnail_size": (480, 320),
    "remove_config_comments": True,
    "capture_repr": ("_repr_html_",),  # of tables; the Axes that a picture returns say nothing
}

# The address of the repository, such as https://example.org/chmm, for links to edit a page.
repository = os.environ.get("CHMM_REPOSITORY", "").rstrip("/")
if repository:
    html_theme_options["use_edit_page_button"] = True
    html_theme_options["icon_links"] = [{"name": "source", "url": repository, "icon": "fa-solid fa-code-branch"}]
    html_context |= {
        "edit_page_url_template": repository + "/edit/main/docs/{{ file_name }}",
        "edit_page_provider_name": "the repository",
    }


def setup(app):
    app.connect("autodoc-process-docstring", docstrings.hook)
    app.connect("source-read", pictures.hook)
    app.connect("source-read", links.hook)
    app.connect("include-read", links.included)
    app.add_config_value("chmm_repository", repository, "env")
    mathml.setup(app)
