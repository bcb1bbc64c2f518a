FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements/lock.txt .
RUN /venv/bin/pip install --require-hashes --requirement lock.txt

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 CONCORD_VAR=/data CONCORD_STATIC_ROOT=/srv/static
RUN useradd --system --create-home --home-dir /data concord
COPY --from=build /venv /venv
WORKDIR /concord
COPY manage.py ./
COPY requirements requirements
COPY matching matching
COPY mdm mdm
COPY sync sync
COPY templates templates
COPY static static
# The secrets are needed to load settings only; with them set, none are generated into the image.
RUN SECRET_KEY=unused API_KEY_PEPPER=unused CONCORD_VAR=/tmp/var python manage.py collectstatic --noinput && rm -r /tmp/var
USER concord
VOLUME /data
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
# As `manage.py up` starts it: a test compares the two.
ENV CONCORD_WEB_PROCESSES=2
CMD ["granian", "--interface", "wsgi", "--http", "1", "--no-ws", "mdm.wsgi:application", \
     "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "48", \
     "--backlog", "1024", "--backpressure", "512", "--respawn-failed-workers", "--workers-kill-timeout", "5"]
