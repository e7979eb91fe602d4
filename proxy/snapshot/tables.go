package snapshot

import (
	"fmt"
	"strings"
	"time"

	"github.com/hearthcache/hearth/proxy/class"
)

// MinMaxAge is the smallest bound: a take of a few round trips has to fit into half of it.
const MinMaxAge = 100 * time.Millisecond

// A Table gives the tables that a glob matches their bound.
type Table struct {
	// Match is a glob over the table's path, as in [class.Rule]. The last component of a
	// path that wildcards match must look like a table: a name that ends in ".lance", or
	// "__manifest", the catalog that LanceDB lists when it connects. A path without
	// wildcards may have any name.
	Match string
	// MaxAge is the bound. Zero takes no snapshots of the tables that match.
	MaxAge time.Duration
}

// tables are compiled; the first that matches counts.
type tables []compiledTable

type compiledTable struct {
	pattern class.Pattern
	bound   time.Duration
}

func compile(list []Table) (tables, error) {
	var all tables
	for i, t := range list {
		pattern, err := class.ParsePattern(t.Match)
		if trimmed, ok := strings.CutSuffix(t.Match, "/"); ok && err == nil {
			pattern, err = class.ParsePattern(trimmed)
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("snapshot: table %d (%s): %w", i+1, t.Match, err)
		case t.MaxAge < 0:
			return nil, fmt.Errorf("snapshot: table %d (%s): mutable_max_age %s is negative", i+1, t.Match, t.MaxAge)
		case t.MaxAge > 0 && t.MaxAge < MinMaxAge:
			return nil, fmt.Errorf("snapshot: table %d (%s): mutable_max_age %s is shorter than %s", i+1, t.Match, t.MaxAge, MinMaxAge)
		}
		all = append(all, compiledTable{pattern, t.MaxAge})
	}
	return all, nil
}

// catalogName is the last component of a directory's catalog of tables.
const catalogName = "__manifest"

// find returns the table that a path below it belongs to: the innermost directory above
// the path, and not below a MemWAL, that is a table by its name and by configuration.
func (ts tables) find(bucket, path string) (root string, bound time.Duration, ok bool) {
	if i := strings.Index(path, "/"+memWALDir); i >= 0 {
		path = path[:i+1]
	}
	for end := len(path); ; {
		if end = strings.LastIndexByte(path[:end], '/'); end <= 0 {
			return "", 0, false
		}
		dir := path[:end]
		named := looksLikeTable(dir)
		for i := range ts {
			t := &ts[i]
			if (named || t.pattern.Literal()) && t.pattern.Match(bucket, dir) {
				return dir, t.bound, t.bound > 0
			}
		}
	}
}

func looksLikeTable(dir string) bool {
	name := dir[strings.LastIndexByte(dir, '/')+1:]
	stem, found := strings.CutSuffix(name, ".lance")
	return found && stem != "" || name == catalogName
}

// catalogOf is the catalog beside a table.
func catalogOf(root string) string {
	return root[:strings.LastIndexByte(root, '/')+1] + catalogName
}

func isCatalog(root string) bool { return root == catalogOf(root) }
