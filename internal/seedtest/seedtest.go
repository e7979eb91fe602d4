// Package seedtest gives random tests their seeds, and says them so that a failure can be had again:
//
//	HEARTH_TEST_SEED=17 go test -run 'TestRandomLives' ./lsm/shard    that life again
//	HEARTH_TEST_TIMES=100 go test -run 'TestRandomLives' ./lsm/shard  a hundred times as many as usual
//
// It is for tests alone.
package seedtest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

const (
	envSeed  = "HEARTH_TEST_SEED"
	envTimes = "HEARTH_TEST_TIMES"
)

// Seed is the seed of a test: a new one each time, or HEARTH_TEST_SEED. The test's log says it.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed := draw(t)
	t.Logf("%s=%d", envSeed, seed)
	return seed
}

func draw(t testing.TB) uint64 {
	t.Helper()
	if seed, given := number(t, envSeed); given {
		return seed
	}
	return uint64(rand.Uint32()) // as good as a longer one, and shorter to type
}

// Rand is a source of random numbers that starts with Seed. It is for one goroutine.
func Rand(t testing.TB) *rand.Rand {
	t.Helper()
	return rand.New(rand.NewPCG(Seed(t), 1))
}

// Each runs f with one seed after another, as tests of their own that are named by it, until one fails. runs is how many there usually are;
// HEARTH_TEST_TIMES multiplies it, and HEARTH_TEST_SEED alone leaves that seed.
func Each(t *testing.T, runs int, f func(t *testing.T, seed uint64)) {
	t.Helper()
	first := draw(t)
	if _, given := number(t, envSeed); given {
		runs = 1
	}
	for i := range uint64(Times(t, runs)) {
		seed := first + i
		if !t.Run(envSeed+"="+strconv.FormatUint(seed, 10), func(t *testing.T) { f(t, seed) }) {
			return
		}
	}
}

// Times is n, or HEARTH_TEST_TIMES as many. What is made of one seed so many times wants both to be had again.
func Times(t testing.TB, n int) int {
	t.Helper()
	if times, given := number(t, envTimes); given {
		t.Logf("%s=%d", envTimes, times)
		return n * int(min(max(times, 1), 1_000_000))
	}
	return n
}

func number(t testing.TB, name string) (n uint64, given bool) {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q is no number", name, text)
	}
	return n, true
}
