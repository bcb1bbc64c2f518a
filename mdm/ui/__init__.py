"""The steward's screens: Django templates with htmx. Views parse, call a service or a reader, and render."""
