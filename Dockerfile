# syntax=docker/dockerfile:1
# The service as one image: docker build -t pcap-analyzer .
# It runs as user 1000 with a read-only root; /data is its only folder to write, /tmp should be a tmpfs.
# chart/README.md has the commands, with and without a Docker engine.

# Debian 12, for its Python 3.11; a date instead of "bookworm" means the same image tomorrow.
ARG BASE=docker.io/library/debian:bookworm-20250520-slim

FROM ${BASE} AS base
# The pinned base grows old, its fixes do not.
# hadolint ignore=DL3008
RUN apt-get update -qq \
 && apt-get upgrade -y -qq \
 && apt-get install -y -qq --no-install-recommends ca-certificates python3 \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc /usr/share/man /usr/share/locale

# Compilers and headers stay here.
FROM base AS build
# hadolint ignore=DL3008
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends gcc libc6-dev python3-dev python3-venv
WORKDIR /build
COPY requirements requirements
# Two environments: one builds, the other is the image. Exact versions, by hash, wheels only.
RUN python3 -m venv tools \
 && python3 -m venv --without-pip /opt/venv \
 && tools/bin/pip install --no-cache-dir --quiet --only-binary :all: --require-hashes -r requirements/base.txt \
 && tools/bin/pip --python /opt/venv/bin/python install --no-cache-dir --quiet --no-compile --only-binary :all: \
      --require-hashes -r requirements/runtime.txt
# What never runs: headers, tests, sources, services of Arrow that we do not use; of Plotly only its script is read.
WORKDIR /opt/venv/lib/python3.11/site-packages
RUN rm -rf pyarrow/include pyarrow/includes pyarrow/src pyarrow/tests pyarrow/*flight* pyarrow/*gandiva* \
      pyarrow/*.pyx pyarrow/*.pxi pyarrow/*.pxd numpy/f2py narwhals \
 && find plotly -type f ! -name plotly.min.js ! -path plotly/__init__.py -delete \
 && find . -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} +
WORKDIR /build
COPY . .
RUN tools/bin/python -m build --no-isolation --wheel \
 && tools/bin/pip --python /opt/venv/bin/python install --no-cache-dir --quiet --no-compile --no-deps --no-index dist/*.whl
# Nothing can be compiled under a read-only root, so all is compiled here: modules, and the report's templates with the
# script of the charts. The latter remember the times of their sources, and layers keep whole seconds only.
RUN find /opt/venv -exec touch --no-dereference --date=@1700000000 {} + \
 && /opt/venv/bin/python -B -c 'import numpy, pyarrow.csv, pyarrow.dataset, pyarrow.parquet' \
 && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib \
 && /opt/venv/bin/python -m pcap_analyzer.export

FROM base
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="PCAP Analyzer" \
      org.opencontainers.image.description="From a packet capture of any size to a report, in a browser" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# By number, as Kubernetes' runAsNonRoot wants to see it.
RUN groupadd --gid 1000 pcap \
 && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /data --shell /usr/sbin/nologin pcap \
 && install -d -o 1000 -g 1000 -m 0700 /data
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/data
USER 1000:1000
WORKDIR /data
EXPOSE 8000
# For engines without probes of their own; Kubernetes does not look at it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/api/health?probe=liveness', timeout=4)"]
ENTRYPOINT ["pcap-analyzer"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
