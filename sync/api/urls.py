from django.urls import path

from sync.api import events, inbound, webhooks

app_name = "sync-api"

urlpatterns = [
    path("webhooks", webhooks.Webhooks.with_writes(post=webhooks.Subscribe).as_view(), name="webhooks"),
    path(
        "webhooks/<uuid:pk>",
        webhooks.WebhookDetail.with_writes(delete=webhooks.Unsubscribe).as_view(),
        name="webhook",
    ),
    path("webhooks/<uuid:pk>/secret", webhooks.RotateSecret.as_view(), name="webhook-secret"),
    path("webhooks/<uuid:pk>/resume", webhooks.ResumeWebhook.as_view(), name="webhook-resume"),
    path("inbound/messages/<int:pk>", inbound.InboundMessageDetail.as_view(), name="inbound-message"),
    path("inbound/<slug:source>/webhook", inbound.SignedWebhook.as_view(), name="inbound-webhook"),
    path("inbound/<slug:source>/<slug:message_format>", inbound.SendMessage.as_view(), name="inbound"),
    path("events", events.Events.as_view(), name="events"),
]
