"""The pages of alerts, channels and routes, which share one namespace of addresses."""

from django.urls import path

from alerts.board import pages as board
from alerts.channels import pages as channels
from alerts.deliveries import pages as deliveries
from alerts.routes import pages as routes

app_name = "alerts"
urlpatterns = [
    path("alerts/", board.alert_list, name="list"),
    path("alerts/<uuid:pk>/", board.detail, name="detail"),
    path("alerts/channels/", channels.channel_list, name="channels"),
    path("alerts/channels/new/", channels.create, name="channel-create"),
    path("alerts/channels/<uuid:pk>/", channels.edit, name="channel"),
    path("alerts/channels/<uuid:pk>/remove/", channels.remove, name="channel-remove"),
    path("alerts/channels/<uuid:pk>/test/", deliveries.test, name="channel-test"),
    path("alerts/channels/<uuid:pk>/deliveries/", deliveries.delivery_list, name="deliveries"),
    path("alerts/deliveries/<uuid:pk>/", deliveries.detail, name="delivery"),
    path("alerts/preview/", deliveries.show_preview, name="preview"),
    path("alerts/routes/", routes.route_list, name="routes"),
    path("alerts/routes/new/", routes.create, name="route-create"),
    path("alerts/routes/<uuid:pk>/", routes.edit, name="route"),
    path("alerts/routes/<uuid:pk>/remove/", routes.remove, name="route-remove"),
]
