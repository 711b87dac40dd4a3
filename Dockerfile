# The command line tool in a small image, for example to simulate KPN Things in a container:
#
#     docker build --tag things .
#     docker run --rm --publish 8080:8080 things sim --host 0.0.0.0 --port 8080

FROM rust:1-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked --package kpn-things-cli

# The C library of the same Debian, the certificates of public authorities, no shell, and no root.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /source/target/release/things /usr/local/bin/things
ENTRYPOINT ["things"]
