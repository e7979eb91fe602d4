package awschunked

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzDecoder feeds arbitrary bodies: no panic, never more than was announced,
// never all of it with an error, and the same outcome however the bytes arrive.
func FuzzDecoder(f *testing.F) {
	const crc = "x-amz-checksum-crc32"
	f.Add("b\r\nhello world\r\n0\r\n\r\n", int64(11), "", false, false)
	f.Add("5\r\nhello\r\n6\r\n world\r\n0\r\n"+crc+":DUoRhQ==\r\n\r\n", int64(11), crc, false, false)
	f.Add(signedChunk("hello world")+signedChunk("")+"\r\n", int64(11), "", true, false)
	f.Add(signedChunk("hello world")+signedChunk("")+crc+":DUoRhQ==\n\r\n"+trailerSignatureOf(crc+":DUoRhQ==\n")+"\r\n", int64(11), crc, true, true)
	f.Add("0\r\n\r\n", int64(0), "", false, false)
	f.Add("fffffffffffffff\r\nx", int64(1), "", false, false)
	f.Fuzz(func(t *testing.T, body string, length int64, trailer string, signed, sealed bool) {
		decode := func(r io.Reader) ([]byte, error) {
			o := DecoderOptions{DecodedBytes: length, SignedTrailer: sealed}
			if trailer != "" {
				o.Trailers = strings.Split(trailer, ",")
			}
			if signed {
				o.Signatures = &fakeSignatures{}
			}
			d, err := NewDecoder(r, o)
			if err != nil {
				return nil, err
			}
			got, err := io.ReadAll(d)
			if (err == nil) != (d.Trailer() != nil) {
				t.Errorf("trailer %v with error %v", d.Trailer(), err)
			}
			return got, err
		}
		got, err := decode(strings.NewReader(body))
		if err == nil && int64(len(got)) != length {
			t.Errorf("got %d of %d bytes without an error", len(got), length)
		}
		if err != nil && len(got) > 0 && int64(len(got)) >= length {
			t.Errorf("got all %d bytes with error %v", len(got), err)
		}
		again, errAgain := decode(iotest.OneByteReader(strings.NewReader(body)))
		if (err == nil) != (errAgain == nil) || err == nil && string(got) != string(again) {
			t.Errorf("byte by byte: got %q and %v, then %q and %v", got, err, again, errAgain)
		}
	})
}

// FuzzEncoder encodes arbitrary objects and decodes them again.
func FuzzEncoder(f *testing.F) {
	f.Add("hello world", int64(0), "AAAAAA==")
	f.Add("", int64(1), "")
	f.Add(strings.Repeat("x", 5000), int64(4096), "abc")
	f.Fuzz(func(t *testing.T, data string, chunkBytes int64, value string) {
		o := EncoderOptions{DecodedBytes: int64(len(data)), ChunkBytes: chunkBytes}
		var names []string
		if value != "" {
			names = []string{"x-amz-checksum-other"}
			o.Trailers = []TrailerField{{Name: names[0], ValueBytes: len(value), Value: func() (string, error) { return value, nil }}}
		}
		e, err := NewEncoder(strings.NewReader(data), o)
		if err != nil {
			if chunkBytes >= 0 {
				t.Fatal(err)
			}
			return
		}
		body, err := io.ReadAll(e)
		if err != nil || int64(len(body)) != o.EncodedBytes() {
			t.Fatalf("encoded to %d bytes of %d: %v", len(body), o.EncodedBytes(), err)
		}
		d, err := NewDecoder(strings.NewReader(string(body)), DecoderOptions{DecodedBytes: int64(len(data)), Trailers: names})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(d)
		if errors.Is(err, ErrTrailer) || errors.Is(err, ErrMalformed) { // a value that no header can carry
			return
		}
		if err != nil || string(got) != data {
			t.Fatalf("decoded to %d bytes of %d: %v", len(got), len(data), err)
		}
	})
}
