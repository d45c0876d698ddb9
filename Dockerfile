# The same lock as everywhere; see compose.yaml for how it runs.
FROM python:3.13-slim
WORKDIR /opt/everycase
COPY requirements.lock ./
RUN python -m pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m pip install --no-cache-dir --no-deps --no-build-isolation . \
    && useradd --system --uid 10001 --home-dir /var/lib/everycase --create-home everycase
USER everycase
ENV EVERYCASE_HOME=/var/lib/everycase
VOLUME /var/lib/everycase
ENTRYPOINT []
CMD ["everycase", "serve"]
