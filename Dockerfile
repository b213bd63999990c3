# syntax=docker/dockerfile:1

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/supervised-postgres/package.json packages/supervised-postgres/
RUN npm ci --omit=optional
COPY scripts/build.js scripts/
COPY tsconfig.json tsconfig.build.json ./
COPY packages packages
COPY src src
COPY migrations migrations
RUN npm run build

# The embedded database is optional: the image goes without it and its supervisor, and takes DATABASE_URL.
FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/supervised-postgres/package.json packages/supervised-postgres/
RUN npm ci --omit=dev --omit=optional --workspaces=false

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/data
WORKDIR /app
RUN install -d -o node -g node -m 0700 /data
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
RUN ln -s /app/dist/src/commands/latchkey.js /usr/local/bin/latchkey
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Node is process 1 and handles SIGTERM and SIGINT itself.
CMD ["node", "dist/src/main.js"]
