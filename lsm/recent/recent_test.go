package recent

import (
	"testing"

	"github.com/hearthcache/hearth/lance/memwal"
)

func TestARunIsReadUntilItsRowsArePublished(t *testing.T) {
	r := Run{Epoch: 3, Last: 10}
	for name, x := range map[string]struct {
		m    *memwal.ShardManifest
		want bool
	}{
		"no manifest":                      {nil, false},
		"its own claim, nothing published": {&memwal.ShardManifest{WriterEpoch: 3}, true},
		"older rows published":             {&memwal.ShardManifest{WriterEpoch: 3, ReplayAfter: 9}, true},
		"its last row published":           {&memwal.ShardManifest{WriterEpoch: 3, ReplayAfter: 10}, false},
		"a successor, nothing published":   {&memwal.ShardManifest{WriterEpoch: 4, ReplayAfter: 9}, true},
		"a successor that published":       {&memwal.ShardManifest{WriterEpoch: 4, ReplayAfter: 12}, false},
		"a shard of before the claim":      {&memwal.ShardManifest{WriterEpoch: 2, ReplayAfter: 9}, false},
	} {
		if got := r.In(x.m); got != x.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestEachRunIsReleased(t *testing.T) {
	n := 0
	ReleaseAll([]Run{{Release: func() { n++ }}, {Release: func() { n++ }}})
	if n != 2 {
		t.Errorf("%d were released", n)
	}
}
