package warm_test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/warm"
)

// write puts an object through the object service, as clients and the engine do.
func (w *world) write(key string, contents []byte) {
	w.t.Helper()
	response, err := w.objects.Forward(w.t.Context(), &origin.Request{
		Method: http.MethodPut, Bucket: bucket, Key: key, Body: bytes.NewReader(contents), ContentLength: int64(len(contents)),
	}, object.Effect{Bucket: bucket, Keys: []string{key}, Replaces: true})
	if err != nil {
		w.t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		w.t.Fatalf("PUT %s: %s", key, response.Status)
	}
}

func TestAGenerationThatWasWrittenThroughIsWarmWithoutAGet(t *testing.T) {
	const objects, size = 14, 10_000
	for _, published := range []bool{true, false} {
		t.Run(fmt.Sprintf("published=%t", published), func(t *testing.T) {
			w := newWorld(t, nil)
			key := func(i int) string { return fmt.Sprintf("%sobject-%02d", gen, i) }
			for i := range objects {
				w.write(key(i), randomBytes(uint64(i), size))
			}
			if published {
				w.publish(genDir)
			}
			w.requests()
			a := w.warm(gen)
			if n := w.objectGets(); n != 0 {
				t.Errorf("%d objects were fetched", n)
			}
			if r := w.requests(); r.Head != objects || r.List != 1 && published {
				t.Errorf("warming asked for %+v", r)
			}
			if want := (warm.Source{WriteThroughBytes: objects * size}); a.State != warm.Warm || a.Receipt.Source != want {
				t.Errorf("%s: %+v, want %+v", a.State, a.Receipt.Source, want)
			}
			if !published {
				w.publish(genDir)
				w.warm(gen)
			}
			w.requests()
			for i := range objects {
				if !bytes.Equal(w.read(key(i)), randomBytes(uint64(i), size)) {
					t.Errorf("object %d has other bytes", i)
				}
			}
			if r := w.requests(); r != (warm.Requests{}) {
				t.Errorf("reading asked for %+v", r)
			}
			a = w.warm(gen)
			if want := (warm.Source{AlreadyBytes: objects * size}); a.Receipt.Source != want {
				t.Errorf("a second warm says %+v, want %+v", a.Receipt.Source, want)
			}
		})
	}
}

func TestWithoutWriteThroughAGenerationIsFetched(t *testing.T) {
	const objects, size = 14, 10_000
	w := newWorld(t, func(s *setup) { s.objects.WriteThroughOff = true })
	for i := range objects {
		w.write(fmt.Sprintf("%sobject-%02d", gen, i), randomBytes(uint64(i), size))
	}
	w.publish(genDir)
	w.requests()
	a := w.warm(gen)
	if r := w.requests(); r != (warm.Requests{List: 1, Get: objects}) {
		t.Errorf("warming asked for %+v", r)
	}
	if want := (warm.Source{OriginBytes: objects * size}); a.State != warm.Warm || a.Receipt.Source != want {
		t.Errorf("%s: %+v, want %+v", a.State, a.Receipt.Source, want)
	}
}

func TestWhatWasWrittenAndReplacedElsewhereIsFetched(t *testing.T) {
	w := newWorld(t, nil)
	w.write(gen+"a", randomBytes(1, 9000))
	w.write(gen+"b", randomBytes(2, 9000))
	w.origin.Put(bucket, gen+"b", randomBytes(3, 9000))
	w.publish(genDir)
	if a := w.warm(gen); a.State != warm.Warm || a.Receipt.Source != (warm.Source{OriginBytes: 9000, WriteThroughBytes: 9000}) {
		t.Errorf("%s: %+v", a.State, a.Receipt.Source)
	}
	if !bytes.Equal(w.read(gen+"b"), randomBytes(3, 9000)) {
		t.Error("bytes that were replaced")
	}
}
