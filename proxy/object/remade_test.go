package object

import (
	"errors"
	"net/http"
	"testing"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/proxy/publication"
)

var theShard = publication.Shard{Bucket: "b", Table: "db/t.lance", ID: "aa48498d-ac91-59e2-8452-69f46010ace2"}

// ask sends a read on.
func ask(t *testing.T, s *Service, method, key, query string) {
	t.Helper()
	response, err := s.Forward(t.Context(), &origin.Request{Method: method, Bucket: "b", Key: key, RawQuery: query}, Effect{})
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
}

// remake drops the table behind the service's back and makes it again.
func remake(t *testing.T, fake *store) {
	t.Helper()
	fake.mu.Lock()
	for key := range fake.objects {
		delete(fake.objects, key)
	}
	fake.mu.Unlock()
	fake.put(manifestKey(1), manifest(t, 1, genB))
	fake.put(testShard+genB+"/data/x.lance", "new")
}

func TestATableMadeAgainBehindHearthIsNoticed(t *testing.T) {
	for name, tt := range map[string]struct {
		look  func(t *testing.T, s *Service)
		heads int // questions of the service's own
	}{
		"by a HEAD of the newest manifest": {func(t *testing.T, s *Service) {
			ask(t, s, "HEAD", manifestKey(7), "")
		}, 0},
		"by a GET of an older manifest": {func(t *testing.T, s *Service) {
			ask(t, s, "GET", manifestKey(2), "x-id=GetObject")
		}, 1},
		"by a reader within": {func(t *testing.T, s *Service) {
			if err := s.ReadShardManifest(t.Context(), theShard, 2); !errors.Is(err, origin.ErrNotFound) {
				t.Errorf("got %v", err)
			}
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &store{}
			fake.put(testShard+genA+"/data/x.lance", "old")
			s := newService(t, fake, Options{})
			publish(t, fake, s, 7, genA)
			if contents, _ := read(t, s, testShard+genA+"/data/x.lance"); contents != "old" {
				t.Fatalf("got %q", contents)
			}
			remake(t, fake)
			tt.look(t, s)
			if n := fake.count("HEAD " + manifestKey(7)); n != tt.heads {
				t.Errorf("asked %d times of its own", n)
			}
			if _, seen := s.generations.Newest(theShard); seen {
				t.Fatal("the old table's newest manifest is remembered")
			}
			if g := s.generations.Lookup("b", testShard+genA+"/"); g != nil {
				if state, _ := g.State(); state != publication.Violated {
					t.Errorf("the old generation is %s", state)
				}
			}
			if _, err := s.Get(t.Context(), Request{Bucket: "b", Key: testShard + genA + "/data/x.lance"}); !errors.Is(err, origin.ErrNotFound) {
				t.Errorf("the old object: %v", err)
			}
			publish(t, fake, s, 1, genB)
			for _, want := range []Outcome{Miss, Hit} {
				if contents, outcome := read(t, s, testShard+genB+"/data/x.lance"); contents != "new" || outcome != want {
					t.Errorf("the new one: %q, %s, want %s", contents, outcome, want)
				}
			}
		})
	}
}

func TestAnOldManifestThatWasCleanedUpChangesNothing(t *testing.T) {
	fake := &store{}
	fake.put(testShard+genA+"/data/x.lance", "old")
	s := newService(t, fake, Options{})
	publish(t, fake, s, 7, genA)
	ask(t, s, "GET", manifestKey(2), "")
	ask(t, s, "GET", manifestKey(8), "")            // the next one, which everybody looks for
	ask(t, s, "GET", manifestKey(7), "versionId=x") // another version of it
	response, err := s.Forward(t.Context(), &origin.Request{Method: http.MethodDelete, Bucket: "b", Key: manifestKey(3)},
		Effect{Bucket: "b", Keys: []string{manifestKey(3)}})
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if newest, seen := s.generations.Newest(theShard); !seen || newest.Version != 7 {
		t.Errorf("newest %+v, %t", newest, seen)
	}
	if _, outcome := read(t, s, testShard+genA+"/data/x.lance"); outcome != Miss {
		t.Errorf("the generation: %s", outcome)
	}
	if state, _ := s.generations.Lookup("b", testShard+genA+"/").State(); state != publication.Confirmed {
		t.Errorf("it is %s", state)
	}
}

func TestAManifestThatSaysSomethingElseUnderItsNumberIsOfAnotherTable(t *testing.T) {
	fake := &store{}
	s := newService(t, fake, Options{})
	publish(t, fake, s, 7, genA)
	publish(t, fake, s, 7, genA) // the same again
	if state, _ := s.generations.Lookup("b", testShard+genA+"/").State(); state != publication.Published {
		t.Errorf("it is %s", state)
	}
	publish(t, fake, s, 7, genB)
	if state, _ := s.generations.Lookup("b", testShard+genA+"/").State(); state != publication.Violated {
		t.Errorf("the old generation is %s", state)
	}
	if s.generations.Lookup("b", testShard+genB+"/") == nil {
		t.Error("the new generation is not published")
	}
}
