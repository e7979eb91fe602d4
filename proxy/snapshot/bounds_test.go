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

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/proxy/facts"
)

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
