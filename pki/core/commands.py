"""The commands of the product in this installation: by name where a wheel installed it, through Python in a source tree."""

from pathlib import Path

IN_SOURCE_TREE = (Path(__file__).resolve().parents[2] / "manage.py").is_file()
QMC, AGENT = ("python manage.py", "python -m agent") if IN_SOURCE_TREE else ("qmc", "qmc-agent")
