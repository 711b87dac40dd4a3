# The command line tool in a small image, for example to simulate KPN Things in a container:
#
#     docker build --tag things .
#     docker run --rm --publish 8080:8080 things sim --host 0.0.0.0 --port 8080

FROM rust:1-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked --package kpn-things-cli --features mqtt,postgres

# The C library of the same Debian, and the certificates of public authorities.
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /source/target/release/things /usr/local/bin/things
USER nobody
ENTRYPOINT ["things"]
