package warm_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/warm"
)

// originRule calls f when the n-th request of a class is answered, after its answer was
// made up.
func originRule(class string, n int, f func()) origintest.Rule {
	return origintest.Rule{Match: origintest.Class(class), Nth: n, Action: origintest.Do(f)}
}

// end waits for a job to end.
func (w *world) end(id string) warm.Status {
	w.t.Helper()
	var last warm.Status
	err := w.warmer.Follow(w.t.Context(), id, func(s warm.Status) error { last = s; return nil })
	if err != nil {
		w.t.Fatal(err)
	}
	if last.Finished == nil {
		w.t.Fatalf("following ended before the job: %+v", last)
	}
	return last
}

func TestOriginThatDiesInMidWarm(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.origin.Tries, s.warm.Parallel = 1, 1 })
	objects, size := w.fill(gen, 100, 200, 300, 400, 500)
	w.publish(genDir)
	for n := 3; n <= 6; n++ { // the LIST and two GETs are answered
		w.origin.Inject(origintest.Rule{Match: origintest.Class("GET"), Nth: n, Action: origintest.Reset()})
	}
	a, err := w.try(warm.Request{Path: warm.Path{Key: gen}, Wait: time.Minute})
	if !errors.Is(err, warm.ErrOrigin) {
		t.Fatalf("got %+v, %v", a, err)
	}
	if a.State != warm.Failed || a.Error.Code != "origin_failed" || a.Receipt.ResidentObjects != 2 || a.Receipt.ResidentBytes != 300 ||
		a.Receipt.FailedObjects != 1 || a.Receipt.Requests.Get != 3 {
		t.Errorf("got %+v", a)
	}
	w.requests()
	a = w.warm(gen)
	if a.State != warm.Warm || a.Found != warm.FoundPartial || a.Receipt.ResidentBytes != size ||
		w.requests() != (warm.Requests{Get: int64(objects) - 2}) {
		t.Errorf("the second call: %+v", a)
	}
}

func TestOriginThatCannotBeListed(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.origin.Tries = 1 })
	w.fill(gen, 100)
	w.origin.Inject(origintest.Rule{Match: origintest.Class("LIST"), Nth: 1, Action: origintest.Status(500, "InternalError")})
	a, err := w.try(warm.Request{Path: warm.Path{Key: gen}, Wait: time.Minute})
	if !errors.Is(err, warm.ErrOrigin) || a.State != warm.Failed || a.Receipt.Requests.List != 1 {
		t.Errorf("got %+v, %v", a, err)
	}
}

func TestOneObjectThatCannotBeRead(t *testing.T) {
	w := newWorld(t, nil)
	w.fill(gen, 100, 200, 300)
	w.origin.Inject(origintest.Rule{Match: origintest.Key("GET", gen+"object-01"), Action: origintest.Status(403, "AccessDenied")})
	a, err := w.try(warm.Request{Path: warm.Path{Key: gen}, Wait: time.Minute})
	if !errors.Is(err, warm.ErrOrigin) || !errors.Is(err, origin.ErrDenied) || a.Receipt.ResidentObjects != 2 || a.Receipt.FailedObjects != 1 {
		t.Errorf("got %+v, %v", a, err)
	}
}

func TestBucketThatIsNotAllowed(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.origin.Buckets = []string{"another"} })
	a, err := w.try(warm.Request{Path: warm.Path{Key: gen}, Wait: time.Minute, Pin: yes()})
	if !errors.Is(err, warm.ErrForbidden) || a.Error.Code != "bucket_not_allowed" || w.warmer.Stats().Pins != 0 {
		t.Errorf("got %+v, %v", a, err)
	}
}

// The tests below run in a bubble of their own time.

func TestWaitAndLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.fill(gen, 100, 5000)
		w.origin.Inject(origintest.Rule{Match: origintest.Class("LIST"), Action: origintest.Delay(5 * time.Second)})

		began := time.Now()
		a, err := w.try(warm.Request{Path: warm.Path{Key: gen}, Wait: 2 * time.Second})
		if err != nil || a.State != warm.Warming || time.Since(began) != 2*time.Second {
			t.Fatalf("after %s: %+v, %v", time.Since(began), a, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := w.tryUntil(ctx, warm.Request{Path: warm.Path{Key: gen}, Wait: time.Minute}); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a caller that left: %v", err)
		}
		if s := w.end(a.Job); s.State != warm.Warm || s.Calls != 1 || time.Since(began) != 5*time.Second {
			t.Errorf("after %s: %+v", time.Since(began), s)
		}
		for _, s := range w.warmer.Jobs() { // the second call's job ends as well
			if last := w.end(s.Job); last.State != warm.Warm {
				t.Errorf("got %+v", last)
			}
		}
	})
}

