"""The pages of alerts."""

from django.urls import path

from alerts.board import pages as views

app_name = "alerts"
urlpatterns = [
    path("alerts/", views.alert_list, name="list"),
    path("alerts/<uuid:pk>/", views.detail, name="detail"),
]
