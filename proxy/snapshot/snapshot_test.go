package snapshot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/proxy/facts"
)

// firstQuery is what LanceDB asks for its first query on a table whose shard and base are
// at a version, up to the immutable part.
func firstQuery(version uint64) []Question {
	return []Question{
		baseQ, getQ(versionKey(version)), shardsQ, getQ(hintKey(0)),
		headQ(manifestKey(0, version)), headQ(manifestKey(0, version+1)), headQ(manifestKey(0, version+2)), getQ(manifestKey(0, version)),
	}
}

// bubble runs a test in virtual time, with a fake that holds a table.
func bubble(t *testing.T, bound time.Duration, change func(*Options), test func(t *testing.T, f *fake, s *Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		seed(f)
		test(t, f, open(t, f, bound, change))
	})
}

// after lets virtual time pass.
func after(t *testing.T, d time.Duration) {
	t.Helper()
	if err := pause(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

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

func TestWritersHereAreNeverOutOfDate(t *testing.T) {
	bubble(t, time.Second, nil, func(t *testing.T, f *fake, s *Store) {
		s.Touch(t.Context(), bucket, root)
		for _, key := range []string{manifestKey(0, 2), root + "/_mem_wal/" + shardIDs[0] + "/wal/1.arrow", root + "/data/x.lance"} {
			after(t, 11*time.Minute)
			served(t, s, shardsQ)
			s.Wrote(bucket, key)
			for _, q := range firstQuery(1) {
				passes(t, s, q)
			}
			after(t, 9*time.Minute)
			passes(t, s, shardsQ)
		}
		after(t, 2*time.Minute)
		f.put(manifestKey(0, 2), "mine")
		if a := served(t, s, getQ(manifestKey(0, 2))); string(a.Body) != "mine" {
			t.Errorf("got %q", a.Body)
		}
		s.WroteBucket(bucket)
		passes(t, s, shardsQ)
		if err := s.SetTables([]Table{{"s3://lake/**", time.Second}}); err != nil {
			t.Fatal(err)
		}
		s.SetPaused(true)
		passes(t, s, shardsQ)
		s.SetPaused(false)
		passes(t, s, shardsQ)
		other := listing(bucket, "db/other.lance/_mem_wal/", "/")
		served(t, s, other) // a table that nobody had asked about
	})
}

func TestAWriteDiscardsTheTakeThatItOvertakes(t *testing.T) {
	bubble(t, time.Second, func(o *Options) { o.Quiet = time.Nanosecond }, func(t *testing.T, f *fake, s *Store) {
		go s.Touch(t.Context(), bucket, root)
		after(t, 50*time.Millisecond) // the listing is there, the rest is not
		f.put(manifestKey(0, 2), "mine")
		s.Wrote(bucket, manifestKey(0, 2))
		after(t, time.Microsecond)
		if a := served(t, s, getQ(manifestKey(0, 2))); string(a.Body) != "mine" {
			t.Errorf("got %q", a.Body)
		}
	})
}

func TestWhatDropsASnapshot(t *testing.T) {
	all := listing(bucket, root+"/", "")
	for name, tt := range map[string]struct {
		act  func(s *Store)
		kept bool
	}{
		"a conflict of a writer elsewhere": {func(s *Store) { s.Passed("GET", bucket, versionKey(1), "", 412) }, false},
		"a conflict of any key":            {func(s *Store) { s.Conflict(bucket, root+"/data/x") }, false},
		"an object that is gone":           {func(s *Store) { s.Changed(bucket, versionKey(1)) }, false},
		"an operator, the table":           {func(s *Store) { s.Drop(epoch.Scope{Bucket: bucket, Key: root + "/", Prefix: true}) }, false},
		"an operator, what lies above":     {func(s *Store) { s.Drop(epoch.Scope{Bucket: bucket, Key: "db/", Prefix: true}) }, false},
		"an operator, everything":          {func(s *Store) { s.Drop(epoch.Scope{Prefix: true}) }, false},
		"an operator, the shards":          {func(s *Store) { s.Drop(epoch.Scope{Bucket: bucket, Key: root + "/_mem_wal/", Prefix: true}) }, false},
		"an operator, one manifest":        {func(s *Store) { s.Drop(epoch.Scope{Bucket: bucket, Key: manifestKey(0, 1)}) }, false},
		"bypass":                           {func(s *Store) { s.SetPaused(true); s.SetPaused(false) }, false},
		"settings":                         {func(s *Store) { _ = s.SetTables([]Table{{"s3://lake/**", time.Second}}) }, false},
		"a new manifest at the origin":     {func(s *Store) { s.Passed("GET", bucket, manifestKey(0, 2), "", 200) }, false},
		"a manifest that is gone":          {func(s *Store) { s.Passed("HEAD", bucket, manifestKey(0, 1), "", 404) }, false},
		"the hint at the origin":           {func(s *Store) { s.Passed("GET", bucket, hintKey(0), "", 200) }, false},
		"a listing of the table":           {func(s *Store) { s.Passed("GET", bucket, "", all.query, 200) }, false},
		"a continued listing of shards":    {func(s *Store) { s.Passed("GET", bucket, "", shardsQ.query+"&continuation-token=x", 200) }, false},
		"a listing of versions of objects": {func(s *Store) { s.Passed("GET", bucket, "", "versions&prefix="+root+"/_mem_wal/", 200) }, false},
		"no generation": {func(s *Store) {
			s.Drop(epoch.Scope{Bucket: bucket, Key: root + "/_mem_wal/" + shardIDs[0] + "/0a_gen_1/", Prefix: true})
		}, true},
		"no other table":                        {func(s *Store) { s.Drop(epoch.Scope{Bucket: bucket, Key: "db/other.lance/", Prefix: true}) }, true},
		"no other bucket":                       {func(s *Store) { s.Drop(epoch.Scope{Bucket: "sea", Prefix: true}) }, true},
		"no manifest that it knows":             {func(s *Store) { s.Passed("GET", bucket, manifestKey(0, 1), "", 200) }, true},
		"no version of the base":                {func(s *Store) { s.Passed("GET", bucket, versionKey(9), "", 200) }, true},
		"no log":                                {func(s *Store) { s.Passed("GET", bucket, root+"/_mem_wal/"+shardIDs[0]+"/wal/1.arrow", "", 200) }, true},
		"no listing by directory":               {func(s *Store) { s.Passed("GET", bucket, "", listing(bucket, root+"/", "/").query, 200) }, true},
		"no answer that failed":                 {func(s *Store) { s.Passed("GET", bucket, hintKey(0), "", 503) }, true},
		"no listing from above, it is no table": {func(s *Store) { s.Passed("GET", bucket, "", "list-type=2", 200) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, time.Second, nil, func(t *testing.T, _ *fake, s *Store) {
				s.Touch(t.Context(), bucket, root)
				tt.act(s)
				held := false
				if table := s.table(bucket, root+"/", false); table != nil {
					table.mu.Lock()
					held = table.current != nil
					table.mu.Unlock()
				}
				if held != tt.kept {
					t.Errorf("snapshot held: %t", held)
				}
				for _, q := range firstQuery(1)[2:] { // and then there is another
					served(t, s, q)
				}
			})
		})
	}
}

func TestAQuestionAboutShardsThatIsNotHeldWaitsForAWholeTake(t *testing.T) {
	bubble(t, 10*time.Second, nil, func(t *testing.T, f *fake, s *Store) {
		s.Touch(t.Context(), bucket, root)
		f.put(manifestKey(0, 2), "shard 2")
		f.put(versionKey(2), "base 2")
		q := listing(bucket, memwal.ManifestDirPath(root, shardIDs[0])+"/", "")
		began := time.Now()
		a := served(t, s, q)
		if body := string(a.Body); !strings.Contains(body, manifestKey(0, 2)) || time.Since(began) == 0 {
			t.Errorf("after %s: %s", time.Since(began), body)
		}
		// What is newer of the shards is newer of the base too.
		if a := served(t, s, baseQ); !strings.Contains(string(a.Body), versionKey(2)) {
			t.Errorf("an older base: %s", a.Body)
		}
		f.change(func(objects map[string]string) {
			for version := uint64(3); version <= 6; version++ {
				objects[manifestKey(0, version)] = "later"
			}
			objects[hintKey(0)] = string(memwal.EncodeVersionHint(6))
		})
		after(t, 5*time.Second)
		began = time.Now()
		passes(t, s, getQ(manifestKey(0, 5))) // it is the same at any time
		if time.Since(began) != 0 {
			t.Errorf("waited %s", time.Since(began))
		}
		f.forget()
		served(t, s, q)
		if n := f.requests(); n != 0 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestAQuestionAboutTheBaseThatIsNotHeldGoesToTheOriginAtOnce(t *testing.T) {
	bubble(t, time.Second, nil, func(t *testing.T, f *fake, s *Store) {
		f.put(root+"/_refs/tags/a.json", "{}")
		began := time.Now()
		tag := getQ(root + "/_refs/tags/a.json")
		passes(t, s, baseQ)
		passes(t, s, tag)
		s.Touch(t.Context(), bucket, root)
		if f.put(versionKey(0), "old"); time.Since(began) == 0 {
			t.Error("no take")
		}
		began = time.Now()
		passes(t, s, getQ(versionKey(0)))
		if time.Since(began) != 0 {
			t.Errorf("waited %s", time.Since(began))
		}
		after(t, time.Second)
		served(t, s, getQ(versionKey(0)))
		if a := served(t, s, tag); a.Whole || a.Facts.Size != 2 {
			t.Errorf("got %+v", a)
		}
	})
}

func TestATableThatNobodyAsksAboutIsLeftAlone(t *testing.T) {
	bubble(t, time.Second, nil, func(t *testing.T, f *fake, s *Store) {
		s.Touch(t.Context(), bucket, root)
		after(t, 2*time.Minute)
		f.forget()
		after(t, time.Hour)
		if n := f.requests(); n != 0 {
			t.Errorf("%d requests", n)
		}
		if n := s.bytes.Load(); n != 0 {
			t.Errorf("%d bytes held", n)
		}
		served(t, s, shardsQ)
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

func TestEverythingIsBounded(t *testing.T) {
	t.Run("tables", func(t *testing.T) {
		bubble(t, time.Second, func(o *Options) { o.MaxTables = 2 }, func(t *testing.T, _ *fake, s *Store) {
			for i := range 10 {
				served(t, s, listing(bucket, fmt.Sprintf("db/t%d.lance/_mem_wal/", i), "/"))
				if n := s.count(); n > 2 {
					t.Fatalf("%d tables", n)
				}
			}
		})
	})
	t.Run("bytes", func(t *testing.T) {
		bubble(t, time.Second, func(o *Options) { o.MaxBytes = 10_000 }, func(t *testing.T, f *fake, s *Store) {
			s.Touch(t.Context(), bucket, root)
			served(t, s, shardsQ)
			f.put(manifestKey(0, 2), strings.Repeat("x", 10_000))
			after(t, time.Second)
			passes(t, s, shardsQ)
			if n := s.bytes.Load(); n > 10_000 {
				t.Errorf("%d bytes", n)
			}
		})
	})
	t.Run("questions of clients", func(t *testing.T) {
		bubble(t, time.Second, nil, func(t *testing.T, f *fake, s *Store) {
			s.Touch(t.Context(), bucket, root)
			for i := range 10 * maxDemands {
				passes(t, s, getQ(versionKey(uint64(1000+i))))
			}
			f.forget()
			after(t, 500*time.Millisecond)
			if n := f.requests(); n > 2*maxDemands+20 {
				t.Errorf("%d requests of one take", n)
			}
		})
	})
	t.Run("shards", func(t *testing.T) {
		bubble(t, time.Minute, nil, func(t *testing.T, f *fake, s *Store) {
			f.change(func(objects map[string]string) {
				for i := range maxQuestions / 3 {
					key := memwal.VersionHintPath(root, fmt.Sprintf("00000000-0000-0000-0000-%012d", i))
					objects[key] = string(memwal.EncodeVersionHint(1))
				}
			})
			passes(t, s, shardsQ)
		})
	})
}

func TestAnswersThatNoSnapshotCanHold(t *testing.T) {
	bubble(t, time.Second, nil, func(t *testing.T, f *fake, s *Store) {
		s.Touch(t.Context(), bucket, root)
		large := getQ(root + "/_mem_wal/" + shardIDs[0] + "/manifest/large")
		f.put(large.key, strings.Repeat("x", maxObject+1))
		began := time.Now()
		passes(t, s, large)
		waited := time.Since(began)
		passes(t, s, large)
		if again := time.Since(began) - waited; waited == 0 || again != 0 {
			t.Errorf("waited %s, and %s when it was known", waited, again)
		}
		served(t, s, shardsQ) // the others are
		f.put(large.key, "small")
		after(t, 10*time.Second)
		served(t, s, large)
	})
}

func TestAFaultInsideServesNothingAndEndsNothing(t *testing.T) {
	for name, change := range map[string]func(o *Options, fail func() bool){
		"when a manifest is looked into": func(o *Options, fail func() bool) {
			o.Observe = func(string, string, []byte) {
				if fail() {
					panic("fault")
				}
			}
		},
		"when pages are loaded": func(o *Options, fail func() bool) {
			o.Load = func(context.Context, string, string, *facts.Facts) error {
				if fail() {
					panic("fault")
				}
				return errors.New("no room")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var failing atomic.Bool
			failing.Store(true)
			bubble(t, time.Second, func(o *Options) { change(o, failing.Load) }, func(t *testing.T, _ *fake, s *Store) {
				passes(t, s, shardsQ)
				after(t, time.Second)
				passes(t, s, shardsQ)
				failing.Store(false)
				after(t, time.Minute)
				s.Touch(t.Context(), bucket, root)
				served(t, s, shardsQ)
			})
		})
	}
}

func TestAnImpatientClientAndClose(t *testing.T) {
	bubble(t, time.Second, nil, func(t *testing.T, f *fake, s *Store) {
		f.take(func(*origin.Request) (before, after time.Duration) { return 900 * time.Millisecond, 0 })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, _, ok := s.Ask(ctx, shardsQ); ok || time.Since(began) != 10*time.Millisecond {
			t.Errorf("served %t after %s", ok, time.Since(began))
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Ask(t.Context(), shardsQ)
			s.Touch(t.Context(), bucket, root)
		}()
		synctest.Wait()
		s.Close()
		<-done
		passes(t, s, shardsQ)
		s.Close()
	})
}

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

func TestTablesAreFoundByNameAndConfiguration(t *testing.T) {
	ts, err := compile([]Table{
		{Match: "s3://lake/db/off.lance"},
		{Match: "s3://lake/db/*", MaxAge: time.Second},
		{Match: "s3://lake/plain/table/", MaxAge: 2 * time.Second},
		{Match: "deep/**", MaxAge: 3 * time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"db/items.lance/_versions/1.manifest":          "db/items.lance 1s",
		"db/items.lance/_versions/":                    "db/items.lance 1s",
		"db/items.lance/_mem_wal/x/0a_gen_1/a.lance/b": "db/items.lance 1s",
		"db/items.lance/":                              "db/items.lance 1s",
		"db/items.lance":                               "",
		"db/__manifest/_versions/":                     "db/__manifest 1s",
		"db/off.lance/_versions/":                      "",
		"db/folder/x":                                  "",
		"db/.lance/x":                                  "",
		"plain/table/_versions/":                       "plain/table 2s",
		"plain/other/_versions/":                       "",
		"deep/a/b.lance/_versions/":                    "deep/a/b.lance 3s",
		"deep/a/b.lance/c.lance/_versions/":            "deep/a/b.lance/c.lance 3s",
		"":                                             "",
		"/":                                            "",
		"//items.lance/":                               "",
	} {
		got := ""
		if root, bound, ok := ts.find(bucket, path); ok {
			got = root + " " + bound.String()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
	for _, bad := range []Table{{"", time.Second}, {"s3://", time.Second}, {"a**/b", time.Second}, {"a", -1}, {"a", time.Millisecond}} {
		if _, err := New(newFake(), Options{Tables: []Table{bad}}); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	if _, err := New(newFake(), Options{MaxTables: -1}); err == nil {
		t.Error("a negative bound is accepted")
	}
}

func TestListingsAreTheSameQuestionHoweverTheyAreWritten(t *testing.T) {
	want, ok := Listing(bucket, "list-type=2&prefix=a%2Fb%20c&delimiter=%2F")
	if !ok {
		t.Fatal("not understood")
	}
	for _, same := range []string{"delimiter=/&prefix=a/b%20c&list-type=2", "list-type=2&x-id=ListObjectsV2&prefix=a%2fb+c&delimiter=%2F&"} {
		if q, ok := Listing(bucket, same); !ok || q != want {
			t.Errorf("%s: %+v, want %+v", same, q, want)
		}
	}
	for _, other := range []string{
		"prefix=a", "list-type=1&prefix=a", "list-type=2&continuation-token=x", "list-type=2&prefix=%zz", "list-type=2&%zz",
		"list-type=2&prefix=a&prefix=b", "list-type=2&versionId=1", "",
	} {
		if q, ok := Listing(bucket, other); ok {
			t.Errorf("%s is %+v", other, q)
		}
	}
}

func TestPlacesOfQuestions(t *testing.T) {
	shard := root + "/_mem_wal/" + shardIDs[0]
	for _, tt := range []struct {
		q    Question
		want place
	}{
		{getQ(root + "/_versions/1.manifest"), inBase},
		{getQ(root + "/_refs/tags/a.json"), inBase},
		{getQ(root + "/data/a.lance"), elsewhere},
		{getQ("db/other.lance/_versions/1.manifest"), elsewhere},
		{getQ(shard + "/manifest/x.binpb"), inShards},
		{getQ(shard + "/manifest/version_hint.json"), inShards},
		{getQ(shard + "/wal/x.arrow"), elsewhere},
		{getQ(shard + "/0a_gen_1/manifest/x"), elsewhere},
		{getQ(root + "/_mem_wal/notashard/manifest/x"), elsewhere},
		{listing(bucket, root+"/_versions/", ""), inBase},
		{listing(bucket, root+"/_versions/1", "/"), inBase},
		{listing(bucket, root+"/data/", ""), elsewhere},
		{listing(bucket, root+"/", "/"), elsewhere},
		{listing(bucket, root+"/", ""), revealing},
		{listing(bucket, root+"/_", ""), revealing},
		{listing(bucket, root+"/_mem_wal/", ""), revealing},
		{listing(bucket, root+"/_mem_wal/", "-"), revealing},
		{listing(bucket, root+"/_mem_wal/", "/"), inShards},
		{listing(bucket, root+"/_mem_wal/aa48", "/"), revealing},
		{listing(bucket, shard, ""), revealing},
		{listing(bucket, shard+"/", ""), revealing},
		{listing(bucket, shard+"/", "/"), inShards},
		{listing(bucket, shard+"/man", ""), revealing},
		{listing(bucket, shard+"/manifest/", ""), inShards},
		{listing(bucket, shard+"/manifest/1", "/"), inShards},
		{listing(bucket, shard+"/wal/", ""), elsewhere},
		{listing(bucket, shard+"/0a_gen_1/_versions/", ""), elsewhere},
		{listing(bucket, "db/", ""), elsewhere},
	} {
		if got := tt.q.placeIn(root); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.q.id(), got, tt.want)
		}
	}
}

func TestTheNewestVersionIsFoundByEitherNaming(t *testing.T) {
	for _, tt := range []struct {
		names []string
		want  string
	}{
		{nil, ""},
		{[]string{"18446744073709551607.manifest", "18446744073709551608.manifest"}, "18446744073709551607.manifest"},
		{[]string{"1.manifest", "10.manifest", "9.manifest"}, "10.manifest"},
		{[]string{"x.manifest", "1.manifest", "99999999999999999999.manifest", "2.txt"}, "1.manifest"},
	} {
		l := new(listed)
		for _, name := range tt.names {
			l.Contents = append(l.Contents, struct{ Key string }{"t/_versions/" + name})
		}
		if got := strings.TrimPrefix(l.newestVersion(), "t/_versions/"); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.names, got, tt.want)
		}
	}
}

func TestOriginsThatAnswerStrangely(t *testing.T) {
	for name, change := range map[string]func(r *origin.Request, response *http.Response){
		"a listing that is none": func(r *origin.Request, response *http.Response) {
			if r.Key == "" {
				response.Body = http.NoBody
				response.ContentLength = 0
			}
		},
		"a body that ends early": func(_ *origin.Request, response *http.Response) { response.ContentLength++ },
		"a bucket that is missing": func(_ *origin.Request, response *http.Response) {
			response.StatusCode = http.StatusNotFound
		},
		"a redirect": func(_ *origin.Request, response *http.Response) { response.StatusCode = http.StatusTemporaryRedirect },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, time.Second, nil, func(t *testing.T, f *fake, s *Store) {
				s.origin = strange{f, change}
				began := time.Now()
				for _, q := range firstQuery(1) {
					passes(t, s, q)
				}
				if time.Since(began) > time.Second {
					t.Errorf("waited %s", time.Since(began))
				}
			})
		})
	}
}

type strange struct {
	f      *fake
	change func(r *origin.Request, response *http.Response)
}

func (s strange) Do(ctx context.Context, r *origin.Request) (*http.Response, error) {
	response, err := s.f.Do(ctx, r)
	if err == nil {
		s.change(r, response)
	}
	return response, err
}
