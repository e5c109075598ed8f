"""Measure how fast certificates are issued, compared with bare key generation and signing in the same run.

    python -m bench.issuing [CERTIFICATES]

One process, SQLite, orders of the sizes below. Every certificate is linted, recorded before it is signed, and logged.
"""

import argparse
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from tempfile import TemporaryDirectory
from typing import Any

import django

from bench.measure import verdict

ORDERS, RSA_CERTIFICATES = (1, 2, 24), 24
# The functions of each stage: module and name. The time of a stage is without that of the stages inside it.
STAGES = {
    "keys": (("pki.core.keys", "generate"), ("pki.core.keys", "to_pem")),
    "prepare": (("pki.issuing.issue", "prepare"),),
    "lint": (("pki.issuing.issue", "lint"),),
    "record": (("certs.certificates.services", "_recorded"),),
    "sign": (("pki.issuing.issue", "sign"),),
    "issue": (("certs.certificates.services", "_put_into_force"),),
}


@dataclass
class Stages:
    """The seconds that each stage took."""

    spent: dict[str, float] = field(default_factory=dict)
    inner: list[float] = field(default_factory=list)

    def timed(self, stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*arguments: Any, **named: Any) -> Any:
            self.inner.append(0)
            began = time.perf_counter()
            try:
                return work(*arguments, **named)
            finally:
                took = time.perf_counter() - began
                self.spent[stage] = self.spent.get(stage, 0) + took - self.inner.pop()
                if self.inner:
                    self.inner[-1] += took

        return measured


@contextmanager
def staged() -> Iterator[Stages]:
    """Time the functions of each stage while this is entered."""
    from importlib import import_module

    stages, before = Stages(), []
    for stage, functions in STAGES.items():
        for module, name in functions:
            place = import_module(module)
            before.append((place, name, getattr(place, name)))
            setattr(place, name, stages.timed(stage, getattr(place, name)))
    try:
        yield stages
    finally:
        for place, name, function in before:
            setattr(place, name, function)


class Bench:
    """Issue certificates of one kind and one type of key."""

    def __init__(self, kind: str, key_type: str) -> None:
        from certs.certificates.issuer import issuer_current
        from pki.core.keys import KeyType
        from pki.core.roles import Kind
        from sealing.local_keys import key_ring

        self.kind, self.key_type, self.issuer = Kind(kind), KeyType(key_type), issuer_current()
        self.database_key = next(iter(key_ring().keys.values())) if self.kind is Kind.SERVICE else None

    def _draft(self) -> Any:
        from certs.certificates.services import Draft
        from pki.core import keys
        from pki.core.roles import CLIENT_NAME
        from pki.issuing.issue import Request

        key = keys.generate(self.key_type)
        name = "rim1.example" if self.database_key else CLIENT_NAME
        request = Request(self.kind, name, (), key.public_key(), 12, self.database_key)
        return Draft(request, key, self.issuer, int(self.database_key is not None))

    def order(self, size: int) -> None:
        """One order, until its pairs can be used."""
        from django.utils import timezone

        from audit.actors import SYSTEM
        from certs.certificates.services import Intent, certificates_for

        intents = [Intent(self.kind, uuid.uuid4(), "rim1.example", 1) for _ in range(size)]
        for row in certificates_for(drafts=dict.fromkeys(intents, self._draft), actor=SYSTEM, now=timezone.now()):
            row.pair()

    def bare(self, count: int) -> float:
        """Seconds for keys and signatures alone: nothing is checked, linted, recorded or logged."""
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding

        from pki.core import keys

        moment, root = self.issuer.row.not_before, self.issuer.row.x509()
        began = time.perf_counter()
        for number in range(count):
            key = keys.generate(self.key_type)
            keys.to_pem(key)
            builder = x509.CertificateBuilder(root.subject, root.subject, key.public_key(), number + 1, moment, moment)
            builder.sign(self.issuer.private_key, keys.hash_for(root.public_key())).public_bytes(Encoding.PEM)  # type: ignore[arg-type]
        return time.perf_counter() - began

    def measured(self, count: int, size: int) -> tuple[float, float, dict[str, float]]:
        """Seconds by the clock and of this process for `count` certificates in orders of `size`, and the seconds of each stage."""
        with staged() as stages:
            began, cpu = time.perf_counter(), time.process_time()
            for _ in range(count // size):
                self.order(size)
            return time.perf_counter() - began, time.process_time() - cpu, stages.spent


def measure(count: int) -> None:
    from django.core.management import call_command

    from pki.issuing.lint import prepare_linter
    from qmc.memory import memory_settle

    call_command("init", verbosity=0, host_name="central.example", stdout=StringIO())
    prepare_linter()
    memory_settle()
    print("Certificates, one process, SQLite")
    client = Bench("client", "EC P-256")
    client.order(24)
    bare = client.bare(count) / count
    print(f"  EC pairs, bare                {1 / bare:7.0f}/s   {bare * 1000:7.2f} ms")
    for size in ORDERS:
        rate = line(f"EC pairs, orders of {size}", *client.measured(count // size * size, size), count // size * size)
    print(f"  in the largest orders         {rate * bare:7.2f} of bare   {verdict(rate, 350)}")
    service = Bench("service", "RSA-3072")
    bare = service.bare(RSA_CERTIFICATES) / RSA_CERTIFICATES
    print(f"  RSA-3072 pairs, bare          {1 / bare:7.2f}/s   {bare * 1000:7.2f} ms")
    wall, cpu, spent = service.measured(RSA_CERTIFICATES, 1)
    line("RSA-3072 pairs, orders of 1", wall, cpu, spent, RSA_CERTIFICATES)
    # Of these keys: the time for one key differs by a factor of four, so two samples of 24 differ by a tenth.
    print(f"  keys, of the whole            {spent['keys'] / wall:7.3f}           {verdict(spent['keys'] / wall, 0.95)}")


def line(name: str, wall: float, cpu: float, spent: dict[str, float], count: int) -> float:
    """Print one measurement, and return the certificates a second."""
    print(f"  {name:28}  {count / wall:7.1f}/s   {wall / count * 1000:7.2f} ms, of this process {cpu / count * 1000:.2f} ms")
    parts = [*spent.items(), ("rest", wall - sum(spent.values()))]
    print("    " + "   ".join(f"{stage} {seconds / count * 1000:.2f}" for stage, seconds in parts))
    return count / wall


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.issuing", description="Issuing against bare keys and signatures.")
    parser.add_argument("certificates", nargs="?", type=int, default=480)
    count = parser.parse_args().certificates
    with TemporaryDirectory() as folder:
        os.environ |= {"QMC_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "qmc.settings"}
        os.environ.pop("DATABASE_URL", None)
        django.setup()
        measure(count)


if __name__ == "__main__":
    main()
