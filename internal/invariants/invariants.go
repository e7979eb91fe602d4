// Package invariants switches costly self-checks on in checked builds
// (go test -tags invariants) and compiles them away in all others.
//
//	if invariants.Enabled { ... expensive check, panics with the values ... }
package invariants

import "fmt"

// Check panics with the formatted message if ok is false. It is for conditions that
// only a bug in this module can break; call it under Enabled where computing the
// condition costs something.
func Check(ok bool, format string, args ...any) {
	if !ok {
		panic(fmt.Sprintf("invariant broken: "+format, args...))
	}
}
