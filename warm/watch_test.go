package warm_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/warm"
)

func watching(s *setup) {
	s.warm.Watch = []warm.WatchedTable{{Table: table, Interval: 2 * time.Second}}
}

func TestWatchKeepsATableWarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) {
			watching(s)
			s.before = func(w *world) {
				w.fill(shard+"0fa9faac_gen_1/", 100, 5000)
				w.commit(2, "0fa9faac_gen_1")
			}
		})
		if err := w.warmer.Settled(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.wantStates(map[string]warm.GenerationState{"0fa9faac_gen_1": warm.GenerationWarm})

		// A writer that knows nothing of Hearth flushes.
		w.fill(gen, 100, 5000)
		w.commit(3, "0fa9faac_gen_1", genDir)
		time.Sleep(4 * time.Second) // two polls
		synctest.Wait()
		w.wantStates(map[string]warm.GenerationState{"0fa9faac_gen_1": warm.GenerationWarm, genDir: warm.GenerationWarm})
		w.requests()
		w.readAll(gen)
		w.silent()

		// The older one is compacted away.
		w.commit(4, genDir)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		w.wantStates(map[string]warm.GenerationState{"0fa9faac_gen_1": warm.GenerationRetired, genDir: warm.GenerationWarm})
		if n := w.objects.Pages().Stats().Objects; n != 2 {
			t.Errorf("%d objects are resident", n)
		}

		// A look costs a LIST and a GET, and from time to time the hint.
		w.requests()
		time.Sleep(16 * time.Second)
		synctest.Wait()
		if got := w.requests(); got.List != 8 || got.Get > 10 || got.Head != 0 {
			t.Errorf("eight looks cost %+v", got)
		}
	})
}

func TestWatchOutlivesTroubleOfTheOrigin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { watching(s); s.origin.Tries = 1 })
		for n := 1; n <= 3; n++ {
			w.origin.Inject(origintest.Rule{Match: origintest.Class("LIST"), Nth: n, Action: origintest.Status(503, "SlowDown")})
		}
		w.origin.Inject(origintest.Rule{Match: origintest.Under("GET", gen), Nth: 1, Action: origintest.Status(500, "InternalError")})
		w.fill(gen, 100)
		w.commit(3, genDir)
		time.Sleep(time.Minute)
		synctest.Wait()
		w.wantStates(map[string]warm.GenerationState{genDir: warm.GenerationWarm})
		if len(w.warmer.Unsettled()) != 0 {
			t.Error("the table is not settled")
		}
	})
}

func TestWatchNoticesATableMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, watching)
		w.fill(gen, 100)
		w.commit(30, genDir)
		time.Sleep(4 * time.Second)
		for _, key := range w.origin.Keys(bucket, "db/items.lance/") {
			w.origin.Remove(bucket, key)
		}
		w.fill(shard+"0fa9faac_gen_1/", 100)
		w.commit(1, "0fa9faac_gen_1")
		time.Sleep(time.Minute)
		synctest.Wait()
		w.wantStates(map[string]warm.GenerationState{"0fa9faac_gen_1": warm.GenerationWarm, genDir: warm.GenerationRetired})
	})
}

func TestOpeningAGenerationWarmsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.warm.OnOpen = true })
		w.fill(gen, 100, 5000, 9000)
		w.commit(3, genDir)
		w.read(gen + "object-00")
		synctest.Wait()
		w.wantStates(map[string]warm.GenerationState{genDir: warm.GenerationWarm})
		w.requests()
		w.readAll(gen)
		w.silent()
		if n := len(w.warmer.Jobs()); n != 1 {
			t.Errorf("%d jobs", n)
		}
	})
}

func TestOpeningAGenerationBeforeItsCommitWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.warm.OnOpen = true })
		w.fill(gen, 100, 5000)
		w.commit(3)
		w.read(gen + "object-00")
		synctest.Wait()
		if n := len(w.warmer.Jobs()); n != 0 {
			t.Errorf("%d jobs before the commit", n)
		}
		w.commit(4, genDir)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		w.wantStates(map[string]warm.GenerationState{genDir: warm.GenerationWarm})
	})
}

func TestOpeningARetiredGenerationBringsNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.warm.OnOpen = true })
		w.fill(gen, 100, 5000)
		w.commit(3, genDir)
		w.warm(gen)
		w.commit(4)
		if _, err := w.warmer.Retain(t.Context(), warm.Retain{Table: table, Shard: "aa48498d-ac91-59e2-8452-69f46010ace2", Version: 4}); err != nil {
			t.Fatal(err)
		}
		w.read(gen + "object-00") // by somebody with an old snapshot
		time.Sleep(time.Minute)
		synctest.Wait()
		w.wantStates(map[string]warm.GenerationState{genDir: warm.GenerationRetired})
		if n := w.objects.Pages().Stats().Objects; n != 1 {
			t.Errorf("%d objects are resident, want the one that was read", n)
		}
	})
}
