# syntax=docker/dockerfile:1

# Where the image is published, this is pinned by digest: .github/workflows/release.yaml finds out which.
ARG BASE=docker.io/library/node:24-bookworm-slim

# What it makes is the same on each architecture.
FROM --platform=$BUILDPLATFORM ${BASE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/supervised-postgres/package.json packages/supervised-postgres/
# Building needs no package that runs something when it is installed.
RUN npm ci --omit=optional --ignore-scripts
COPY scripts/build.js scripts/
COPY tsconfig.json tsconfig.build.json ./
COPY packages packages
COPY src src
COPY migrations migrations
RUN npm run build && find dist \( -name '*.map' -o -name '*.tsbuildinfo' \) -delete

# The embedded database is optional: the image goes without it and its supervisor, and takes DATABASE_URL.
FROM ${BASE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/supervised-postgres/package.json packages/supervised-postgres/
RUN npm ci --omit=dev --omit=optional --workspaces=false && find node_modules -name '*.map' -delete

FROM ${BASE}
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/data
WORKDIR /app
RUN install -d -o node -g node -m 0700 /data
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
RUN ln -s /app/dist/src/commands/latchkey.js /usr/local/bin/latchkey
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Node is process 1 and handles SIGTERM and SIGINT itself.
CMD ["node", "--max-semi-space-size=8", "dist/src/main.js"]

# Last, as they change with each commit. The release workflow sets what only it knows.
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=
LABEL org.opencontainers.image.title=Latchkey \
  org.opencontainers.image.description="A self-hosted backend for accounts, sessions and tokens." \
  org.opencontainers.image.licenses=MIT \
  org.opencontainers.image.version=${VERSION} \
  org.opencontainers.image.revision=${REVISION} \
  org.opencontainers.image.source=${SOURCE}
