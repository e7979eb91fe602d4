//go:build noembedded

package main

// embeddedStore is true where the embedded directory store is compiled in.
const embeddedStore = false
