"""The pages of the root and its rotation."""

from django.urls import path

from nodes.rotations import root_pages as views

app_name = "roots"
urlpatterns = [
    path("roots/", views.show, name="show"),
    path("roots/rotate/", views.rotate, name="rotate"),
    path("roots/setting/", views.setting, name="setting"),
    path("roots/<uuid:pk>/pause/", views.pause, name="pause"),
    path("roots/<uuid:pk>/roll-back/", views.roll_back, name="roll-back"),
    path("roots/<uuid:pk>/exclude/<uuid:node>/", views.exclude, name="exclude"),
]
