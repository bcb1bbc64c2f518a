"""Addresses of the steward's screens. One address serves the page and its htmx fragment."""

from __future__ import annotations

from django.urls import path, register_converter

from mdm.ui import converters
from mdm.ui.views import (
    account,
    accuracy,
    audit,
    blind,
    bulk,
    changes,
    golden,
    group,
    home,
    override,
    records,
    review,
    rules,
    work,
)

register_converter(converters.DomainConverter, "domain")

urlpatterns = [
    path("", home.home, name="home"),
    path("login/", account.login, name="login"),
    path("logout/", account.logout, name="logout"),
    path("preferences/theme/", account.theme, name="theme"),
    path("preferences/keys/", account.keys, name="keys"),
    path("search/", records.search, name="search"),
    path("review/", review.queue, name="review"),
    path("review/undo/", review.undo, name="review-undo"),
    path("review/bulk/", bulk.choose, name="review-bulk"),
    path("review/bulk/assign/", bulk.assign, name="review-bulk-assign"),
    path("review/bulk/accept/", bulk.accept, name="review-bulk-accept"),
    path("review/blind/", blind.question, name="review-blind"),
    path("review/blind/<int:pk>/", blind.answer, name="review-blind-answer"),
    path("review/<int:pk>/", review.pair, name="review-item"),
    path("review/<int:pk>/decide/", review.decide, name="review-decide"),
    path("review/<int:pk>/claim/", review.claim, name="review-claim"),
    path("review/<int:pk>/comment/", review.comment, name="review-comment"),
    path("work/", work.listing, name="work"),
    path("work/<int:pk>/", work.item, name="work-item"),
    path("work/<int:pk>/close/", work.close, name="work-close"),
    path("approvals/", changes.listing, name="changes"),
    path("approvals/<int:pk>/", changes.request, name="change"),
    path("approvals/<int:pk>/decide/", changes.decide, name="change-decide"),
    path("rules/", rules.listing, name="rules"),
    path("rules/match/<domain:domain>/propose/", rules.propose, name="rules-propose"),
    path("rules/match/<domain:domain>/train/", rules.train, name="rules-train"),
    path("rules/<slug:kind>/<domain:domain>/", rules.detail, name="rules-detail"),
    path("rules/<slug:kind>/<domain:domain>/<int:version>/", rules.detail, name="rules-version"),
    path("accuracy/", accuracy.show, name="accuracy"),
    path("accuracy/<domain:domain>/plan/", accuracy.plan, name="accuracy-plan"),
    path("audit/", audit.listing, name="audit"),
    path("<domain:domain>/", records.listing, name="records"),
    path("<domain:domain>/<str:public_id>/", golden.record, name="golden"),
    path("<domain:domain>/<str:public_id>/versions/", golden.versions, name="golden-versions"),
    path("<domain:domain>/<str:public_id>/versions/<int:version>/", golden.version, name="golden-version"),
    path("<domain:domain>/<str:public_id>/group/", group.group, name="golden-group"),
    path("<domain:domain>/<str:public_id>/split/", group.split, name="golden-split"),
    path("<domain:domain>/<str:public_id>/edit/", override.edit, name="golden-edit"),
    path("<domain:domain>/<str:public_id>/overrides/<int:pk>/withdraw/", override.withdraw, name="override-withdraw"),
    path("<domain:domain>/<str:public_id>/retire/", golden.retire, name="golden-retire"),
    path("<domain:domain>/<str:public_id>/unmerge/", golden.unmerge, name="golden-unmerge"),
]
