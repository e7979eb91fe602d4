package object

import (
	"errors"
	"testing"
	"time"
)

const genA, genB = "0fa9faa1_gen_1", "0fa9faa2_gen_2"

func TestInventoriesHaveABudget(t *testing.T) {
	fake := &store{}
	fake.put(testShard+genA+"/data/x.lance", "a")
	fake.put(testShard+genB+"/data/x.lance", "b")
	s := newService(t, fake, Options{InventoryBytes: 500}) // one of them
	publish(t, fake, s, 1, genA, genB)
	for i, dir := range []string{genA, genA, genB, genA} {
		want := "a"
		if dir == genB {
			want = "b"
		}
		if contents, _ := read(t, s, testShard+dir+"/data/x.lance"); contents != want {
			t.Errorf("read %d: got %q", i, contents)
		}
	}
	if n := fake.count("LIST"); n != 3 {
		t.Errorf("%d listings, want one for each that had to be confirmed again", n)
	}
	if held := s.generations.Held(); held.Inventories != 1 || held.Dropped != 2 {
		t.Errorf("held %+v", held)
	}
	if n := fake.count("GET " + testShard + genA + "/data"); n != 1 {
		t.Errorf("the object was fetched %d times", n)
	}
}

func TestAnInventoryThatCannotBeKeptIsNotAskedForAgainAndAgain(t *testing.T) {
	now := &clock{now: time.Unix(1e9, 0)}
	fake := &store{}
	fake.put(testShard+genA+"/data/x.lance", "a")
	s := newService(t, fake, Options{InventoryBytes: 10, now: now.Now})
	publish(t, fake, s, 1, genA)
	for range 3 {
		if contents, outcome := read(t, s, testShard+genA+"/data/x.lance"); contents != "a" || outcome == Hit {
			t.Errorf("got %q, %s", contents, outcome)
		}
		now.advance(time.Minute)
	}
	if n := fake.count("LIST"); n != 1 {
		t.Errorf("%d listings", n)
	}
	now.advance(unusablePause)
	_, _ = read(t, s, testShard+genA+"/data/x.lance")
	if n := fake.count("LIST"); n != 2 {
		t.Errorf("%d listings after a while", n)
	}
}

func TestAListingThatFailsIsTriedAgainSoon(t *testing.T) {
	now := &clock{now: time.Unix(1e9, 0)}
	fake := &store{}
	fake.put(testShard+genA+"/data/x.lance", "a")
	s := newService(t, fake, Options{now: now.Now})
	publish(t, fake, s, 1, genA)
	fake.before = func(call string) error {
		if call == "LIST "+testShard+genA+"/" {
			return errors.New("ill")
		}
		return nil
	}
	_, _ = read(t, s, testShard+genA+"/data/x.lance")
	_, _ = read(t, s, testShard+genA+"/data/x.lance")
	if n := fake.count("LIST"); n != 1 {
		t.Errorf("%d listings at once", n)
	}
	fake.before = nil
	now.advance(confirmPause)
	if _, outcome := read(t, s, testShard+genA+"/data/x.lance"); outcome != Hit || fake.count("LIST") != 2 {
		t.Errorf("%s after %d listings", outcome, fake.count("LIST"))
	}
}
