package seedtest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func seedsOf(t *testing.T, runs int) (seeds []uint64) {
	Each(t, runs, func(_ *testing.T, seed uint64) { seeds = append(seeds, seed) })
	return seeds
}

func TestEachRunHasASeedOfItsOwn(t *testing.T) {
	t.Setenv(envSeed, "")
	t.Setenv(envTimes, "")
	got := seedsOf(t, 3)
	if diff := cmp.Diff([]uint64{got[0], got[0] + 1, got[0] + 2}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	t.Setenv(envTimes, "4")
	if got := seedsOf(t, 3); len(got) != 12 {
		t.Errorf("%d runs, want 12", len(got))
	}
}

func TestASeedThatIsGivenIsTheOnlyOne(t *testing.T) {
	t.Setenv(envTimes, "")
	t.Setenv(envSeed, "17")
	if diff := cmp.Diff([]uint64{17}, seedsOf(t, 3)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if a, b := Rand(t).Uint64(), Rand(t).Uint64(); a != b {
		t.Errorf("the same seed makes %d and %d", a, b)
	}
}
