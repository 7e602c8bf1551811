"""The audit of a data set as a page: one file with its pictures in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

AUDIT_NAME = "audit.html"


def write_audit(
    folder_or_path: Path,
    audit: Mapping[str, Any],
    picture: Callable[[str], Image.Image | None],
) -> Path:
    """Write an audit as one HTML file that needs neither scripts nor a network.

    Args:
        folder_or_path: The file to write (``.html``, ``.htm``), or the folder of an
            ``audit.html``; made if it is not there.
        audit: What ``automedimg audit --json`` prints. Keys that are absent are left out.
        picture: Gives an image by its name, to be shown small; None where it can't be read.
    Returns:
        The path of the page.
    Raises:
        RunError: the folder can't be written to.
    """
    # Imported late, because jinja2 and Pillow would slow down every `--help`.
    from automedimg.data.files import make_folder, write_text
    from automedimg.report.audit_gallery import Pictures
    from automedimg.report.audit_render import render_audit

    is_file = folder_or_path.suffix.lower() in (".html", ".htm") and not folder_or_path.is_dir()
    path = folder_or_path if is_file else folder_or_path / AUDIT_NAME
    make_folder(path.parent)
    write_text(path, render_audit(audit, Pictures(picture, withheld(audit))))
    return path


def withheld(audit: Mapping[str, Any]) -> frozenset[str]:
    """Names of images that may show a person's name: a page that is passed on must not."""
    from automedimg.report.audit_boxes import privacy_warnings

    return frozenset(
        str(name) for warning in privacy_warnings(audit) for name in warning.get("examples") or ()
    )


__all__ = ["AUDIT_NAME", "write_audit"]
