// Package lancememwal holds two tables with flushed MemWAL generations, file for file as
// LanceDB wrote them; see README.md beside it.
package lancememwal

import "embed"

// FS holds the tables below "db".
//
//go:embed all:db
var FS embed.FS
