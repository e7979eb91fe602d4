// Package lancedbtraces holds recorded requests of LanceDB; see README.md beside it.
package lancedbtraces

import "embed"

// FS holds the traces, one JSON line a request.
//
//go:embed F-*.jsonl
var FS embed.FS
