"""The pages of nodes, which share one namespace of addresses."""

from django.urls import path

from nodes.bulk_registration import pages as bulk_registration
from nodes.inventory import change_pages, pages
from nodes.observation.pages import settle_callers
from nodes.registration import pages as registration
from nodes.renewal.pages import renew
from nodes.revocation.node_pages import remove

app_name = "nodes"
urlpatterns = [
    path("nodes/", pages.node_list, name="list"),
    path("nodes/register/", registration.register, name="register"),
    path("nodes/register/checks/", registration.run_checks, name="preflight"),
    path("nodes/register-many/", bulk_registration.register_many, name="register-many"),
    path("nodes/register-many/<uuid:pk>/", bulk_registration.register_checked, name="register-checked"),
    path("nodes/<uuid:pk>/", pages.detail, name="detail"),
    path("nodes/<uuid:pk>/history/", pages.history, name="history"),
    path("nodes/<uuid:pk>/edit/", change_pages.edit, name="edit"),
    path("nodes/<uuid:pk>/take-address/", change_pages.take_address, name="take-address"),
    path("nodes/<uuid:pk>/callers-settled/", settle_callers, name="settle-callers"),
    path("nodes/<uuid:pk>/redistribute/", registration.redistribute, name="redistribute"),
    path("nodes/<uuid:pk>/renew/", renew, name="renew"),
    path("nodes/<uuid:pk>/remove/", remove, name="remove"),
]
