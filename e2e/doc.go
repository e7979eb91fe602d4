// Package e2e drives the real binary with clients that this project did not write: LanceDB,
// boto3, the AWS command line and SDK, s3cmd, rclone, Rust, Chromium, Prometheus, and
// versitygw's conformance suite.
//
// Every client does the same twice, straight at an S3 store and through Hearth in front of
// a second bucket of that store, and what it saw must be equal. The store is a real one
// (internal/embedded) behind a meter that counts what reaches it.
//
// A client that is not installed skips its test aloud; with HEARTH_E2E set that is a
// failure. HEARTH_E2E_AWS and its like say where the clients are; .ci/e2e sets all of them.
package e2e
