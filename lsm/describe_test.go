package lsm_test

import (
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lsm"
)

func TestADescriptionSaysWhatQueriesRead(t *testing.T) {
	eachFixture(t, func(t *testing.T, s *lsm.Snapshot, want answers) {
		d, err := s.Describe(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		if d.Version != want.Version || d.Visible != int64(want.Full_Scan.Rows) || d.Committed.Year() < 2024 {
			t.Errorf("got version %d of %v with %d rows, want %d with %d", d.Version, d.Committed, d.Visible, want.Version, want.Full_Scan.Rows)
		}
		sharded := strings.HasPrefix(d.Table, "sharded")
		shards, sharding, columns := 1, "not sharded", "id text n vector"
		if sharded {
			shards, sharding, columns = 2, "by the values of region", "id region text n vector"
		}
		if len(d.Shards) != shards || d.Sharding != sharding {
			t.Errorf("got %d shards, sharded %q", len(d.Shards), d.Sharding)
		}
		var names, sources []string
		for _, c := range d.Columns {
			names = append(names, c.Name)
			if (c.Key == 1) != (c.Name == "id") || c.Type == "" {
				t.Errorf("column %+v", c)
			}
		}
		if got := strings.Join(names, " "); got != columns {
			t.Errorf("got columns %s, want %s", got, columns)
		}
		for _, x := range d.Sources {
			sources = append(sources, x.Source)
			if len(x.Indexes) != 3 || x.Fragments != 1 {
				t.Errorf("%s: %+v", x.Source, x)
			}
		}
		wantSources := []string{"generation 4", "generation 3", "generation 2", "generation 1", "base"}
		if sharded {
			wantSources = []string{"generation 2", "generation 2", "generation 1", "generation 1", "base"}
		}
		if diff := gocmp.Diff(wantSources, sources); diff != "" {
			t.Errorf("sources (-want +got):\n%s", diff)
		}
		if again, err := s.Describe(t.Context(), false); err != nil || again.Visible != -1 {
			t.Errorf("without counting: %+v, %v", again, err)
		}
	})
}
