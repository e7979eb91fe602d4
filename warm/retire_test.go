package warm_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/epoch"
	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/warm"
)

var table = warm.Path{Bucket: bucket, Key: "db/items.lance"}

// states returns the state of each known generation, by directory.
func (w *world) states() map[string]warm.GenerationState {
	states := make(map[string]warm.GenerationState)
	for _, g := range w.warmer.Generations(nil) {
		states[g.Prefix[len(shard):len(g.Prefix)-1]] = g.State
	}
	return states
}

func (w *world) wantStates(want map[string]warm.GenerationState) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.states()); diff != "" {
		w.t.Errorf("states, want (-) and got (+):\n%s", diff)
	}
}

func TestStatesOfAGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.origin.Tries = 1 })
		w.fill(gen, 100, 5000)
		w.wantStates(map[string]warm.GenerationState{})
		stalled := make(chan struct{})
		w.origin.Inject(originRule("LIST", 1, func() { <-stalled }))
		if _, err := w.try(warm.Request{Path: warm.Path{Key: gen}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.wantStates(map[string]warm.GenerationState{genDir: warm.GenerationWarming})
		close(stalled)
		synctest.Wait()
		w.wantStates(map[string]warm.GenerationState{genDir: warm.GenerationProvisional})
		w.commit(2, "0fa9faac_gen_1", genDir)
		time.Sleep(time.Minute) // it is polled, confirmed and found to be warm
		w.wantStates(map[string]warm.GenerationState{"0fa9faac_gen_1": warm.GenerationUnknown, genDir: warm.GenerationWarm})
		w.evict(gen+"object-01", 0)
		w.wantStates(map[string]warm.GenerationState{"0fa9faac_gen_1": warm.GenerationUnknown, genDir: warm.GenerationPartial})
		w.put(shard+"0fa9faac_gen_1/x", 100)
		w.origin.Inject(origintest.Rule{Match: origintest.Under("GET", shard+"0fa9faac_gen_1/"), Action: origintest.Status(403, "AccessDenied")})
		if _, err := w.try(warm.Request{Path: warm.Path{Key: shard + "0fa9faac_gen_1"}, Wait: time.Minute}); err == nil {
			t.Error("it was read")
		}
		if _, err := w.warmer.Retain(t.Context(), warm.Retain{Table: table, Live: []string{"0fa9faac_gen_1"}}); err != nil {
			t.Fatal(err)
		}
		w.wantStates(map[string]warm.GenerationState{"0fa9faac_gen_1": warm.GenerationFailed, genDir: warm.GenerationRetired})
	})
}

func TestRetainDropsWhatIsNotLive(t *testing.T) {
	w := newWorld(t, nil)
	dirs := []string{"0fa9faac_gen_1", "b5982e9f_gen_2", genDir}
	for _, dir := range dirs {
		w.fill(shard+dir+"/", 100, 5000)
	}
	w.commit(4, "0fa9faac_gen_1", "b5982e9f_gen_2")
	w.warm(shard + dirs[0])
	if _, err := w.try(warm.Request{Path: warm.Path{Key: shard + dirs[1]}, Pin: yes(), Wait: time.Minute}); err != nil {
		t.Fatal(err)
	}
	w.commit(5, dirs...)
	w.warm(gen)
	w.fill(shard+"77777777_gen_7/", 100) // warmed before its commit
	w.warm(shard + "77777777_gen_7")

	// The caller looked at manifest 4 of its own and saw the second one compacted.
	r := warm.Retain{Table: table, Shard: "aa48498d-ac91-59e2-8452-69f46010ace2", Live: []string{dirs[0]}, Version: 4}
	got, err := w.warmer.Retain(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{shard + dirs[1] + "/"}, got.Retired); diff != "" || got.Live != 1 || got.Spared != 2 || got.Pins != 1 ||
		got.Bytes != 5100 || got.Generations != 1 {
		t.Errorf("got %+v\n%s", got, diff)
	}
	w.wantStates(map[string]warm.GenerationState{
		dirs[0]: warm.GenerationWarm, dirs[1]: warm.GenerationRetired, genDir: warm.GenerationWarm,
		"77777777_gen_7": warm.GenerationProvisional,
	})
	if a := w.warm(shard + dirs[1]); a.State != warm.Warm {
		// Manifest 5 is newer than what the caller looked at and names it: it is live.
		t.Errorf("got %+v", a)
	}
}

func TestWarmOfARetiredGenerationBringsNothingBack(t *testing.T) {
	w := newWorld(t, nil)
	w.fill(gen, 100, 5000)
	w.commit(4, genDir)
	w.warm(gen)
	w.commit(5)
	if _, err := w.warmer.Retain(t.Context(), warm.Retain{
		Table: table, Shard: "aa48498d-ac91-59e2-8452-69f46010ace2", Version: 5,
	}); err != nil {
		t.Fatal(err)
	}
	a := w.warm(gen)
	if a.State != warm.Partial || a.Reason != warm.ReasonRetired || a.Receipt.ResidentPages != 0 {
		t.Errorf("got %+v", a)
	}
	if n := w.objects.Pages().Stats().ResidentPages; n != 0 {
		t.Errorf("%d pages are resident", n)
	}
	w.wantStates(map[string]warm.GenerationState{genDir: warm.GenerationRetired})
}

func TestRetireDuringAWarmWins(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.warm.Parallel = 1 })
	w.fill(gen, 100, 5000, 9000)
	w.commit(4, genDir)
	begun, release := make(chan struct{}), make(chan struct{})
	w.origin.Inject(origintest.Rule{Match: origintest.Key("GET", gen+"object-01"), Nth: 1, Action: origintest.Do(func() {
		close(begun)
		<-release
	})})
	a, err := w.try(warm.Request{Path: warm.Path{Key: gen}, Pin: yes()})
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	_, err = w.warmer.Retain(t.Context(), warm.Retain{Table: table})
	close(release)
	if err != nil {
		t.Fatal(err)
	}
	if s := w.end(a.Job); s.State != warm.Partial || s.Reason != warm.ReasonRetired {
		t.Errorf("got %+v", s)
	}
	if s := w.objects.Pages().Stats(); s.ResidentPages != 0 || w.warmer.Stats().Pins != 0 {
		t.Errorf("%d pages and %d pins stay", s.ResidentPages, w.warmer.Stats().Pins)
	}
}

func TestAnInvalidatedGenerationIsForgottenUntilItsManifestIsReadAgain(t *testing.T) {
	w := newWorld(t, nil)
	w.fill(gen, 100, 5000)
	w.commit(4, genDir)
	w.warm(gen)
	w.warmer.Release(bucket, gen)
	w.objects.Invalidate(epoch.Scope{Bucket: bucket, Key: gen, Prefix: true})
	w.wantStates(map[string]warm.GenerationState{})
	if a := w.warm(gen); a.State != warm.Warm || !a.Published || a.Found != warm.FoundCold {
		t.Errorf("got %+v", a)
	}
	w.wantStates(map[string]warm.GenerationState{genDir: warm.GenerationWarm})
}
