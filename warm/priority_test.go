package warm_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/origintest"
	"github.com/hearthcache/hearth/warm"
)

func TestUrgentJobsRunFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *setup) { s.warm.Jobs = 1 })
		for _, name := range []string{"first", "normal", "high", "low", "joined"} {
			w.put(name+"/x", 100)
		}
		w.origin.Inject(origintest.Rule{Match: origintest.Class("GET"), Action: origintest.Delay(time.Second)})
		begin := func(key string, p warm.Priority) string {
			t.Helper()
			a, err := w.try(warm.Request{Path: warm.Path{Key: key}, Priority: p})
			if err != nil {
				t.Fatal(err)
			}
			return a.Job
		}
		begin("first", warm.PriorityNormal)
		synctest.Wait()
		begin("low", warm.PriorityLow)
		begin("joined", warm.PriorityLow)
		begin("normal", warm.PriorityNormal)
		begin("high", warm.PriorityHigh)
		begin("joined", warm.PriorityHigh)
		time.Sleep(time.Minute)
		var order []string
		for _, r := range w.origin.Requests() {
			if r.Class == "GET" {
				order = append(order, r.Key)
			}
		}
		if diff := cmp.Diff([]string{"first/x", "high/x", "joined/x", "normal/x", "low/x"}, order); diff != "" {
			t.Error(diff)
		}
	})
}

func TestPriorities(t *testing.T) {
	for word, want := range map[string]warm.Priority{
		"": warm.PriorityNormal, "normal": warm.PriorityNormal, "low": warm.PriorityLow, "high": warm.PriorityHigh,
	} {
		if got, err := warm.ParsePriority(word); err != nil || got != want {
			t.Errorf("%q: got %d, %v", word, got, err)
		}
	}
	if _, err := warm.ParsePriority("urgent"); err == nil {
		t.Error("urgent is a priority")
	}
}
