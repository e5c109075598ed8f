"""From commit 1c0c2c0 on, migrations are only added."""

import hashlib
from itertools import pairwise
from pathlib import Path

import pytest
from django.db.migrations.loader import MigrationLoader

ROOT = Path(__file__).parent.parent.parent
FIRST = "1c0c2c03f019b8a4efb544cd246b0ca0db579cc4"
# As they are on the sites that exist: whoever changes one of them leaves those sites without the change.
LANDED = {
    "audit/migrations/0001_initial.py": "52f16ded22d8934cb1dd63826a9d143b0b7da5cbbe6d99997ec6328fa78ea21b",
    "certs/migrations/0001_initial.py": "7f85a77043ee35757b48dab94f2dc6799d6038220f8826f8c84301bff3c275e3",
    "jobs/migrations/0001_initial.py": "5326b3dda01034999b0959a139afced6b5ad8a278baf1e423b6b49fd9f81d936",
    "nodes/migrations/0001_initial.py": "697ea155561b3ae5429cdf38ed663db3b913fc6f06ffff92e9ba98fa0c41b1cc",
    "qmc/migrations/0001_initial.py": "9c58f0fe4603635953a72c2716b8f239a84588afa3a0399b5103f15f699af948",
}


def migration_files() -> list[Path]:
    return sorted(path for path in ROOT.glob("*/migrations/*.py") if path.name != "__init__.py")


@pytest.mark.parametrize("name", LANDED)
def test_a_migration_that_has_landed_is_never_changed(name: str) -> None:
    assert hashlib.sha256((ROOT / name).read_bytes()).hexdigest() == LANDED[name], f"{name} was changed: add another migration instead"


def test_migrations_of_an_app_are_one_line() -> None:
    """Each follows the one before, none replaces others, and numbers go up by one."""
    loader = MigrationLoader(None, replace_migrations=False)
    assert loader.detect_conflicts() == {}
    for app in {path.parent.parent.name for path in migration_files()}:
        names = sorted(name for label, name in loader.disk_migrations if label == app)
        assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1)), app
        for before, name in pairwise(names):
            migration = loader.disk_migrations[app, name]
            assert ((app, before) in migration.dependencies, migration.replaces, migration.initial) == (True, [], None), (app, name)
