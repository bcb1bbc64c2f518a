"""Django system checks of Concord's own rules; `manage.py check` runs them, and so does every start."""
