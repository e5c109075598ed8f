"""The tables of the app. Each room has its own. This module collects them, and all other modules import them from here."""

from certs.central_key.models import CentralKey as CentralKey
from certs.central_key.models import CentralKeyQuerySet as CentralKeyQuerySet
from certs.certificates.models import Certificate as Certificate
from certs.certificates.models import CertificateQuerySet as CertificateQuerySet
from certs.cluster.models import Deployment as Deployment
from certs.database_key.models import DatabaseKey as DatabaseKey
from certs.database_key.models import DatabaseKeyQuerySet as DatabaseKeyQuerySet
from certs.exports.models import EXPORT_FORMATS as EXPORT_FORMATS
from certs.exports.models import Export as Export
from certs.exports.models import ExportQuerySet as ExportQuerySet
from certs.exports.models import ExportRole as ExportRole
from certs.keys.models import PooledKey as PooledKey
from certs.names.models import HolderKind as HolderKind
from certs.names.models import NameClaim as NameClaim
from certs.names.models import NameHolder as NameHolder
from certs.revocation.models import RevocationList as RevocationList
from certs.revocation.models import RevocationListQuerySet as RevocationListQuerySet
from certs.roots.models import Rotation as Rotation
from certs.zone.models import TrustZone as TrustZone
from certs.zone.models import TrustZoneQuerySet as TrustZoneQuerySet
