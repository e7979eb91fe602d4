package snapshot

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestExplain(t *testing.T) {
	bubble(t, time.Second, nil, func(t *testing.T, f *fake, s *Store) {
		why := func(key string) string {
			e := s.Explain(bucket, key)
			if e == nil {
				return ""
			}
			if e.Table != root || e.MaxAge != "1s" {
				t.Errorf("got %+v", e)
			}
			return fmt.Sprintf("%t %s %s", e.Held, e.Age, e.Why)
		}
		got := []string{why("db/items.lance/data/x.lance"), why("elsewhere/x"), why(hintKey(0))}
		s.Touch(t.Context(), bucket, root)
		got = append(got, why(hintKey(0)), why(manifestKey(0, 2)), why(manifestKey(0, 9)))
		s.Conflict(bucket, hintKey(0))
		got = append(got, why(hintKey(0)))
		s.Wrote(bucket, hintKey(0))
		got = append(got, why(hintKey(0)))
		want := []string{
			"", "", "false  nobody has asked about the table lately",
			"true 240ms served from a snapshot that is 240ms old, without asking",
			"true 240ms served from a snapshot that is 240ms old, without asking",
			"false 240ms the snapshot does not hold the key",
			"false  the last snapshot was dropped: conflict",
			"false  a write to the table was seen here: the origin is asked for 10m0s more",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
		_ = f
	})
}
