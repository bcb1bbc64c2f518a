from django.urls import path

from sync.api import events, webhooks

app_name = "sync-api"

urlpatterns = [
    path("webhooks", webhooks.Webhooks.with_writes(post=webhooks.Subscribe).as_view(), name="webhooks"),
    path(
        "webhooks/<uuid:pk>",
        webhooks.WebhookDetail.with_writes(delete=webhooks.Unsubscribe).as_view(),
        name="webhook",
    ),
    path("webhooks/<uuid:pk>/resume", webhooks.ResumeWebhook.as_view(), name="webhook-resume"),
    path("events", events.Events.as_view(), name="events"),
]
