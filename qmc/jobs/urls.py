"""The pages of jobs."""

from django.urls import path

from qmc.jobs import pages

app_name = "jobs"
urlpatterns = [
    path("jobs/", pages.job_list, name="list"),
    path("jobs/<uuid:pk>/", pages.job, name="job"),
    path("jobs/<uuid:pk>/cancel/", pages.cancel, name="cancel"),
    path("jobs/<uuid:pk>/retry/", pages.retry, name="retry"),
]
