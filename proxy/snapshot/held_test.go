package snapshot

import (
	"strings"
	"testing"
	"time"

	"github.com/hearthcache/hearth/lance/memwal"
)

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
