package snapshot

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/lance/memwal"
)

func TestAFirstQueryAfterATouchAsksNobody(t *testing.T) {
	bubble(t, time.Second, nil, func(t *testing.T, f *fake, s *Store) {
		s.Touch(t.Context(), bucket, root)
		f.forget()
		began := time.Now()
		for _, q := range firstQuery(1) {
			a := served(t, s, q)
			want, body, _ := reply(f.now(), http.MethodGet, q.key, q.query)
			if a.Status != want || q.placeIn(root) == inShards && !q.head && string(a.Body) != body {
				t.Errorf("%s: %d %q, want %d %q", q.id(), a.Status, a.Body, want, body)
			}
		}
		catalog := "db/__manifest"
		served(t, s, listing(bucket, catalog+"/_versions/", ""))
		if n := f.requests(); n != 0 || time.Since(began) != 0 {
			t.Errorf("%d requests, %s", n, time.Since(began))
		}
	})
}

func TestACommitElsewhereIsInTheNextSnapshotBeforeAnybodyAsks(t *testing.T) {
	bubble(t, time.Second, nil, func(t *testing.T, f *fake, s *Store) {
		s.Touch(t.Context(), bucket, root)
		f.put(manifestKey(0, 2), "shard 2") // its hint was never written
		f.put(manifestKey(0, 3), "shard 3")
		f.put(versionKey(2), "base 2")
		after(t, time.Second)
		f.forget()
		for _, q := range []Question{
			getQ(hintKey(0)), headQ(manifestKey(0, 1)), headQ(manifestKey(0, 2)), headQ(manifestKey(0, 3)), headQ(manifestKey(0, 4)),
			headQ(manifestKey(0, 7)), getQ(manifestKey(0, 3)), baseQ, getQ(versionKey(2)),
		} {
			served(t, s, q)
		}
		if a := served(t, s, getQ(manifestKey(0, 3))); string(a.Body) != "shard 3" {
			t.Errorf("got %q", a.Body)
		}
		if n := f.requests(); n != 0 {
			t.Errorf("%d requests", n)
		}
		f.change(func(objects map[string]string) { // a second shard
			objects[manifestKey(1, 1)], objects[hintKey(1)] = "other 1", string(memwal.EncodeVersionHint(1))
		})
		after(t, time.Second)
		if a := served(t, s, getQ(manifestKey(1, 1))); string(a.Body) != "other 1" {
			t.Errorf("got %q", a.Body)
		}
	})
}

func TestASteadyTakeIsOneRoundForShardsAndOneForTheBase(t *testing.T) {
	bubble(t, time.Second, nil, func(t *testing.T, f *fake, s *Store) {
		s.Touch(t.Context(), bucket, root)
		s.SetPaused(false)
		after(t, time.Second)
		f.forget()
		table := s.table(bucket, root+"/", false)
		table.mu.Lock()
		before := table.current
		table.mu.Unlock()
		began := time.Now()
		made, _, err := table.take(t.Context(), before, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.release(made.bytes)
		if took := time.Since(began); took != 80*time.Millisecond {
			t.Errorf("took %s, want two round trips of 40 ms", took)
		}
		var shards, base int
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, r := range f.sent {
			switch {
			case strings.Contains(r.Key+r.RawQuery, "_mem_wal") && base > 0:
				t.Error("a question about the shards was sent after one about the base")
			case strings.Contains(r.Key+r.RawQuery, "_mem_wal"):
				shards++
			case strings.Contains(r.Key+r.RawQuery, "items.lance"):
				base++
			}
		}
		if shards != 5 || base != 2 {
			t.Errorf("%d questions about shards, %d about the base", shards, base)
		}
	})
}

func TestNothingIsServedBeyondTheBound(t *testing.T) {
	bubble(t, time.Second, nil, func(t *testing.T, f *fake, s *Store) {
		f.take(func(*origin.Request) (before, after time.Duration) { return 0, 10 * time.Millisecond })
		began := time.Now()
		s.Touch(t.Context(), bucket, root)
		f.fail(func() error { return errDown })
		after(t, time.Until(began.Add(time.Second)))
		if _, age, ok := s.Ask(t.Context(), shardsQ); !ok || age != time.Second {
			t.Errorf("at the bound: %t, %s", ok, age)
		}
		after(t, time.Nanosecond)
		for _, q := range firstQuery(1) {
			passes(t, s, q)
		}
		if time.Since(began) > 2*time.Second {
			t.Errorf("each of them waited: %s", time.Since(began))
		}
		f.fail(nil)
		after(t, maxRetry)
		for _, q := range firstQuery(1) {
			served(t, s, q)
		}
	})
}

func TestATakeThatIsSlowerThanTheBoundServesNothing(t *testing.T) {
	bubble(t, time.Second, nil, func(t *testing.T, f *fake, s *Store) {
		f.take(func(*origin.Request) (before, after time.Duration) {
			return 300 * time.Millisecond, 300 * time.Millisecond
		})
		began := time.Now()
		for _, q := range firstQuery(1) {
			passes(t, s, q)
		}
		// The first question about shards waits once, and no other does.
		if waited := time.Since(began); waited > 2*time.Second {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestAManifestThatIsWrittenBetweenTwoQuestionsOfOneTake(t *testing.T) {
	bubble(t, time.Second, nil, func(t *testing.T, f *fake, s *Store) {
		f.change(func(objects map[string]string) { // a shard without a manifest yet
			objects[root+"/_mem_wal/"+shardIDs[1]+"/wal/1.arrow"] = "entry"
		})
		s.Touch(t.Context(), bucket, root)
		if a := served(t, s, getQ(hintKey(1))); a.Status != http.StatusNotFound {
			t.Errorf("got %d", a.Status)
		}
		// In the next take the hint is answered last, and names what was not there when it
		// was asked for at the same time.
		f.take(func(r *origin.Request) (before, after time.Duration) {
			if r.Key == hintKey(1) {
				return 20 * time.Millisecond, 0
			}
			return 0, 0
		})
		table := s.table(bucket, root+"/", false)
		table.mu.Lock()
		next := table.current.start.Add(500 * time.Millisecond)
		table.mu.Unlock()
		after(t, time.Until(next)+10*time.Millisecond)
		f.put(manifestKey(1, 1), "manifest 1")
		f.put(hintKey(1), string(memwal.EncodeVersionHint(1)))
		after(t, 20*time.Millisecond)
		for _, key := range []string{hintKey(1), manifestKey(1, 1)} {
			if a, age, ok := s.Ask(t.Context(), getQ(key)); !ok || a.Status != http.StatusOK || age > 40*time.Millisecond {
				t.Errorf("%s: %t, %+v, %s old", key, ok, a, age)
			}
		}
	})
}
