"""Views: parse, call a service or a reader, render."""
