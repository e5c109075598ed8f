"""The tables of the app. Each room has its own; this module brings them together, and everything else imports them from here."""

from nodes.browser_certificates.models import BrowserCertificate as BrowserCertificate
from nodes.browser_certificates.models import BrowserCertificateQuerySet as BrowserCertificateQuerySet
from nodes.connections.models import Connection as Connection
from nodes.connections.models import ConnectionType as ConnectionType
from nodes.inventory.models import Node as Node
from nodes.inventory.models import NodeQuerySet as NodeQuerySet
from nodes.inventory.models import NodeTag as NodeTag
from nodes.nudges.models import Nudge as Nudge
from nodes.nudges.models import SiteNudge as SiteNudge
from nodes.observation.models import CallerFinding as CallerFinding
from nodes.observation.models import Observation as Observation
from nodes.registration.models import Registration as Registration
from nodes.renewal.models import Renewal as Renewal