func TestDeadline(t *testing.T) {
	stalled := func(t *testing.T, w *world) {
		t.Helper()
		w.fill(gen, 100, 5000)
		w.origin.Inject(origintest.Rule{Match: origintest.Key("GET", gen+"object-01"), Action: origintest.Delay(10 * time.Second)})
	}
	t.Run("ends the job", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			stalled(t, w)
			began := time.Now()
			a, err := w.try(warm.Request{Path: warm.Path{Key: gen}, Wait: time.Minute, Deadline: 3 * time.Second})
			if err != nil || a.Path == "" || time.Since(began) != 3*time.Second {
				t.Fatalf("after %s: %+v, %v", time.Since(began), a, err)
			}
			if s := w.end(a.Job); s.State != warm.Partial || s.Reason != warm.ReasonDeadline || s.Receipt.ResidentObjects != 1 {
				t.Errorf("got %+v", s)
			}
		})
	})
	t.Run("is the longest of those who joined", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			stalled(t, w)
			w.publish(genDir)
			a, err := w.try(warm.Request{Path: warm.Path{Key: gen}, Deadline: 3 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			b, err := w.try(warm.Request{Path: warm.Path{Key: gen}, Wait: time.Minute})
			if err != nil || b.Job != a.Job || b.State != warm.Warm {
				t.Errorf("got %+v, %v", b, err)
			}
		})
	})
	t.Run("ends a job that waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(s *setup) { s.warm.Jobs = 1 })
			stalled(t, w)
			w.put("other/x", 10)
			if _, err := w.try(warm.Request{Path: warm.Path{Key: gen}}); err != nil {
				t.Fatal(err)
			}
			a, err := w.try(warm.Request{Path: warm.Path{Key: "other"}, Wait: time.Minute, Deadline: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			if s := w.end(a.Job); s.State != warm.Partial || s.Reason != warm.ReasonDeadline || s.Started != nil {
				t.Errorf("got %+v", s)
			}
		})
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.warm.Jobs = 1 })
		w.fill(gen, 100, 5000)
		w.put("other/x", 10)
		w.origin.Inject(origintest.Rule{Match: origintest.Key("GET", gen+"object-01"), Action: origintest.Stall(1000, nil)})
		running, err := w.try(warm.Request{Path: warm.Path{Key: gen}})
		if err != nil {
			t.Fatal(err)
		}
		queued, err := w.try(warm.Request{Path: warm.Path{Key: "other"}})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, id := range []string{queued.Job, running.Job} {
			s, err := w.warmer.Cancel(t.Context(), id)
			if err != nil || s.State != warm.Partial || s.Reason != warm.ReasonCancelled || s.Finished == nil {
				t.Errorf("got %+v, %v", s, err)
			}
			again, err := w.warmer.Cancel(t.Context(), id)
			if err != nil || again.State != warm.Partial {
				t.Errorf("again: %+v, %v", again, err)
			}
		}
		if s, _ := w.warmer.Job(running.Job); s.Receipt.ResidentObjects != 1 {
			t.Errorf("what was fetched is lost: %+v", s)
		}
		if _, err := w.warmer.Cancel(t.Context(), "nobody"); !errors.Is(err, warm.ErrNoJob) {
			t.Errorf("got %v", err)
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.warm.Jobs, s.warm.Queue = 2, 3 })
		w.origin.Inject(origintest.Rule{Match: origintest.Class("LIST"), Action: origintest.Delay(time.Second)})
		for i := range 6 {
			key := fmt.Sprintf("gen%d/x", i)
			w.put(key, 10)
			_, err := w.try(warm.Request{Path: warm.Path{Key: key[:4]}})
			if full := i == 5; errors.Is(err, warm.ErrQueueFull) != full {
				t.Errorf("call %d: got %v", i, err)
			}
		}
		// A path that waits can still be joined.
		a, err := w.try(warm.Request{Path: warm.Path{Key: "gen4"}, Wait: time.Minute})
		if err != nil || a.State != warm.Warm {
			t.Errorf("got %+v, %v", a, err)
		}
		if s := w.warmer.Stats(); s.Queued != 0 || s.Running > 2 {
			t.Errorf("got %+v", s)
		}
	})
}

