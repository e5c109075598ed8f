"""The recipes for PowerShell are parsed by a grammar, because PowerShell itself is not among the programs of the tests."""

import re
from pathlib import Path

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Parser

from tests.cli.test_site import RECIPES, TASKS

PARSER = Parser(Language(tree_sitter_powershell.language()))
FUNCTION = re.compile(r"^function ([\w-]+)", re.MULTILINE)
USED = re.compile(r"\b(?:Invoke|Wait|Get|Test)-Site\w*\b")


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.ps1")), ids=lambda path: path.name)
def test_a_recipe_for_powershell_has_no_error_of_syntax_and_uses_what_exists(path: Path) -> None:
    text = path.read_text()
    assert not PARSER.parse(text.encode()).root_node.has_error
    defined = set(FUNCTION.findall((RECIPES / "site-api.ps1").read_text()))
    assert set(USED.findall(text)) <= defined


def test_the_grammar_finds_errors() -> None:
    for wrong in (b"if ($x { }", b"foreach ($a in $b) {", b"$x = @{ a = "):
        assert PARSER.parse(wrong).root_node.has_error


def test_each_task_has_a_recipe_in_each_language() -> None:
    names = {path.name for path in RECIPES.iterdir() if path.is_file()}
    wanted = {f"{task}.{language}" for task in TASKS for language in ("sh", "py", "ps1")}
    assert names == wanted | {"register-node.py", "register-node.ps1", "site-api.sh", "site_api.py", "site-api.ps1"}
