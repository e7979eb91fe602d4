package meter

import "strings"

// Classes of LanceDB's requests.
const (
	// Mutable requests look at state that may change: listings of the table and of its
	// shards, shard manifests and their hint, the log, the base table's versions.
	Mutable = "mutable"
	// Immutable requests are for bytes, facts and listings that cannot change once they
	// are published.
	Immutable = "immutable"
)

// LanceClass sorts requests into [Mutable] and [Immutable] by the names that Lance
// generates; for [Options.Classify].
func LanceClass(_, path, query string) string {
	switch {
	case strings.Contains(query, "list-type=2"):
		if !strings.Contains(query, "_gen_") {
			return Mutable
		}
	case strings.Contains(path, "/_mem_wal/") && (strings.Contains(path, "/manifest/") || strings.Contains(path, "/wal/")),
		strings.Contains(path, "/_versions/") && !strings.Contains(path, "_gen_"):
		return Mutable
	}
	return Immutable
}
