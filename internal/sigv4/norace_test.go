//go:build !race

package sigv4_test

// raceEnabled says that the race detector is on, under which sync.Pool drops
// entries at random.
const raceEnabled = false
