package snapshot

import (
	"testing"
	"time"

	"github.com/hearthcache/hearth/internal/epoch"
)

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
