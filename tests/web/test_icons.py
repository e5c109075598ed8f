"""Every icon that pages use is in the sprite."""

import re
from pathlib import Path

from django.conf import settings
from django.templatetags.static import static

from web.templatetags.console import LOOKS, badge, icon

NAMED = re.compile(r"""\bicon\s*=?\s*["']([a-z0-9-]+)["']""")
ROOT = Path(settings.BASE_DIR)


def test_every_icon_that_is_used_is_in_the_sprite() -> None:
    named = {name for template in (ROOT / "templates").rglob("*.html") for name in NAMED.findall(template.read_text())}
    assert named
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (ROOT / "static/made/icons.svg").read_text()))
    assert (named | {drawing for _, _, drawing in LOOKS.values()}) - drawn == set()


def test_an_icon_points_into_the_sprite() -> None:
    assert icon("key") == f'<svg class="icon" aria-hidden="true"><use href="{static("made/icons.svg")}#key"/></svg>'
    assert icon("key") in badge("issuing")


def test_a_name_cannot_leave_its_attribute() -> None:
    assert "<script" not in icon('"/><script>')
