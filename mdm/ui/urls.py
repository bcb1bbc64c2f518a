"""Addresses of the steward's screens. One address serves the page and its htmx fragment."""

from __future__ import annotations

from django.urls import path, register_converter

from mdm.ui import converters
from mdm.ui.views import account, audit, changes, crosswalk, golden, home, lineage, override, records, review, work

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
    path("audit/", audit.listing, name="audit"),
    path("crosswalk/", crosswalk.explorer, name="crosswalk"),
    path("crosswalk/resolved.csv", crosswalk.download, name="crosswalk-csv"),
    path("crosswalk/unmapped/", crosswalk.queue, name="unmapped"),
    path("crosswalk/unmapped/<slug:system>/", crosswalk.code, name="unmapped-code"),
    path("crosswalk/unmapped/<slug:system>/map/", crosswalk.map_code, name="map-code"),
    path("<domain:domain>/", records.listing, name="records"),
    path("<domain:domain>/<str:public_id>/", golden.record, name="golden"),
    path("<domain:domain>/<str:public_id>/versions/", golden.versions, name="golden-versions"),
    path("<domain:domain>/<str:public_id>/versions/<int:version>/", golden.version, name="golden-version"),
    path("<domain:domain>/<str:public_id>/edit/", override.edit, name="golden-edit"),
    path("<domain:domain>/<str:public_id>/overrides/<int:pk>/withdraw/", override.withdraw, name="override-withdraw"),
    path("<domain:domain>/<str:public_id>/as-of/", lineage.as_of, name="golden-as-of"),
    path("<domain:domain>/<str:public_id>/versions/<int:version>/revert/", lineage.back, name="golden-revert"),
    path("<domain:domain>/<str:public_id>/split/", lineage.divide, name="golden-split"),
    path("<domain:domain>/<str:public_id>/relate/", lineage.relate, name="golden-relate"),
    path("<domain:domain>/<str:public_id>/relations/<int:pk>/end/", lineage.unrelate, name="golden-unrelate"),
    path("<domain:domain>/<str:public_id>/retire/", golden.retire, name="golden-retire"),
    path("<domain:domain>/<str:public_id>/unmerge/", golden.unmerge, name="golden-unmerge"),
]
