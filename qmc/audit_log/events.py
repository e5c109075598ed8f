"""The page of the log itself, which exports, checkpoints and accepted gaps are about."""

from audit.models import CheckpointKey
from audit.object_pages import object_page_register

object_page_register(CheckpointKey.objects.all(), "audit:list", is_shared=True)
