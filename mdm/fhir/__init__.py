"""FHIR: golden records and the crosswalk as R4 (and, where it is named so, R5) resources. See docs/fhir.md."""
