"""The pages of routes."""

from django.urls import path

from alerts.routes import pages as views

app_name = "alert_routes"
urlpatterns = [
    path("alerts/routes/", views.route_list, name="list"),
    path("alerts/routes/new/", views.create, name="create"),
    path("alerts/routes/<uuid:pk>/", views.edit, name="edit"),
    path("alerts/routes/<uuid:pk>/remove/", views.remove, name="remove"),
]
