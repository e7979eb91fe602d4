//go:build invariants

package invariants

// Enabled reports whether this is a checked build.
const Enabled = true
