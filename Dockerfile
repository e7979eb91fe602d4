# The image holds one static binary and nothing else: no shell, no package manager, no libc. Certificate authorities are
# compiled in. The same source and Go version give the same binary, byte for byte.
#
#   docker build -t hearth --build-arg VERSION=v1.2.3 .
#   docker run --read-only --tmpfs /tmp hearth demo
#
# A binary that was built elsewhere can take the place of the first stage: put it into a folder of its own, as "sidecar", and
# give that folder as the build context named "build" (--build-context build=FOLDER). Then no base image is needed.
ARG GO_VERSION=1.26

FROM --platform=$BUILDPLATFORM golang:${GO_VERSION} AS gobuild
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=devel
# noembedded leaves the embedded store out, and with it the demo: a smaller program for production.
ARG TAGS=
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -tags "$TAGS" -ldflags "-s -w -X main.version=$VERSION" -o /out/sidecar ./cmd/sidecar

FROM scratch AS build
COPY --from=gobuild /out/sidecar /

FROM scratch
LABEL org.opencontainers.image.title="Hearth" \
      org.opencontainers.image.description="S3 sidecar that keeps freshly flushed Lance data hot" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /sidecar /sidecar
# Numbers, because there is no /etc/passwd; Kubernetes' runAsNonRoot needs them too.
USER 65532:65532
EXPOSE 9000 9001 9002
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/sidecar", "health"]
ENTRYPOINT ["/sidecar"]
CMD ["serve"]