func TestHistoryIsBounded(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.warm.History = 2 })
	var ids []string
	for i := range 4 {
		key := fmt.Sprintf("gen%d/x", i)
		w.put(key, 10)
		ids = append(ids, w.warm(key[:4]).Job)
	}
	jobs := w.warmer.Jobs()
	if len(jobs) != 2 || jobs[0].Job != ids[3] || jobs[1].Job != ids[2] {
		t.Errorf("got %+v", jobs)
	}
	if _, err := w.warmer.Job(ids[0]); !errors.Is(err, warm.ErrNoJob) {
		t.Errorf("got %v", err)
	}
	if err := w.warmer.Follow(t.Context(), ids[0], nil); !errors.Is(err, warm.ErrNoJob) {
		t.Errorf("got %v", err)
	}
}

func TestCloseEndsJobsAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.warm.Jobs = 1 })
		w.fill("a/", 5000)
		w.fill("b/", 5000)
		w.origin.Inject(origintest.Rule{Match: origintest.Class("GET"), Action: origintest.Stall(100, nil)})
		results := make(chan error, 2)
		for _, key := range []string{"a", "b"} {
			go func() {
				_, err := w.try(warm.Request{Path: warm.Path{Key: key}, Wait: time.Minute})
				results <- err
			}()
		}
		synctest.Wait()
		if err := w.warmer.Close(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := <-results; !errors.Is(err, warm.ErrClosed) {
				t.Errorf("got %v", err)
			}
		}
		if _, err := w.try(warm.Request{Path: warm.Path{Key: "a"}}); !errors.Is(err, warm.ErrClosed) {
			t.Errorf("after Close: got %v", err)
		}
	})
}

func TestFollowTellsProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.warm.Parallel = 1 })
		w.fill(gen, 100, 5000, 200_000)
		w.origin.Inject(origintest.Rule{Match: origintest.Class("GET"), Action: origintest.Delay(time.Second)})
		a, err := w.try(warm.Request{Path: warm.Path{Key: gen}})
		if err != nil {
			t.Fatal(err)
		}
		var told []int64
		err = w.warmer.Follow(t.Context(), a.Job, func(s warm.Status) error {
			told = append(told, s.Receipt.ResidentBytes)
			return nil
		})
		if err != nil || len(told) < 4 || told[0] != 0 || told[len(told)-1] != 205_100 {
			t.Errorf("told %v, %v", told, err)
		}
		for i := 1; i < len(told); i++ {
			if told[i] < told[i-1] {
				t.Errorf("progress went back: %v", told)
			}
		}
		stop := errors.New("enough")
		if err := w.warmer.Follow(t.Context(), a.Job, func(warm.Status) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("got %v", err)
		}
	})
}

func TestMetricsAddUp(t *testing.T) {
	registry := prometheus.NewRegistry()
	w := newWorld(t, func(s *setup) { s.warm.Registerer = registry })
	w.fill(gen, 100, 5000)
	w.publish(genDir)
	w.warm(gen)
	w.warm(gen)
	if _, err := w.try(warm.Request{Path: warm.Path{Key: gen + "nothing"}}); err == nil {
		t.Fatal("nothing was found")
	}
	if _, err := w.try(warm.Request{Path: warm.Path{Key: "nothing"}, Wait: time.Minute}); err == nil {
		t.Fatal("nothing was found")
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"hearth_warm_calls_total warm": 2, "hearth_warm_calls_total refused": 1, "hearth_warm_calls_total failed": 1,
		"hearth_warm_calls_total partial": 0, "hearth_warm_jobs_total warm": 1, "hearth_warm_jobs_total failed": 1,
		"hearth_warm_origin_requests_total get": 2, "hearth_warm_origin_bytes_total": 5100, "hearth_warm_jobs_running": 0,
	} {
		if value, ok := got[name]; !ok || value != want {
			t.Errorf("%s is %v, want %v", name, value, want)
		}
	}
}
