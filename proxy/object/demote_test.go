package object

import (
	"testing"

	"github.com/hearthcache/hearth/internal/origin"
)

func TestASecondWriteDemotesAKeyThatWasNeverRead(t *testing.T) {
	fake := &store{}
	s := newService(t, fake, Options{})
	put(t, s, dataKey(1), "first")
	put(t, s, dataKey(2), "only")
	put(t, s, dataKey(1), "second")
	if contents, _ := read(t, s, dataKey(1)); contents != "second" {
		t.Errorf("got %q", contents)
	}
	fake.put(dataKey(1), "behind")
	if contents, _ := read(t, s, dataKey(1)); contents != "behind" {
		t.Errorf("written twice, it is not revalidated: got %q", contents)
	}
	if contents, outcome := read(t, s, dataKey(2)); contents != "only" || outcome != Miss {
		t.Errorf("got %q, %s", contents, outcome)
	}
	if _, outcome := read(t, s, dataKey(2)); outcome != Hit {
		t.Errorf("written once, it is a %s", outcome)
	}
}

func TestAWriteThatFailedIsNone(t *testing.T) {
	fake := &store{before: func(call string) error {
		if call == "DO PUT "+dataKey(1) {
			return origin.ErrInvalid // nothing was sent
		}
		return nil
	}}
	s := newService(t, fake, Options{})
	_, err := s.Forward(t.Context(), &origin.Request{Method: "PUT", Bucket: "b", Key: dataKey(1)}, Effect{Bucket: "b", Keys: []string{dataKey(1)}, Replaces: true})
	if err == nil {
		t.Fatal("it did not fail")
	}
	fake.before = nil
	put(t, s, dataKey(1), "first")
	if s.demoted.has("b", dataKey(1)) {
		t.Error("demoted by its first write")
	}
}

func TestWritesAreRememberedWithinBounds(t *testing.T) {
	var w writes
	if w.again("b", "k") || !w.again("b", "k") || !w.again("b", "k") {
		t.Error("a key is not found again")
	}
	if w.again("a", "k") || w.again("b", "") {
		t.Error("another key is found")
	}
	const n = 4 * writeSets * writeWays
	twice := 0
	for i := range n {
		if w.again("b", dataKey(i)) {
			twice++
		}
	}
	if twice > 0 {
		t.Errorf("%d of %d keys written once count as written twice", twice, n)
	}
	late := 0
	for i := n - writeSets; i < n; i++ {
		if w.again("b", dataKey(i)) {
			late++
		}
	}
	if late < writeSets*9/10 {
		t.Errorf("only %d of the last %d are remembered", late, writeSets)
	}
}
