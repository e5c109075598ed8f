"""The pages of nodes."""

from django.urls import path

from nodes import views, views_change

app_name = "nodes"
urlpatterns = [
    path("nodes/", views.node_list, name="list"),
    path("nodes/register/", views.register, name="register"),
    path("nodes/register/checks/", views.preflight, name="preflight"),
    path("nodes/<uuid:pk>/", views.detail, name="detail"),
    path("nodes/<uuid:pk>/history/", views.history, name="history"),
    path("nodes/<uuid:pk>/status/", views.status, name="status"),
    path("nodes/<uuid:pk>/edit/", views_change.edit, name="edit"),
    path("nodes/<uuid:pk>/take-address/", views_change.take_address, name="take-address"),
    path("nodes/<uuid:pk>/callers-settled/", views_change.settle_callers, name="settle-callers"),
    path("nodes/<uuid:pk>/redistribute/", views.redistribute, name="redistribute"),
    path("nodes/<uuid:pk>/renew/", views.renew, name="renew"),
    path("nodes/<uuid:pk>/remove/", views.remove, name="remove"),
]
