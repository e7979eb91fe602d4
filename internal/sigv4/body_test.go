package sigv4_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/sigv4"
)

// closer counts how often a request's body is closed.
type closer struct {
	io.Reader
	closed int
}

func (c *closer) Close() error {
	c.closed++
	return nil
}

func TestBodyPassesOnErrorsOfTheConnection(t *testing.T) {
	reset := errors.New("connection reset")
	for name, base := range map[string]func() draft{
		"unsigned":       func() draft { d := putDraft(); d.payload = "UNSIGNED-PAYLOAD"; return d },
		"literal hash":   putDraft,
		"signed chunks":  signedChunks,
		"signed trailer": signedTrailer,
	} {
		t.Run(name, func(t *testing.T) {
			d := base()
			r := d.request(t)
			id, err := newVerifier(t, sigv4.Options{}).Verify(r)
			if err != nil {
				t.Fatal(err)
			}
			all, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range []int{0, 1, 10, len(all) - 1, len(all)} {
				src := &closer{Reader: io.MultiReader(strings.NewReader(string(all[:n])), iotest.ErrReader(reset))}
				r.Body = src
				b, err := id.Body(r)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.Copy(io.Discard, b)
				if !errors.Is(err, reset) {
					t.Errorf("after %d bytes: got %v", n, err)
				}
				if got >= b.Length() && id.Payload != sigv4.PayloadUnsigned {
					t.Errorf("after %d bytes: all %d came out", n, got)
				}
				if err := b.Close(); err != nil || src.closed != 1 {
					t.Errorf("closed %d times, %v", src.closed, err)
				}
			}
			// And a body that net/http found too short is an incomplete one.
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader(string(all[:5])), iotest.ErrReader(io.ErrUnexpectedEOF)))
			b, err := id.Body(r)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, b); codeOf(err) != sigv4.CodeIncompleteBody {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestBodyOfLiteralHashInAnyPieces(t *testing.T) {
	for _, size := range []int{1, 2, 3, 7, 4096} {
		for kind, wrap := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "bytewise": iotest.OneByteReader,
			"halves": iotest.HalfReader, "with the end": iotest.DataErrReader,
		} {
			for _, buffer := range []int{1, 2, 3, 8192} {
				d := putDraft()
				d.body = strings.Repeat("abcdefg", 4096)[:size]
				d.payload = hexSHA256(d.body)
				r := d.request(t)
				id, err := newVerifier(t, sigv4.Options{}).Verify(r)
				if err != nil {
					t.Fatal(err)
				}
				r.Body = io.NopCloser(wrap(strings.NewReader(d.body)))
				b, err := id.Body(r)
				if err != nil {
					t.Fatal(err)
				}
				var got strings.Builder
				if _, err := io.CopyBuffer(struct{ io.Writer }{&got}, b, make([]byte, buffer)); err != nil || got.String() != d.body {
					t.Errorf("%d bytes, %s, buffer of %d: got %d bytes, %v", size, kind, buffer, got.Len(), err)
				}
				if n, err := b.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
					t.Errorf("after the end: %d, %v", n, err)
				}
			}
		}
	}
}

func TestUnverifiedDecodesWithoutKeys(t *testing.T) {
	for _, tt := range []struct {
		name  string
		base  func() draft
		after func(string) string
		parts func([]string) []string
		code  string
	}{
		{name: "a request without any signature", base: putDraft, after: func(s string) string {
			return drop("authorization")(drop("x-amz-content-sha256")(s))
		}},
		{name: "a literal hash", base: putDraft},
		{name: "a literal hash that is wrong", base: putDraft, parts: mapBody(replace("body", "bady")), code: sigv4.CodeContentSHA256Mismatch},
		{name: "a hash of something for an empty body", base: putDraft, parts: func([]string) []string { return nil }, code: sigv4.CodeContentSHA256Mismatch},
		{name: "signed chunks of another key", base: func() draft { d := signedChunks(); d.secret = "unknown"; return d }},
		{name: "a signed trailer", base: signedTrailer},
		{name: "a wrong checksum", base: unsignedTrailer, parts: edit(1, replace("bbb", "bab")), code: sigv4.CodeBadDigest},
		{name: "a hash of no known form", base: putDraft, after: func(s string) string {
			return drop("x-amz-content-sha256")(s) + "x-amz-content-sha256: x\n"
		}, code: sigv4.CodeInvalidArgument},
		{name: "two hashes", base: putDraft, after: add("x-amz-content-sha256: UNSIGNED-PAYLOAD"), code: sigv4.CodeInvalidRequest},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := tt.base()
			head, parts := d.sign(), []string(nil)
			parts = d.parts()
			if tt.after != nil {
				head = tt.after(head)
			}
			if tt.parts != nil {
				parts = tt.parts(parts)
			}
			r := withBody(t, head, strings.Join(parts, ""))
			err := func() error {
				id, err := sigv4.Unverified(r)
				if err != nil {
					return err
				}
				if id.AccessKey != "" || id.Signed("host") {
					t.Errorf("got %v", id)
				}
				b, err := id.Body(r)
				if err != nil {
					return err
				}
				_, err = io.Copy(io.Discard, b)
				return err
			}()
			if codeOf(err) != tt.code || tt.code == "" && err != nil {
				t.Errorf("got %v, want %q", err, tt.code)
			}
		})
	}
}

func TestBodyNeedsADecodedLength(t *testing.T) {
	d := unsignedTrailer()
	r := d.request(t)
	id, err := newVerifier(t, sigv4.Options{}).Verify(r)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range map[string][]string{"none": nil, "two": {"1", "1"}} {
		r.Header["X-Amz-Decoded-Content-Length"] = values
		_, err := id.Body(r)
		if e, ok := errors.AsType[*sigv4.Error](err); !ok || e.Code != sigv4.CodeMissingContentLength || e.Status != http.StatusLengthRequired {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTrailersAreKnownByNameBeforeTheyCome(t *testing.T) {
	d := signedTrailer()
	r := d.request(t)
	id, err := newVerifier(t, sigv4.Options{}).Verify(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := id.Body(r)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"x-amz-checksum-crc32"}, b.TrailerNames()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if b.Trailer() != nil {
		t.Errorf("got %v before the end", b.Trailer())
	}
	if _, err := io.Copy(io.Discard, b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(http.Header{"X-Amz-Checksum-Crc32": {d.trailers[0][1]}}, b.Trailer()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
