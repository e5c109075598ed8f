"""Private keys made in advance while no job is due, so that a registration does not wait for them. Runs in workers only."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from certs.keys.services import key_type
from certs.models import PooledKey
from pki.core import keys
from pki.core.errors import SealError
from pki.core.keys import KeyType, PrivateKey
from pki.core.roles import Kind

SIZE, CORES = 24, os.cpu_count() or 1


def key_take(key_type: KeyType, *, in_a_hurry: bool) -> PrivateKey:
    """A private key for one use. `in_a_hurry` takes it from the pool, as long as there are any. Otherwise it is made now."""
    pool = PooledKey.objects.filter(key_type=key_type).order_by("created_at")
    for pooled in pool[:SIZE] if in_a_hurry else ():
        try:
            pem = pooled.sealed_private_key.open()
        except SealError:
            pooled.delete()  # cannot be used any more
            continue
        if PooledKey.objects.filter(pk=pooled.pk).delete()[0]:
            return keys.from_pem(pem, own=True)
    return keys.generate(key_type)


def pool_fill(*, now: datetime) -> Iterator[int]:
    """Add a key for each core per step, until the pool is full. The caller can stop earlier. Yields the number of keys in the pool."""
    kind = key_type(Kind.SERVICE)  # an RSA-3072 key takes 0.2 s, an EC key almost no time
    with ThreadPoolExecutor(CORES) as cores:  # OpenSSL makes keys without holding Python's lock
        while (waiting := PooledKey.objects.filter(key_type=kind).count()) < SIZE:
            for key in cores.map(keys.generate, [kind] * min(CORES, SIZE - waiting)):
                PooledKey.objects.create(key_type=kind, created_at=now, sealed_private_key=keys.to_pem(key))
            yield waiting
