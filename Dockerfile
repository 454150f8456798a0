# The scanner as an image: for the CPU, or with --build-arg EXTRAS=gpu for CUDA.
# BASE is any image with glibc, Python 3.11 or later, and Python's module venv.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
# Extras of pyproject.toml: either `cpu` or `gpu` (brings CUDA's libraries), and more such as `cpu,c2pa,parquet`.
ARG EXTRAS=cpu
# Where wheels come from: --build-arg PIP_INDEX_URL=…, or PIP_NO_INDEX=1 and PIP_FIND_LINKS=… with a volume.
ARG PIP_INDEX_URL
ARG PIP_NO_INDEX
ARG PIP_FIND_LINKS
WORKDIR /source
COPY . .
# The scanner's environment is without pip, which is in another one and stays behind in this stage.
RUN python3 -m venv /pip \
    && python3 -m venv --without-pip /opt/trustthepixels \
    && /pip/bin/pip --python /opt/trustthepixels/bin/python install --no-cache-dir ".[${EXTRAS}]"

FROM ${BASE}
LABEL org.opencontainers.image.title="TrustThePixels" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/trustthepixels /opt/trustthepixels
# Without the second variable, importing ONNX Runtime writes an identifier and a database into the user's home.
ENV PATH=/opt/trustthepixels/bin:${PATH} \
    ORT_DISABLE_TELEMETRY=1
WORKDIR /data
# A user that owns nothing. It is a number, so that nothing has to look up its name.
USER 65532:65532
ENTRYPOINT ["scan-folder"]
CMD ["--help"]
