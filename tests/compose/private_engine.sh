#!/usr/bin/env bash
# A Docker engine of its own for tests/compose, and stand-ins for the base images where no registry can be reached.
#
#   private_engine.sh up       start the engine; prints its DOCKER_HOST
#   private_engine.sh images   python:3.12-slim-bookworm and redis:7.2-alpine, made from Debian packages
#   private_engine.sh down     end the engine and remove what it changed; its images are kept in TD_ENGINE_DIR
#
# Needs root, and: apt-get install --no-install-recommends docker.io iptables debootstrap
# TD_ENGINE_DIR: where it lives. TD_PYTHON_PREFIX: a Python 3.12 built on this Debian release, for `images`.
# No rule, no route and no setting of the machine's own network is changed. Containers reach each other and publish
# ports on 127.0.0.1; they do not reach the outside, so images are built with the machine's network.
set -euo pipefail
DIR=${TD_ENGINE_DIR:-${TMPDIR:-/tmp}/times-doctor-engine}
export DOCKER_HOST=unix://$DIR/docker.sock
PYTHON_IMAGE=python:3.12-slim-bookworm
REDIS_IMAGE=redis:7.2-alpine
CERTIFICATES=/etc/ssl/certs/ca-certificates.crt

build() { DOCKER_BUILDKIT=0 docker build -q --network host "$@" >/dev/null; }

up() {
  mkdir -p "$DIR"
  if ! docker info >/dev/null 2>&1; then
    setsid dockerd --data-root "$DIR/data" --exec-root "$DIR/exec" --host "$DOCKER_HOST" --pidfile "$DIR/dockerd.pid" \
      --iptables=false --ip6tables=false --ip-forward=false </dev/null >"$DIR/dockerd.log" 2>&1 &
    for _ in $(seq 60); do docker info >/dev/null 2>&1 && break; sleep 0.5; done
    docker info >/dev/null 2>&1 || { tail -n 20 "$DIR/dockerd.log" >&2; exit 1; }
  fi
  echo "DOCKER_HOST=$DOCKER_HOST"
}

images() {
  local context packages
  context=$(mktemp -d)
  # shellcheck disable=SC2064  # expanded now: the name is local
  trap "rm -rf '$context'" EXIT
  packages=ca-certificates,libssl3,libffi8,libsqlite3-0,libreadline8,libbz2-1.0,liblzma5,libncursesw6,libuuid1,netbase,tzdata
  if ! docker image inspect debian:bookworm-slim >/dev/null 2>&1; then
    [ -d "$DIR/rootfs/usr" ] || debootstrap --variant=minbase --include=$packages bookworm "$DIR/rootfs" >"$DIR/debootstrap.log"
    tar -C "$DIR/rootfs" --exclude='./proc/*' --exclude='./sys/*' --exclude='./dev/*' --exclude='./var/cache/apt/*.bin' \
      --exclude='./var/cache/apt/archives/*.deb' --exclude='./var/lib/apt/lists/*' -c . \
      | docker import -c 'CMD ["bash"]' - debian:bookworm-slim >/dev/null
  fi
  docker image inspect "$PYTHON_IMAGE" >/dev/null 2>&1 || python_image "$context"
  docker image inspect "$REDIS_IMAGE" >/dev/null 2>&1 || redis_image "$context"
}

python_image() {
  local prefix=${TD_PYTHON_PREFIX:?the prefix of a Python 3.12 that was built on this Debian release}
  cp "$CERTIFICATES" "$1/ca.crt"      # builds reach a package index through what this machine trusts
  tar -C "$prefix" --exclude='*/test' --exclude='__pycache__' --exclude='*.a' -czf "$1/python.tgz" .
  cat >"$1/Dockerfile" <<'END'
FROM debian:bookworm-slim
ADD python.tgz /usr/local/
COPY ca.crt /etc/ssl/certs/ca-certificates.crt
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
RUN printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >/etc/pip.conf && ldconfig \
 && sed -i '1s|.*|#!/usr/local/bin/python3|' /usr/local/bin/pip* && ln -sf python3.12 /usr/local/bin/python
CMD ["python3"]
END
  build -t "$PYTHON_IMAGE" "$1"
  rm "$1/python.tgz"
}

redis_image() {
  cat >"$1/Dockerfile" <<'END'
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends redis-server && rm -rf /var/lib/apt/lists/* \
 && mkdir -p /data && chown redis:redis /data
WORKDIR /data
VOLUME /data
EXPOSE 6379
CMD ["redis-server"]
END
  build -t "$REDIS_IMAGE" "$1"
}

down() {
  local pid
  pid=$(cat "$DIR/dockerd.pid" 2>/dev/null) || return 0
  kill "$pid" 2>/dev/null || :
  for _ in $(seq 100); do [ -e "/proc/$pid" ] || break; sleep 0.2; done
  ! ip link show docker0 >/dev/null 2>&1 || ip link del docker0
}

case ${1:-} in
  up | images | down) "$1" ;;
  *) sed -n 2,13p "$0"; exit 2 ;;
esac
