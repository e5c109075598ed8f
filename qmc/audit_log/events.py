"""The page of the log itself, which exports, checkpoints and accepted gaps are about, and that of its segments."""

from audit.models import CheckpointKey, Segment
from audit.object_pages import object_page_register

object_page_register(CheckpointKey.objects.all(), "audit:list", is_shared=True)
object_page_register(Segment.objects.all(), "audit:segments", is_shared=True)
