"""The pages of exports."""

from django.urls import path

from certs.exports import pages as views
from certs.exports import role_pages

app_name = "exports"
urlpatterns = [
    path("exports/", views.export_list, name="list"),
    path("exports/new/", views.create, name="create"),
    path("exports/asked/<uuid:batch>/", views.progress, name="batch"),
    path("exports/asked/<uuid:batch>/download/", views.download, name="download"),
    path("exports/<uuid:pk>/", views.detail, name="detail"),
    path("exports/<uuid:pk>/history/", views.history, name="history"),
    path("exports/<uuid:pk>/renew/", views.renew, name="renew"),
    path("exports/<uuid:pk>/role/", role_pages.role, name="role"),
    path("exports/<uuid:pk>/revoke/", views.revoke, name="revoke"),
]
