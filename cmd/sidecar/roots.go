package main

// The container image is the binary alone: where the system has no certificate
// authorities, those of Mozilla that are compiled in take their place.
import _ "golang.org/x/crypto/x509roots/fallback"
