"""The tables of the app. Each room has its own; this module brings them together, and everything else imports them from here."""

from alerts.alerts.models import Alert as Alert
from alerts.alerts.models import AlertQuerySet as AlertQuerySet
from alerts.alerts.models import Message as Message
from alerts.channels.models import Channel as Channel
from alerts.deliveries.models import Delivery as Delivery
from alerts.deliveries.models import QueuedMessage as QueuedMessage
from alerts.routes.models import Route as Route
from alerts.rules.models import Rules as Rules
