"""The pages of nodes."""

from django.urls import path

from nodes import key_views, views

app_name = "nodes"
urlpatterns = [
    path("nodes/", views.node_list, name="list"),
    path("nodes/register/", views.register, name="register"),
    path("nodes/register/checks/", views.preflight, name="preflight"),
    path("nodes/<uuid:pk>/", views.detail, name="detail"),
    path("nodes/<uuid:pk>/status/", views.status, name="status"),
    path("nodes/<uuid:pk>/redistribute/", views.redistribute, name="redistribute"),
    path("nodes/<uuid:pk>/renew/", views.renew, name="renew"),
    path("nodes/<uuid:pk>/remove/", views.remove, name="remove"),
    path("database-key/", key_views.database_key, name="database-key"),
    path("database-key/rotate/", key_views.rotate, name="key-rotate"),
    path("database-key/<uuid:pk>/pause/", key_views.pause, name="key-pause"),
]
