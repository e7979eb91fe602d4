package admin

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// slowClient is both ends of a client that sends a byte, and takes a piece, each second; it keeps to deadlines.
type slowClient struct {
	http.ResponseWriter
	read, write time.Time
}

func (s *slowClient) SetReadDeadline(t time.Time) error  { s.read = t; return nil }
func (s *slowClient) SetWriteDeadline(t time.Time) error { s.write = t; return nil }

func (s *slowClient) Read(p []byte) (int, error) {
	if wait(time.Second, s.read) {
		return 0, os.ErrDeadlineExceeded
	}
	return copy(p, "x"), nil
}

func (s *slowClient) Write(p []byte) (int, error) {
	if wait(time.Duration(len(p))*time.Second/1024, s.write) { // 1 KiB a second
		return 0, os.ErrDeadlineExceeded
	}
	return len(p), nil
}

// wait lets time pass, and says whether a deadline came first.
func wait(d time.Duration, deadline time.Time) (late bool) {
	if !deadline.IsZero() && time.Until(deadline) < d {
		d, late = time.Until(deadline), true
	}
	<-time.After(d)
	return late
}

func TestABodyThatIsReadForNothingEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &slowClient{ResponseWriter: httptest.NewRecorder()}
		a := &api{Options: Options{MaxWriteBytes: DefaultMaxWriteBytes}}
		body, err := a.rowsBody(c, httptest.NewRequest(http.MethodPost, "/", c))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := io.ReadFull(body, make([]byte, 100)); err != nil { // slow, but it goes on
			t.Fatal(err)
		}
		if got := time.Since(began); got != 100*time.Second {
			t.Errorf("a hundred bytes took %s", got)
		}
		began = time.Now()
		body.drain()
		if got := time.Since(began); got != drainTimeout {
			t.Errorf("the rest was read for %s", got)
		}
	})
}

func TestAClientThatTakesLittleIsNotCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &slowClient{ResponseWriter: httptest.NewRecorder()}
		out := &rowsAnswer{w: c}
		if n, err := out.Write(make([]byte, 1<<20)); n != 1<<20 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
}
