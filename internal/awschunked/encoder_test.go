package awschunked

import (
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/hearthcache/hearth/internal/seedtest"
)

func TestEncode(t *testing.T) {
	crc := TrailerField{Name: "x-amz-checksum-crc32", ValueBytes: 8, Value: func() (string, error) { return "AAAAAA==", nil }}
	for _, tt := range []struct {
		name string
		o    EncoderOptions
		src  string
		want string
	}{
		{"nothing", EncoderOptions{}, "", "0\r\n\r\n"},
		{"one chunk", EncoderOptions{DecodedBytes: 11}, "hello world", "b\r\nhello world\r\n0\r\n\r\n"},
		{"chunks of five", EncoderOptions{DecodedBytes: 11, ChunkBytes: 5}, "hello world", "5\r\nhello\r\n5\r\n worl\r\n1\r\nd\r\n0\r\n\r\n"},
		{"whole chunks only", EncoderOptions{DecodedBytes: 10, ChunkBytes: 5}, "helloworld", "5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"},
		{"a trailer", EncoderOptions{DecodedBytes: 5, Trailers: []TrailerField{crc}}, "hello", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"},
		{"a trailer after nothing", EncoderOptions{Trailers: []TrailerField{crc}}, "", "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"},
	} {
		for kind, src := range map[string]io.Reader{
			"whole": strings.NewReader(tt.src), "bytewise": iotest.OneByteReader(strings.NewReader(tt.src)),
			"with the end": iotest.DataErrReader(strings.NewReader(tt.src)),
		} {
			t.Run(tt.name+" "+kind, func(t *testing.T) {
				e, err := NewEncoder(src, tt.o)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(iotest.OneByteReader(e))
				if err != nil || string(got) != tt.want {
					t.Errorf("got %q, %v; want %q", got, err, tt.want)
				}
				if n := tt.o.EncodedBytes(); n != int64(len(got)) {
					t.Errorf("announced %d bytes, wrote %d", n, len(got))
				}
			})
		}
	}
}

func TestEncodeNeverCompletesABadBody(t *testing.T) {
	broken := errors.New("connection reset")
	value := func(v string, err error) []TrailerField {
		return []TrailerField{{Name: "x-amz-checksum-crc32", ValueBytes: 8, Value: func() (string, error) { return v, err }}}
	}
	for _, tt := range []struct {
		name    string
		src     io.Reader
		o       EncoderOptions
		wantErr error
	}{
		{"a short source", strings.NewReader("hell"), EncoderOptions{DecodedBytes: 5}, ErrLength},
		{"an empty source", strings.NewReader(""), EncoderOptions{DecodedBytes: 5}, ErrLength},
		{"a short source that says so with its last bytes", iotest.DataErrReader(strings.NewReader("hell")), EncoderOptions{DecodedBytes: 5}, ErrLength},
		{"a long source", strings.NewReader("hello!"), EncoderOptions{DecodedBytes: 5}, ErrLength},
		{"a source that fails", io.MultiReader(strings.NewReader("hel"), iotest.ErrReader(broken)), EncoderOptions{DecodedBytes: 5}, broken},
		{"a source that fails instead of ending", io.MultiReader(strings.NewReader("hello"), iotest.ErrReader(broken)), EncoderOptions{DecodedBytes: 5}, broken},
		{"a source that fails with its last bytes", iotest.DataErrReader(io.MultiReader(strings.NewReader("hello"), iotest.ErrReader(broken))), EncoderOptions{DecodedBytes: 5}, broken},
		{"a trailer that fails", strings.NewReader("hello"), EncoderOptions{DecodedBytes: 5, Trailers: value("", broken)}, broken},
		{"a trailer of another length", strings.NewReader("hello"), EncoderOptions{DecodedBytes: 5, Trailers: value("AAAA", nil)}, ErrTrailer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := NewEncoder(tt.src, tt.o)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(e)
			if !errors.Is(err, tt.wantErr) {
				t.Errorf("got %v, want %v", err, tt.wantErr)
			}
			if int64(len(got)) >= tt.o.EncodedBytes() || strings.Contains(string(got), "\r\n0\r\n") {
				t.Errorf("the body was completed: %q", got)
			}
			if _, again := e.Read(make([]byte, 1)); !errors.Is(again, tt.wantErr) {
				t.Errorf("then %v", again)
			}
		})
	}
}

func TestEncoderOptionsAreChecked(t *testing.T) {
	fn := func() (string, error) { return "", nil }
	for name, o := range map[string]EncoderOptions{
		"a negative length":        {DecodedBytes: -1},
		"a negative chunk":         {ChunkBytes: -1},
		"a trailer without name":   {Trailers: []TrailerField{{ValueBytes: 1, Value: fn}}},
		"a trailer in upper case":  {Trailers: []TrailerField{{Name: "X-Amz-A", ValueBytes: 1, Value: fn}}},
		"a trailer without length": {Trailers: []TrailerField{{Name: "x-amz-a", Value: fn}}},
		"a trailer without value":  {Trailers: []TrailerField{{Name: "x-amz-a", ValueBytes: 1}}},
	} {
		if _, err := NewEncoder(strings.NewReader(""), o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// TestEncodeDecode sends random objects through both, trailers handed on from
// decoder to encoder as a proxy does.
func TestEncodeDecode(t *testing.T) {
	seed := seedtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 1))
	const name = "x-amz-checksum-crc32c"
	for range 200 {
		data := strings.Repeat("x", rng.IntN(50_000)) + "y"
		sum := checksumOf(t, name, data)
		field := TrailerField{Name: name, ValueBytes: len(sum), Value: func() (string, error) { return sum, nil }}
		o := EncoderOptions{DecodedBytes: int64(len(data)), ChunkBytes: int64(rng.IntN(9000)), Trailers: []TrailerField{field}}
		first, err := NewEncoder(strings.NewReader(data), o)
		if err != nil {
			t.Fatal(err)
		}
		d, err := NewDecoder(first, DecoderOptions{DecodedBytes: int64(len(data)), Trailers: []string{name}})
		if err != nil {
			t.Fatal(err)
		}
		o.ChunkBytes = 0
		o.Trailers[0].Value = func() (string, error) {
			if d.Trailer() == nil {
				return "", errors.New("asked for the trailer before it is there")
			}
			return d.Trailer().Get(name), nil
		}
		second, err := NewEncoder(d, o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(second)
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(got)) != o.EncodedBytes() || !strings.HasSuffix(string(got), "\r\n0\r\n"+name+":"+sum+"\r\n\r\n") {
			t.Fatalf("%d bytes came out as %d of %d", len(data), len(got), o.EncodedBytes())
		}
	}
}
