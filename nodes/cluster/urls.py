"""The pages of the cluster certificate."""

from django.urls import path

from nodes.cluster import pages as views

app_name = "cluster"
urlpatterns = [
    path("cluster/", views.show, name="show"),
    path("cluster/site/", views.site, name="site"),
    path("cluster/manual/", views.manual, name="manual"),
    path("cluster/manual/deliver/", views.deliver, name="deliver"),
    path("cluster/manual/<uuid:pk>/tick/", views.tick, name="tick"),
    path("cluster/pfx/", views.pfx, name="pfx"),
    path("cluster/check-token/", views.check_token, name="check-token"),
    path("cluster/deployments/new/", views.create, name="deployment-create"),
    path("cluster/deployments/<uuid:pk>/", views.edit, name="deployment"),
    path("cluster/deployments/<uuid:pk>/remove/", views.remove, name="deployment-remove"),
    path("cluster/deployments/<uuid:pk>/test-token/", views.sign_token, name="sign-token"),
]
