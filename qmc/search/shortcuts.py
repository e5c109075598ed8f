"""The keyboard shortcuts. static/qmc/keys.js follows the links of the menu, which have their keys."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shortcut:
    """`keys` are pressed one after the other. `view` is the page of the menu that they open; "" if they do something else."""

    keys: str
    label: str
    view: str = ""

    @property
    def presses(self) -> list[str]:
        return self.keys.split()


SHORTCUTS = (
    Shortcut("/", "Search"),
    Shortcut("Ctrl+K", "Search, also while you type"),
    Shortcut("?", "This page"),
    Shortcut("g o", "Overview", "overview"),
    Shortcut("g n", "Nodes", "nodes:list"),
    Shortcut("g c", "Certificates", "certs:list"),
    Shortcut("g e", "Expiry", "expiry"),
    Shortcut("g a", "Alerts", "alerts:list"),
    Shortcut("g r", "Root", "roots:show"),
    Shortcut("g b", "Browser certificates", "browser_certificates:list"),
    Shortcut("g x", "Exports", "exports:list"),
    Shortcut("g d", "Connections", "connections:list"),
    Shortcut("g j", "Jobs", "jobs:list"),
    Shortcut("g l", "Audit log", "audit:list"),
    Shortcut("g p", "People", "people:list"),
    Shortcut("g h", "Help", "help:index"),
    Shortcut("g s", "Settings", "settings"),
)
OF_VIEW = {shortcut.view: shortcut.keys for shortcut in SHORTCUTS}
