"""Addresses of the sync and import screens."""

from __future__ import annotations

from django.urls import path

from sync.ui.views import console, drift, imports, inbox, lanes, mapping, targets, trace, webhooks

app_name = "sync"

urlpatterns = [
    path("sync/", console.console, name="console"),
    path("sync/live/", console.live, name="live"),
    path("sync/dead/<int:pk>/", console.letter, name="dead"),
    path("sync/dead/decide/", console.decide, name="dead-decide"),
    path("sync/dead/edit/", console.edit, name="dead-edit"),
    path("sync/lanes/", lanes.listing, name="lanes"),
    path("sync/lanes/<int:pk>/", lanes.lane, name="lane"),
    path("sync/lanes/<int:pk>/again/", lanes.again, name="lane-again"),
    path("sync/drift/<int:pk>/", drift.board, name="drift"),
    path("sync/drift/<int:pk>/answer/", drift.answer, name="drift-answer"),
    path("sync/exceptions/<int:pk>/end/", drift.end, name="exception-end"),
    path("sync/targets/new/", targets.new, name="target-new"),
    path("sync/targets/<slug:code>/", targets.target, name="target"),
    path("sync/targets/<slug:code>/edit/", targets.edit, name="target-edit"),
    path("sync/targets/<slug:code>/mapping/<str:domain>/", mapping.mapping, name="target-mapping"),
    path("sync/targets/<slug:code>/dry-run/", mapping.trial, name="target-dry-run"),
    path("sync/targets/<slug:code>/versions/<int:number>/", targets.revert, name="target-revert"),
    path("sync/targets/<slug:code>/compare/", drift.compare, name="compare"),
    path("sync/targets/<slug:code>/probe/", console.probe, name="probe"),
    path("sync/targets/<slug:code>/switch/", console.switch, name="switch"),
    path("sync/webhooks/", webhooks.listing, name="webhooks"),
    path("sync/webhooks/<uuid:pk>/secret/", webhooks.rotate, name="webhook-secret"),
    path("sync/webhooks/<uuid:pk>/resume/", webhooks.resume, name="webhook-resume"),
    path("sync/webhooks/<uuid:pk>/end/", webhooks.end, name="webhook-end"),
    path("trace/", trace.search, name="traces"),
    path("trace/<str:public_id>/", trace.trace, name="trace"),
    path("imports/", imports.listing, name="imports"),
    path("imports/messages/", inbox.listing, name="messages"),
    path("imports/messages/<int:pk>/", inbox.message, name="message"),
    path("imports/messages/<int:pk>/profile/", inbox.profile, name="message-profile"),
    path("imports/messages/again/", inbox.again, name="messages-again"),
    path("imports/messages/discard/", inbox.discard, name="messages-discard"),
    path("imports/new/", imports.upload, name="import-new"),
    path("imports/<int:pk>/", imports.run, name="import"),
    path("imports/<int:pk>/check/", imports.check, name="import-check"),
    path("imports/<int:pk>/start/", imports.start, name="import-start"),
    path("imports/<int:pk>/cancel/", imports.cancel, name="import-cancel"),
    path("imports/<int:pk>/pause/", imports.pause, name="import-pause"),
    path("imports/<int:pk>/discard/", imports.discard, name="import-discard"),
    path("imports/templates/<str:domain>.csv", imports.template, {"kind": "csv"}, name="import-template"),
    path("imports/templates/<str:domain>.xlsx", imports.template, {"kind": "xlsx"}, name="import-template-xlsx"),
    path("imports/<int:pk>/quarantine.csv", imports.quarantine, name="import-quarantine"),
    path("imports/<int:pk>/resubmit/", imports.resubmit, name="import-resubmit"),
]
