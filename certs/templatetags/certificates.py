"""Template tags: the bar of a certificate's remaining lifetime, and the name of the trust zone."""

from django import template
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from certs.models import Certificate, TrustZone
from certs.states import CertificateStatus
from pki.core.lifetime import ExpiryStatus
from web.templatetags.console import now_of

register = template.Library()
BAR_COLORS = {ExpiryStatus.VALID: "blue", ExpiryStatus.EXPIRING: "orange"}


@register.simple_tag(takes_context=True)
def bar(context: Context, certificate: Certificate) -> SafeString:
    """The remaining share of a certificate's lifetime, as a bar. The page shows it in words too."""
    now = now_of(context)
    lifetime_s = max((certificate.not_after - certificate.not_before).total_seconds(), 1)  # also for odd stored dates
    share = max(0.0, min(100.0, 100 * (certificate.not_after - now).total_seconds() / lifetime_s))
    in_force = certificate.status == CertificateStatus.ISSUED
    color = BAR_COLORS.get(certificate.expiry_status(now), "red") if in_force else "grey"
    return format_html('<svg class="bar" aria-hidden="true"><rect class="bar-{}" width="{}%" height="100%"/></svg>', color, f"{share:.1f}")


@register.simple_tag(takes_context=True)
def expiry_of(context: Context, certificate: Certificate) -> str:
    """The expiry status now."""
    return certificate.expiry_status(now_of(context)).value


@register.simple_tag
def zone_name() -> str:
    """The central host name of the trust zone, if there is one."""
    zone = TrustZone.objects.current()
    return zone.name if zone else ""
