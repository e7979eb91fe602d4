//go:build unix && !linux

package pagecache

// advise has nothing to say elsewhere.
func advise([]byte) {}
