"""`make interop`: Concord against counterparts that nobody here wrote.

They have to be installed first, so `make test` leaves them out.
"""

import os

collect_ignore_glob = [] if os.environ.get("CONCORD_INTEROP") else ["test_*.py"]
