"""Components of pages (templates/cotton): what is stored cannot become markup, and a component shows only what it was given."""

from django.template import engines
from django_cotton.compiler_regex import CottonCompiler

NASTY = """<script>"'&{{ 7 }}"""


def rendered(source: str, **context: object) -> str:
    template = engines["django"].from_string(CottonCompiler().process(source))
    return " ".join(template.render({"text": NASTY, **context}).split())


def test_attributes_and_slots_are_escaped() -> None:
    page = rendered(
        '<c-head title="{{ text }}"><c-slot name="subtitle">{{ text }}</c-slot></c-head>'
        '<c-card title="{{ text }}" name="name" data-text="{{ text }}">{{ text }}</c-card>'
        '<c-note title="{{ text }}">{{ text }}</c-note><c-note :title="text"></c-note>'
        '<c-facts><c-fact label="{{ text }}">{{ text }}</c-fact></c-facts>'
    )
    assert page.count("&lt;script&gt;&quot;&#x27;&amp;{{ 7 }}") == 10
    assert "<script" not in page
    assert 'data-text="&lt;script&gt;&quot;' in page


def test_a_component_does_not_take_the_variables_of_the_page() -> None:
    page = rendered(
        '<c-card title="Outer" name="outer"><c-note kind="blue">Text</c-note></c-card>', title="Page", icon="ban", footer="Foot"
    )
    assert page.count("Outer") == 1
    assert "Page" not in page
    assert "Foot" not in page
    assert "#info-circle" in page
