package object

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/hearthcache/hearth/internal/origin"
)

func TestForwardedRequestsAreBoundedByKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		fake := &store{before: func(call string) error {
			if strings.HasPrefix(call, "DO PUT") {
				<-release
			}
			return nil
		}}
		s := newService(t, fake, Options{Forwards: 2})
		forward := func(ctx context.Context, method string) error {
			response, err := s.Forward(ctx, &origin.Request{Method: method, Bucket: "b", Key: "k"}, Effect{})
			if err == nil {
				_ = response.Body.Close()
			}
			return err
		}
		var uploads sync.WaitGroup
		for range 2 + 2*queuePerSlot - 1 {
			uploads.Go(func() {
				if err := forward(t.Context(), http.MethodPut); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait() // so that who leaves is one that waits
		impatient, leave := context.WithCancel(t.Context())
		uploads.Go(func() {
			if err := forward(impatient, http.MethodPut); !errors.Is(err, context.Canceled) {
				t.Errorf("who left got %v", err)
			}
		})
		synctest.Wait()
		if n := fake.count("DO PUT"); n != 2 {
			t.Errorf("%d uploads are under way", n)
		}
		if err := forward(t.Context(), http.MethodPut); !errors.Is(err, ErrBusy) {
			t.Errorf("one too many got %v", err)
		}
		if err := forward(t.Context(), http.MethodGet); err != nil {
			t.Errorf("a read beside uploads: %v", err)
		}
		leave()
		synctest.Wait()
		uploads.Go(func() {
			if err := forward(t.Context(), http.MethodDelete); err != nil {
				t.Errorf("in the place of who left: %v", err)
			}
		})
		synctest.Wait()
		close(release)
		uploads.Wait()
		if n := fake.count("DO PUT"); n != 2+2*queuePerSlot-1 {
			t.Errorf("%d uploads were sent", n)
		}
	})
}

func TestASlotIsHeldUntilTheAnswerWasPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &store{}
		s := newService(t, fake, Options{Forwards: 1})
		get := &origin.Request{Method: http.MethodGet, Bucket: "b", Key: "k"}
		first, err := s.Forward(t.Context(), get, Effect{})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() {
			second, err := s.Forward(t.Context(), get, Effect{})
			if err == nil {
				err = second.Body.Close()
			}
			done <- err
		}()
		synctest.Wait()
		if n := fake.count("DO GET"); n != 1 {
			t.Errorf("%d requests are under way", n)
		}
		_, _ = first.Body.Close(), first.Body.Close() // twice gives one slot back
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(s.reads.slots) != 0 {
			t.Errorf("%d slots are taken", len(s.reads.slots))
		}
	})
}

func TestARequestThatFailsGivesItsSlotBack(t *testing.T) {
	s := newService(t, &store{before: func(string) error { return origin.ErrUnavailable }}, Options{Forwards: 1})
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		for range 3 {
			if _, err := s.Forward(t.Context(), &origin.Request{Method: method, Bucket: "b", Key: "k"}, Effect{Bucket: "b", Keys: []string{"k"}}); !errors.Is(err, origin.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		}
	}
}
